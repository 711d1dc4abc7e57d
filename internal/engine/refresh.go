package engine

import (
	"context"
	"fmt"
)

// Refresh begins a new execution behind a hit that is past RefreshAfter. The
// caller has its answer; the execution ends with Close at the latest. It is
// counted like a call.
func (e *Engine) Refresh(ctx context.Context, f *Function, c *Call) {
	bg := context.WithoutCancel(ctx)
	own := *c
	own.Mode = Refresh
	fl, leader, err := e.flights.Join(bg, own.flight(f), e.generations(f).Seq(), nil)
	if err != nil || !leader {
		return
	}
	fl.Go(func(ctx context.Context) (*Result, error) { return e.refresh(ctx, f, &own, fl.Begun()) })
	fl.Detach()
}

// refresh has nobody to give an error or a panic to, but the logger.
func (e *Engine) refresh(ctx context.Context, f *Function, c *Call, begun uint64) (r *Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = &Result{Outcome: Failed}, fmt.Errorf("the function panicked: %v", p)
		}
		if r != nil && r.Failure != nil {
			err = r.Failure
		}
		if err != nil {
			f.Count(Failed, 0)
			e.warn("refresh of "+f.Name+" failed; the old value stays", err)
			return
		}
		f.Count(r.Outcome, 0)
	}()
	a := attempt{begun: begun, reason: RefreshDue}
	if err := e.begin(ctx, f, &a); err != nil {
		return nil, err
	}
	return e.execute(ctx, f, c, &a)
}
