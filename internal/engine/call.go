package engine

import (
	"cmp"
	"context"
	"errors"
	"math"
	"time"

	"github.com/reprise-go/reprise/internal/flight"
	"github.com/reprise-go/reprise/internal/memory"
	"github.com/reprise-go/reprise/store"
)

// attempt is what one execution knows of its beginning.
type attempt struct {
	begun  uint64 // sequence number that the result is filed under
	stored bool   // begun is the store's, so the result may be put there
	life   uint64 // Engine.life at the beginning: begun is a number of that life
	reason Reason
	stale  *Entry // an expired value that may stand in for an error
	err    error  // the store's failure at the lookup
}

// Do serves a call that the memory tier did not answer.
func (e *Engine) Do(ctx context.Context, f *Function, c *Call) (Result, error) {
	if e.closed.Load() {
		return Result{Outcome: Failed}, ErrClosed
	}
	e.called()
	for {
		r, err := e.attend(ctx, f, c)
		if !errors.Is(err, flight.ErrAbandoned) {
			return r, err
		}
	}
}

// attend joins the flight of the call, or leads a new one where there is none
// or the one there began before a clear.
func (e *Engine) attend(ctx context.Context, f *Function, c *Call) (Result, error) {
	gens := e.generations(f)
	begun := gens.Seq()
	fl, leader, err := e.flights.Join(ctx, c.flight(f), begun, func(o *flight.Call[*Result]) bool {
		return gens.Current(c.Key, c.Hides, o.Begun())
	})
	if err != nil {
		return Result{Outcome: Failed}, err
	}
	if !leader {
		if !e.upToDate(ctx, f, c, fl) {
			return Result{}, flight.ErrAbandoned
		}
		return e.await(ctx, f, c, fl, false)
	}
	if r, err := e.lead(f, c, fl, begun); r != nil || err != nil {
		return *cmp.Or(r, &Result{Outcome: Failed}), err
	}
	return e.await(ctx, f, c, fl, true)
}

// flight is the key under which calls join: refreshes join only refreshes,
// and a function that stores nothing does not execute for one that does.
func (c *Call) flight(f *Function) store.Key {
	k := c.Key
	k[0] ^= byte(c.Mode)
	if f.Ephemeral {
		k[1] ^= 1
	}
	return k
}

// lead looks the call up, on the caller's goroutine where that takes no
// network, and sees to it that the flight ends. It returns what the look
// found; without that an execution is under way.
func (e *Engine) lead(f *Function, c *Call, fl *flight.Call[*Result], begun uint64) (*Result, error) {
	defer fl.Abandon()
	if !f.Ephemeral && !e.isLocal() {
		fl.Go(func(ctx context.Context) (*Result, error) {
			a := attempt{begun: begun}
			// The look has its own deadline: a store that hangs must be seen to
			// hang although all callers leave before.
			r, err := e.lookup(context.WithoutCancel(ctx), f, c, &a)
			switch {
			case r != nil || err != nil:
				return r, err
			case ctx.Err() != nil: // nobody waits for the function any more
				return nil, context.Cause(ctx)
			}
			return e.execute(ctx, f, c, &a)
		})
		return nil, nil
	}
	a := attempt{begun: begun}
	if r, err := e.lookup(context.Background(), f, c, &a); r != nil || err != nil {
		fl.Finish(r, err)
		return r, err
	}
	fl.Go(func(ctx context.Context) (*Result, error) { return e.execute(ctx, f, c, &a) })
	return nil, nil
}

func (e *Engine) isLocal() bool {
	i := e.info.Load()
	return i != nil && i.Local
}

