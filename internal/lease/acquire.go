package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Acquire waits until it holds the lease of key, or until ready reports that
// the result is there. Then it returns (nil, nil). A lease lasts for ttl
// without a heartbeat; 0 or less means Options.TTL.
//
// ready looks for the result in the store; nil means that there is never one.
// It is called on this goroutine: not at first, for the caller has just
// looked, but before every further try, and always once more under the lease.
//
// ctx ends the wait with its cause, Close with ErrClosed. Any other error is
// the store's, or ready's, after three failures in a row; final ones come at
// once. Nothing is held where an error is returned.
func (c *Coordinator) Acquire(ctx context.Context, key store.Key, ttl time.Duration, ready func(context.Context) (bool, error)) (*Lease, error) {
	if c.leaser == nil {
		return nil, errors.New("lease: acquire: no store.Leaser was given to New")
	}
	if !c.begin() {
		return nil, ErrClosed
	}
	defer c.work.Done()
	ctx, stop := c.untilClosed(ctx)
	defer stop()
	a := &attempt{c: c, key: key, ttl: max(minTTL, positive(ttl, c.opts.TTL)), ready: ready}
	rand.Read(a.owner[:]) // never fails: see crypto/rand
	defer a.withdraw()
	l, err := a.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("lease: acquire %s: %w", key.Short(), err)
	}
	return l, nil
}

// attempt is one Acquire.
type attempt struct {
	c     *Coordinator
	key   store.Key
	ttl   time.Duration
	ready func(context.Context) (bool, error)
	owner store.Owner
	// unsure is set while the store may hold a lease for owner that we have
	// not been told of.
	unsure bool
	last   *request // the latest
}

func (a *attempt) run(ctx context.Context) (*Lease, error) {
	a.c.bells.join(a.key)
	defer a.c.bells.leave(a.key)
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		rung, looked := a.c.bells.next(a.key), time.Now()
		if n > 0 {
			if there, err := a.look(ctx); there || err != nil {
				return nil, err
			}
		}
		l, g, err := a.take(ctx)
		if err != nil {
			return nil, err
		}
		if l != nil {
			return a.recheck(ctx, l)
		}
		if err := a.c.wait(ctx, rung, a.c.pause(n, g), looked); err != nil {
			return nil, err
		}
	}
}

// look asks whether the result is there.
func (a *attempt) look(ctx context.Context) (there bool, err error) {
	if a.ready == nil {
		return false, nil
	}
	err = a.c.retry(ctx, a.c.opts.Timeout, func(ctx context.Context) (err error) {
		there, err = a.ready(ctx)
		return err
	})
	return there && err == nil, err
}

// take asks the store for the lease. A reply that was lost is asked for again
// as the same owner, which gives the same fence.
func (a *attempt) take(ctx context.Context) (*Lease, store.Grant, error) {
	var g store.Grant
	var start time.Time
	trust := trustOf(a.ttl)
	timeout := min(trust, a.c.opts.Timeout)
	a.unsure = true
	err := a.c.retry(ctx, timeout, func(ctx context.Context) (err error) {
		start = time.Now()
		a.last = a.c.request(ctx, timeout, a.key, a.owner, a.ttl)
		g, err = a.last.answer(ctx)
		if err == nil && g.Granted && time.Since(start) >= trust {
			return errSlow
		}
		return err
	})
	a.unsure = err != nil && !isFinal(err)
	if err != nil || !g.Granted {
		return nil, g, err
	}
	l := a.c.hold(a, g.Fence, start)
	if !a.c.register(l) {
		l.drop(0)
		return nil, g, ErrClosed
	}
	return l, g, nil
}

// recheck looks once more under the lease. Where that shows the result, fails
// or panics, the lease goes back.
func (a *attempt) recheck(ctx context.Context, l *Lease) (*Lease, error) {
	keep := false
	defer func() {
		if !keep {
			l.drop(0)
		}
	}()
	there, err := a.look(ctx)
	if there || err != nil {
		return nil, err
	}
	keep = true
	return l, nil
}

// withdraw gives back, in the background, a lease that we may have without
// knowing: else all others would wait until it expires. Only the holder can
// release, so where the answer is lost it becomes that first, for as short as
// can be.
func (a *attempt) withdraw() {
	if !a.unsure {
		return
	}
	a.c.inBackground(func() {
		ctx, cancel := context.WithTimeout(context.Background(), a.c.opts.Timeout)
		defer cancel()
		<-a.last.done // its deadline is no later than ours
		g, err := a.last.grant, a.last.err
		switch {
		case a.last.panicked != nil:
			return // such a driver is not asked again
		case err != nil:
			err = a.c.retry(ctx, a.c.opts.Timeout, func(ctx context.Context) (err error) {
				g, err = a.c.leaser.Acquire(ctx, a.key, a.owner, minTTL)
				return err
			})
		}
		if err == nil && g.Granted {
			a.c.release(ctx, a.key, a.owner, g.Fence, 0)
		}
	})
}
