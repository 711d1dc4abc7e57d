package reprise

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/reprise-go/reprise/internal/engine"
	"github.com/reprise-go/reprise/internal/value"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/version"
)

// Func is a cached function. It is safe for concurrent use.
type Func[In, Out any] struct {
	cache   *Cache
	call    func(context.Context, In) (Out, error)
	opts    Options[In, Out]
	version version.Version
	keys    keyer[In]
	values  *values[Out]
	fn      engine.Function
	// inputs copies an input for an execution that outlives its call; nil
	// where that is needless, for immutable inputs, or impossible.
	inputs    value.Cloner
	immutable bool
	labels    store.Labels  // of a call outside of any dataset
	hides     []store.Label // of the same
}

// Name is what the function's results are filed under.
func (f *Func[In, Out]) Name() string { return f.opts.Name }

// Version is the version under which results are filed, with the parts that
// policies gave.
func (f *Func[In, Out]) Version() version.Version { return f.version }

// IgnoredInputs are the paths of inputs that do not count. The slice is the
// caller's.
func (f *Func[In, Out]) IgnoredInputs() []string { return slices.Clone(f.opts.IgnoredInputs) }

// Call returns the function's result for in: remembered, shared with an
// identical call under way, or computed. The error is the function's own, or
// ctx's where the caller leaves first; then the function is cancelled only if
// nobody else waits for it. A panic of the function reaches the caller as a
// *PanicError.
func (f *Func[In, Out]) Call(ctx context.Context, in In) (Out, error) {
	s := settingsIn(ctx)
	if f.fn.Equipped() && f.mode(s) == Use {
		sc := f.keys.get(in)
		if ent, ok := f.recall(ctx, s, sc); ok {
			f.keys.put(sc)
			return f.values.take(ent.Value, false)
		}
		f.keys.put(sc)
	}
	var r Result[Out]
	err := f.do(ctx, s, in, &r)
	return r.Value, err
}

// Do is Call, and tells what became of the call.
func (f *Func[In, Out]) Do(ctx context.Context, in In) (Result[Out], error) {
	var r Result[Out]
	err := f.do(ctx, settingsIn(ctx), in, &r)
	return r, err
}

// Uncached calls the function itself. The cache is neither read nor written,
// and identical calls are not joined.
func (f *Func[In, Out]) Uncached(ctx context.Context, in In) (Out, error) {
	began := time.Now()
	defer func() {
		f.fn.Ran(time.Since(began))
		f.fn.Skip(engine.Bypassed, engine.ModeOff)
	}()
	return f.call(ctx, in)
}

// mode is how a call with s uses the cache.
func (f *Func[In, Out]) mode(s *settings) Mode {
	if s != nil && s.moded {
		return s.mode
	}
	return f.cache.mode
}

// recall looks into memory for a plain hit.
func (f *Func[In, Out]) recall(ctx context.Context, s *settings, sc *scratch[In]) (*engine.Entry, bool) {
	if f.keys.encode(ctx, s, sc) != nil {
		return nil, false
	}
	var buf [1 + sha256.Size]byte
	return f.cache.engine.Hit(&f.fn, memoryKey(sc.key, &buf))
}

// Set files out as the result for in, over any execution under way. A value
// that the codec cannot give back as it was is refused with
// ErrNotSerializable, a call without a sound key with the reason.
func (f *Func[In, Out]) Set(ctx context.Context, in In, out Out) error {
	return f.act(ctx, "set", in, func(ctx context.Context, c *engine.Call) error {
		return f.cache.engine.Set(ctx, &f.fn, c, &out)
	})
}

// Clear forgets the result for in, in every tier and, within
// Config.CoherenceInterval, in every process. An execution under way gives its
// callers their result and is not remembered.
func (f *Func[In, Out]) Clear(ctx context.Context, in In) error {
	return f.act(ctx, "clear", in, func(ctx context.Context, c *engine.Call) error {
		_, err := f.cache.engine.Clear(ctx, &f.fn, c)
		return err
	})
}

// act does an explicit operation on the entry of one input. Modes are about
// calls: they do not keep anyone from what he asks for by name.
func (f *Func[In, Out]) act(ctx context.Context, op string, in In, do func(context.Context, *engine.Call) error) error {
	s := settingsIn(ctx)
	sc := f.keys.get(in)
	defer f.keys.put(sc)
	if err := f.keys.encode(ctx, s, sc); err != nil {
		return wrapped(op, f.opts.Name, nil, err)
	}
	c := &f.plan(s, sc, in).call
	return wrapped(op, f.opts.Name, &c.Key, do(ctx, c))
}

// ClearOptions narrow a ClearAll. Nil and the zero value clear everything of
// the function.
type ClearOptions struct {
	// Dataset clears only results linked to it; empty: all.
	Dataset string
}

// ClearAll forgets all results of the function, of every version, or those of
// one dataset, in one write however many there are. It returns how many there
// were: in the store, or for Ephemeral in this process.
func (f *Func[In, Out]) ClearAll(ctx context.Context, o *ClearOptions) (int, error) {
	label := store.FunctionLabel(store.KindFunction, f.opts.Collection, f.opts.Name)
	if o != nil && o.Dataset != "" {
		label = store.FunctionDatasetLabel(store.KindFunction, f.opts.Collection, f.opts.Name, o.Dataset)
	}
	if f.fn.Ephemeral {
		n, err := f.cache.engine.ClearEphemeral(&f.fn, label)
		return n, wrapped("clear all", f.opts.Name, nil, err)
	}
	n, err := f.cache.engine.ClearLabel(ctx, label)
	return n, wrapped("clear all", f.opts.Name, nil, err)
}

// Peek says whether a call would hit, and returns what it would. It runs
// nothing and changes nothing. Where the call would run the function it
// returns ErrMiss; *MissError has the reason, as has Result.Reason. Where it
// would return a remembered error (Options.ErrorTTL), so does Peek. The mode
// does not matter.
func (f *Func[In, Out]) Peek(ctx context.Context, in In) (Result[Out], error) {
	var r Result[Out]
	err := f.act(ctx, "peek", in, func(ctx context.Context, c *engine.Call) error {
		er, err := f.cache.engine.Peek(ctx, &f.fn, c)
		r.fill(&er, c.Key)
		if err != nil {
			return err
		}
		switch {
		case er.Outcome == 0:
			return &MissError{Reason: er.Reason}
		case er.Failure != nil:
			return er.Failure
		}
		r.Value, err = f.values.take(er.Value, false)
		return err
	})
	return r, err
}