// await takes one caller's share of a flight.
func (e *Engine) await(ctx context.Context, f *Function, c *Call, fl *flight.Call[*Result], leader bool) (Result, error) {
	shared, err := fl.Wait(ctx)
	if err != nil {
		return Result{Outcome: Failed}, err
	}
	r := *shared
	switch {
	case r.Failure != nil:
		return r, nil
	case !leader && !e.untagged(f, &r):
		return Result{}, flight.ErrAbandoned
	case leader && r.ran:
		r.Value, r.Owned = r.own, true
		return r, nil
	case leader:
		return r, nil
	case r.unshared != nil:
		return e.apart(ctx, f, c, r)
	}
	if r.ran || r.Outcome == Waited {
		r.Outcome, r.own = Joined, nil
	}
	return r, nil
}

// upToDate reports whether an execution began after all clears, though nobody
// may have looked at the store's changes for a while. Where it did not, the
// caller leaves it. Where the store does not answer the caller stays: sharing
// beats running everything as often as it is called.
func (e *Engine) upToDate(ctx context.Context, f *Function, c *Call, fl *flight.Call[*Result]) bool {
	if f.Ephemeral || e.gens.Trusted() || !e.inStep(ctx) || e.gens.Current(c.Key, c.Hides, fl.Begun()) {
		return true
	}
	fl.Leave(ctx, flight.ErrAbandoned)
	return false
}

// untagged reports whether no tag of a shared result was invalidated since its
// execution began. Tags are known at the end only, so a caller may have joined
// after the invalidation; he joins again.
func (e *Engine) untagged(f *Function, r *Result) bool {
	return len(r.tags) == 0 || e.generations(f).LabelsCurrent(hides(&Call{}, r.tags), r.asOf)
}

// apart runs the function for a caller that joined an execution whose result
// cannot be copied.
func (e *Engine) apart(ctx context.Context, f *Function, c *Call, r Result) (Result, error) {
	v, cost, err := e.run(ctx, f, c)
	if err != nil {
		return Result{Outcome: Failed, Failure: err}, nil
	}
	return Result{Value: v, Owned: true, Outcome: PutFailed, Reason: NotSerializable, Cost: cost, Err: r.unshared}, nil
}

// begin finds the store's present number for an execution that looks nothing
// up.
func (e *Engine) begin(ctx context.Context, f *Function, a *attempt) error {
	if f.Ephemeral {
		return nil
	}
	if err := e.sync(ctx); err != nil {
		return err
	}
	a.life = e.life.Load()
	a.begun, a.stored = e.gens.Seq(), true
	return nil
}

// remember puts a value into the memory tier, filed under a number of a life
// of the store that must still be the present one.
func (e *Engine) remember(f *Function, c *Call, ent *Entry, asOf, life uint64, labels []store.Label, until lifetime) {
	if f.memory == nil || life != e.life.Load() {
		return
	}
	ent.Key = c.Key
	if f.RefreshAfter > 0 && ent.Err == nil {
		ent.refresh.Store(ent.made + int64(f.RefreshAfter))
	}
	size := int64(len(c.Memory))
	if ent.Err == nil {
		size += f.Codec.Size(ent.Value)
	}
	f.memory.Put(c.Memory, memory.Entry[*Entry]{
		Value: ent, Key: c.Key, Labels: labels, AsOf: asOf, Bytes: size,
		Deadline: until.deadline, GraceUntil: until.grace,
	})
	if life != e.life.Load() {
		f.memory.Delete(c.Memory) // the store began anew in between
	}
}

// lifetime is an expiry on the process's clock. Zero is for ever.
type lifetime struct{ deadline, grace int64 }

// lifetimeFrom converts an absolute expiry of a clock that showed now at the
// time at of the process's clock, or later.
func lifetimeFrom(at int64, expires, now time.Time, grace time.Duration) lifetime {
	if expires.IsZero() {
		return lifetime{}
	}
	d := after(at, expires.Sub(now))
	return lifetime{deadline: d, grace: after(d, grace)}
}

// after is at plus d, at most the end of the clock: what lives longer than
// that lives for ever.
func after(at int64, d time.Duration) int64 {
	if int64(d) > math.MaxInt64-at {
		return math.MaxInt64
	}
	return max(1, at+int64(d))
}
