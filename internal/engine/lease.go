package engine

import (
	"context"
	"time"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
)

// serialized runs the function under the lease of its key, or takes over the
// result that another holder published meanwhile.
func (e *Engine) serialized(ctx context.Context, f *Function, c *Call, a *attempt) (*Result, error) {
	// While this call waits, events must reach it.
	e.watch.listeners.Add(1)
	defer e.watch.listeners.Add(-1)
	var found *Result
	var foundErr error
	held, err := e.acquire(ctx, c.Key, f.LeaseTTL, func(opctx context.Context) (bool, error) {
		if c.Mode != Use {
			return false, e.begin(opctx, f, a)
		}
		found, foundErr = e.lookup(opctx, f, c, a)
		if found == nil && ctx.Err() != nil { // no failure of the store: nobody waits for the function any more
			return false, context.Cause(ctx)
		}
		return found != nil, foundErr
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil:
		a.stored = false
		if err := e.storeFailed(f, a, failing(err)); err != nil {
			return nil, err
		}
		return e.alone(ctx, f, c, a, nil) // one execution too many beats none
	case held == nil:
		found.Outcome, found.Reason = Waited, NoReason
		return found, nil
	}
	return e.alone(ctx, f, c, a, held)
}

// acquire waits for the lease, unless the store is left in peace.
func (e *Engine) acquire(ctx context.Context, key store.Key, ttl time.Duration, ready func(context.Context) (bool, error)) (*lease.Lease, error) {
	trial, err := e.writes.enter()
	if err != nil {
		return nil, err
	}
	held, err := e.leases.Acquire(ctx, key, ttl, ready)
	return held, e.judge(ctx, &e.writes, trial, err)
}

// alone runs the function, under a lease where there is one, and files the
// result. A lost lease cancels the function's context; a function that goes on
// regardless gives its callers the value, but the store refuses it.
func (e *Engine) alone(ctx context.Context, f *Function, c *Call, a *attempt, held *lease.Lease) (*Result, error) {
	runctx := ctx
	if held != nil {
		var cancel context.CancelFunc
		runctx, cancel = held.Context(lease.WithFence(ctx, held.Fence()))
		defer cancel()
	}
	ok := false
	defer func() { // also when the function panics
		if held != nil {
			held.Release(ctx, !ok)
		}
	}()
	v, cost, err := e.run(runctx, f, c)
	if err != nil {
		return e.failed(f, c, a, err), nil
	}
	ok = true
	return e.file(ctx, f, c, a, v, cost, held), nil
}

// Fence is the fence of the lease under which ctx runs, and whether there is
// one.
func Fence(ctx context.Context) (uint64, bool) { return lease.Fence(ctx) }
