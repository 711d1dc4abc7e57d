package reprise

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/internal/engine"
	"github.com/reprise-go/reprise/internal/value"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/version"
)

// Wrap returns fn as a cached function. Nil options are the defaults. All that
// can be known to be wrong is an error here: a nil function, a function without
// a telling name, options that contradict each other, an input type that cannot
// be keyed, a result type that cannot be stored, a version that cannot be
// found.
//
// fn must give the same result for the same inputs, and must not modify its
// inputs. Its ctx has the values of the first caller's ctx and is cancelled
// when the last of those who wait for it has left.
func Wrap[In, Out any](c *Cache, fn func(context.Context, In) (Out, error), o *Options[In, Out]) (*Func[In, Out], error) {
	f, err := build(c, fn, o)
	if err != nil {
		return nil, err
	}
	if err := c.register(f.identity(), codeOf(fn), &f.fn); err != nil {
		return nil, err
	}
	return f, nil
}

// MustWrap is Wrap for package variables and main functions: it panics where
// Wrap returns an error.
func MustWrap[In, Out any](c *Cache, fn func(context.Context, In) (Out, error), o *Options[In, Out]) *Func[In, Out] {
	f, err := Wrap(c, fn, o)
	if err != nil {
		panic(err)
	}
	return f
}

func build[In, Out any](c *Cache, fn func(context.Context, In) (Out, error), o *Options[In, Out]) (*Func[In, Out], error) {
	if err := together(refuse(c == nil, "the cache is nil"), refuse(fn == nil, "the function is nil")); err != nil {
		return nil, fmt.Errorf("reprise: wrap: %w", err)
	}
	opts, err := o.complete()
	if opts.Name == "" {
		name, unnamed := functionName(fn)
		opts.Name, err = name, together(err, unnamed)
	}
	if err != nil {
		return nil, wrapped("wrap", opts.Name, nil, err)
	}
	if opts.Serialize && !c.engine.Leases() {
		return nil, refuse(true, "wrap %s: option Serialize: the store has no leases (it is no store.Leaser), so it cannot keep other processes from running the function; within this process identical calls share one execution anyway", opts.Name)
	}
	f := &Func[In, Out]{cache: c, call: fn, opts: opts, values: newValues(opts.Codec, opts.Shared)}
	f.opts.Params.Func, f.opts.Params.Name = fn, opts.Name
	for _, step := range []func() error{f.resolve, f.compile, func() error { return f.values.check(opts.Residency) }} {
		if err := step(); err != nil {
			return nil, wrapped("wrap", opts.Name, nil, err)
		}
	}
	f.assemble()
	return f, nil
}

// resolve finds the version.
func (f *Func[In, Out]) resolve() (err error) {
	f.version, err = version.Resolve(context.Background(), version.Spec{
		Version: f.opts.Version, Salt: f.opts.Salt, Policies: f.opts.Policies, Params: f.opts.Params,
	})
	return err
}

// compile prepares the keys.
func (f *Func[In, Out]) compile() (err error) {
	k := &f.keys
	k.engine, k.keyFunc, k.linked, k.scope = f.cache.engine, f.opts.KeyFunc, !f.opts.Unlinked, f.opts.Scope
	id := f.identity()
	k.prefix = id.digest()
	if k.keyFunc == nil {
		k.enc, err = canon.Compile(reflect.TypeFor[In](), canon.Options{Ignore: f.opts.IgnoredInputs})
	}
	return err
}

func (f *Func[In, Out]) identity() identity {
	return identity{collection: f.opts.Collection, name: f.opts.Name, version: f.version.String(), salt: f.opts.Salt,
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
}

// assemble describes the function to the engine.
func (f *Func[In, Out]) assemble() {
	o := &f.opts
	if in := reflect.TypeFor[In](); value.Immutable(in) {
		f.immutable = true
	} else {
		f.inputs, _ = value.CompileClone(in)
	}
	f.fn = engine.Function{
		Name: o.Name, Collection: o.Collection, Ephemeral: o.Residency == Ephemeral, FailClosed: o.OnStoreError == FailClosed,
		Serialize: o.Serialize, LeaseTTL: o.LeaseTTL, MaxRun: o.MaxRun, TTL: f.ttl,
		RefreshAfter: o.RefreshAfter, StaleOnError: o.StaleOnError, ErrorTTL: o.ErrorTTL,
		Codec: f.values.engineCodec(),
	}
	if o.Residency != Transient {
		f.cache.engine.Equip(&f.fn, o.MaxSize)
	}
	f.labels = store.Labels{Kind: store.KindFunction, Collection: o.Collection, Function: o.Name, Version: f.version.String()}
	f.hides = f.labels.Of(nil, store.Evict)
}

// ttl is a result's time to live, and whether to keep it at all.
func (f *Func[In, Out]) ttl(v any) (time.Duration, bool) {
	ttl := f.opts.TTL
	if f.opts.TTLFunc != nil {
		switch d := f.opts.TTLFunc(*v.(*Out)); {
		case d < 0:
			return 0, false
		case d > 0:
			ttl = d
		}
	}
	if ttl > 0 && f.opts.Jitter > 0 {
		ttl = max(1, ttl-rand.N(f.opts.Jitter))
	}
	return ttl, true
}
