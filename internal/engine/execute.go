package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/internal/flight"
)

// execute runs the function and files what it returns. ctx is the flight's.
func (e *Engine) execute(ctx context.Context, f *Function, c *Call, a *attempt) (*Result, error) {
	if f.Serialize && e.leases != nil && a.stored && c.Mode.writes() {
		return e.serialized(ctx, f, c, a)
	}
	return e.alone(ctx, f, c, a, nil)
}

// run calls the function under its time limit.
func (e *Engine) run(ctx context.Context, f *Function, c *Call) (v any, cost time.Duration, err error) {
	if f.MaxRun > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.MaxRun, ErrMaxRun)
		defer cancel()
	}
	began := e.clock.Now()
	defer func() { // also when the function panics
		cost = time.Duration(e.clock.Now() - began)
		f.Counters.ran(cost)
	}()
	v, err = c.Work.Run(ctx)
	if err != nil && ctx.Err() != nil {
		err = because(err, context.Cause(ctx))
	}
	return v, 0, err
}

// failed gives the stale value that may stand in for a failure, or the
// failure, which it remembers where the function's ErrorTTL asks for it.
func (e *Engine) failed(f *Function, c *Call, a *attempt, err error) *Result {
	if s := a.stale; s != nil && e.mayStandIn(f, s) && e.generations(f).Current(c.Key, hides(c, s.tags), a.begun) {
		tier := TierStore
		if f.Ephemeral {
			tier = TierMemory
		}
		r := e.result(s, HitStale, tier)
		r.Reason, r.Err, r.asOf = FunctionFailed, err, a.begun
		return r
	}
	r := &Result{Outcome: Failed, Reason: a.reason, Err: a.err, Failure: err}
	if f.ErrorTTL != nil && f.memory != nil && c.Mode == Use && !interrupted(err) {
		e.rememberError(f, c, a, r)
	}
	return r
}

// interrupted reports whether the execution ended for a reason that is nothing
// to the next caller: everybody left, the cache was closed, the lease was lost.
func interrupted(err error) bool {
	return errors.Is(err, flight.ErrNoWaiters) || errors.Is(err, ErrClosed) || errors.Is(err, ErrLeaseLost)
}

// rememberError keeps a failure for as long as the function's ErrorTTL says.
func (e *Engine) rememberError(f *Function, c *Call, a *attempt, r *Result) {
	defer func() {
		if p := recover(); p != nil { // must not take the function's error with it
			r.Err = fmt.Errorf("ErrorTTL panicked: %v", p)
		}
	}()
	if ttl := f.ErrorTTL(r.Failure); ttl > 0 {
		now := e.clock.Now()
		ent := &Entry{Err: r.Failure, Created: time.Now(), made: now}
		ent.Expires = ent.Created.Add(ttl)
		e.remember(f, c, ent, a.begun, a.life, c.Hides, lifetime{deadline: after(now, ttl)})
	}
}

// mayStandIn holds while StaleOnError past the entry's expiry is not over, by
// the process's clock counted from when the value was made.
func (e *Engine) mayStandIn(f *Function, s *Entry) bool {
	if f.StaleOnError <= 0 || s.Err != nil {
		return false
	}
	return e.Age(s)-s.Expires.Sub(s.Created) < f.StaleOnError
}

// because names why the execution was cancelled, such as a lost lease, beside
// what the function made of it.
func because(err, cause error) error {
	if errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, cause)
}
