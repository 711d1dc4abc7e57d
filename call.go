package reprise

import (
	"context"
	"errors"
	"time"

	"github.com/reprise-go/reprise/internal/engine"
)

// do serves one call in full.
func (f *Func[In, Out]) do(ctx context.Context, s *settings, in In, r *Result[Out]) error {
	mode := f.mode(s)
	if err := f.refused(mode); err != nil {
		r.Outcome = Failed
		f.fn.Count(r.Outcome, r.Reason, 0)
		return wrapped("call", f.opts.Name, nil, err)
	}
	if mode == Off {
		return f.uncached(ctx, in, r, Bypassed, ModeOff, nil)
	}
	sc := f.keys.get(in)
	defer f.keys.put(sc)
	if err := f.keys.encode(ctx, s, sc); err != nil {
		return f.unkeyed(ctx, in, r, err)
	}
	w := f.plan(s, sc, in)
	c := &w.call
	c.Mode = engine.Mode(mode)
	if c.Mode == engine.Use || c.Mode == engine.ReadOnly {
		if done, err := f.remembered(ctx, w, r); done {
			return err
		}
	}
	er, err := f.serve(ctx, w.keep())
	r.fill(&er, c.Key)
	if errors.Is(err, ErrStore) {
		r.Reason, r.Err = StoreError, err
	}
	if err == nil && er.Failure == nil {
		r.Value, err = f.values.take(er.Value, er.Owned)
	}
	f.fn.Count(r.Outcome, r.Reason, r.Cost)
	if er.Failure != nil {
		return er.Failure
	}
	if er.Outcome == HitStale && er.Reason == RefreshDue && c.Mode == engine.Use {
		f.cache.engine.Refresh(ctx, &f.fn, c)
	}
	return wrapped("call", f.opts.Name, &c.Key, err)
}

// refused says why a call is not served at all.
func (f *Func[In, Out]) refused(m Mode) error {
	if f.cache.engine.Closed() {
		return ErrClosed
	}
	return refuse(m > WriteOnly, "WithMode: %d is no mode", m)
}

// serve passes a call on to the engine, and counts it where the function's
// panic or Goexit comes back instead of a result.
func (f *Func[In, Out]) serve(ctx context.Context, c *engine.Call) (engine.Result, error) {
	returned := false
	defer func() {
		if !returned {
			f.fn.Count(Failed, NoReason, 0)
		}
	}()
	r, err := f.cache.engine.Do(ctx, &f.fn, c)
	returned = true
	return r, err
}

// remembered answers from memory where it can.
func (f *Func[In, Out]) remembered(ctx context.Context, w *work[In, Out], r *Result[Out]) (bool, error) {
	en, c := f.cache.engine, &w.call
	ent, ok := en.Recall(ctx, &f.fn, c.Memory)
	if !ok {
		return false, nil
	}
	r.Outcome, r.Tier, r.Key = HitMemory, TierMemory, c.Key
	r.Created, r.Expires, r.Age, r.Cost = ent.Created, ent.Expires, en.Age(ent), ent.Cost
	if ent.Err != nil {
		f.fn.Count(r.Outcome, r.Reason, r.Cost)
		return true, ent.Err
	}
	if f.opts.RefreshAfter > 0 && r.Age >= f.opts.RefreshAfter {
		r.Outcome, r.Reason = HitStale, RefreshDue
		if c.Mode == engine.Use && en.RefreshDue(ent) {
			en.Refresh(ctx, &f.fn, w.keep())
		}
	}
	f.fn.Count(r.Outcome, r.Reason, r.Cost)
	var err error
	r.Value, err = f.values.take(ent.Value, false)
	return true, wrapped("call", f.opts.Name, &c.Key, err)
}

// unkeyed runs a call that has no sound key without the cache, unless it is
// the caller who gave up, or the store that failed under FailClosed.
func (f *Func[In, Out]) unkeyed(ctx context.Context, in In, r *Result[Out], err error) error {
	switch {
	case ctx.Err() != nil:
		r.Outcome = Failed
		f.fn.Count(r.Outcome, r.Reason, r.Cost)
		return wrapped("call", f.opts.Name, nil, context.Cause(ctx))
	case errors.Is(err, ErrStore) && f.fn.FailClosed, errors.Is(err, ErrClosed):
		r.Outcome, r.Reason, r.Err = Failed, StoreError, err
		f.fn.Count(r.Outcome, r.Reason, r.Cost)
		return wrapped("call", f.opts.Name, nil, err)
	case errors.Is(err, ErrStore):
		return f.uncached(ctx, in, r, LookupFailed, StoreError, err)
	case errors.Is(err, ErrScopeMissing):
		return f.uncached(ctx, in, r, Skipped, ScopeMissing, err)
	}
	return f.uncached(ctx, in, r, Skipped, KeyError, err)
}

// uncached runs the function for this caller alone.
func (f *Func[In, Out]) uncached(ctx context.Context, in In, r *Result[Out], o Outcome, why Reason, cause error) error {
	if f.opts.MaxRun > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.opts.MaxRun, ErrMaxRun)
		defer cancel()
	}
	r.Outcome, r.Reason = Failed, why // unless the function returns a value
	r.Err = wrapped("call", f.opts.Name, nil, cause)
	began := time.Now()
	defer func() {
		r.Cost = time.Since(began)
		f.fn.Ran(r.Cost)
		f.fn.Count(r.Outcome, r.Reason, r.Cost)
	}()
	v, err := f.call(ctx, in)
	r.Value = v
	if err == nil {
		r.Outcome = o
	}
	return err
}
