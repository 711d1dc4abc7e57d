package reprise

import (
	"time"

	"github.com/reprise-go/reprise/internal/engine"
	"github.com/reprise-go/reprise/store"
)

// Result is what Do and Peek return: a value and where it came from.
type Result[Out any] struct {
	Value   Out
	Outcome Outcome
	Reason  Reason    // why there was no plain hit
	Tier    Tier      // where a hit came from
	Key     store.Key // zero where the call has no sound key
	// Created is when the value was stored, and Expires until when it is
	// valid (zero: for ever), both in the store's clock. Both are zero for a
	// value that was not stored.
	Created, Expires time.Time
	// Age is how long ago a hit's value was made; 0 for a new one.
	Age time.Duration
	// Cost is what computing the value took: for a hit the time it saved.
	Cost time.Duration
	// Err is what went wrong with the cache; the call is none the worse. For
	// a stale value that stands in for a failing function it is the
	// function's error.
	Err error
}

// Saved is the time that the call did not spend in the function.
func (r *Result[Out]) Saved() time.Duration {
	if r.Outcome.Hit() {
		return r.Cost
	}
	return 0
}

// fill takes over all but the value.
func (r *Result[Out]) fill(e *engine.Result, key store.Key) {
	r.Outcome, r.Reason, r.Tier, r.Key = e.Outcome, e.Reason, e.Tier, key
	r.Created, r.Expires, r.Age, r.Cost, r.Err = e.Created, e.Expires, e.Age, e.Cost, e.Err
}
