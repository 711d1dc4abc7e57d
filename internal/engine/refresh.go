package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/reprise-go/reprise/internal/flight"
)

// Refresh begins a new execution behind a hit that is past RefreshAfter. The
// caller has its answer; the execution ends with Close at the latest. It is
// counted like a call.
func (e *Engine) Refresh(ctx context.Context, f *Function, c *Call) {
	bg := context.WithoutCancel(ctx)
	own := *c
	own.Mode = Refresh
	fl, leader, err := e.flights.Join(bg, own.flight(f), e.generations(f).Seq(), nil)
	if err != nil {
		return
	}
	if !leader { // one is under way, and nobody waits for it here
		fl.Leave(bg, flight.ErrNoWaiters)
		return
	}
	fl.Go(func(ctx context.Context) (*Result, error) { return e.refresh(ctx, f, &own, fl.Begun()) })
	fl.Detach()
}

// refresh has nobody to tell of a failure but the logger, and calls in mode
// Refresh that joined it, which get what an execution of their own would give.
func (e *Engine) refresh(ctx context.Context, f *Function, c *Call, begun uint64) (r *Result, err error) {
	returned := false
	defer func() {
		p := recover()
		e.refreshed(f, r, refreshFailure(r, err, p, returned))
		if p != nil {
			panic(withStack(p))
		}
	}()
	a := attempt{begun: begun, reason: RefreshDue}
	if err = e.begin(ctx, f, &a); err == nil {
		r, err = e.execute(ctx, f, c, &a)
	}
	returned = true
	return r, err
}

// refreshed counts a refresh and warns of one that failed.
func (e *Engine) refreshed(f *Function, r *Result, failure error) {
	if failure == nil {
		f.Count(r.Outcome, r.Reason, 0)
		return
	}
	f.Count(Failed, RefreshDue, 0)
	e.warn("refresh of "+f.Name+" failed; the old value stays", failure)
}

// refreshFailure is how a refresh failed, if it did.
func refreshFailure(r *Result, err error, panicked any, returned bool) error {
	switch {
	case panicked != nil:
		return fmt.Errorf("the function panicked: %v", panicked)
	case !returned:
		return errors.New("the function ended its goroutine")
	case err != nil:
		return err
	}
	return r.Failure
}

// withStack keeps the stack of a panic that is passed on.
func withStack(p any) *PanicError {
	if pe, ok := p.(*PanicError); ok {
		return pe
	}
	return &PanicError{Value: p, Stack: debug.Stack()}
}
