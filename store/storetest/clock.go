package storetest

import (
	"time"
)

// span is a time to live in units that suit the clock: n minutes where it can
// be moved, n times 100 ms where it runs by itself.
func (e *env) span(n int) time.Duration {
	if e.h.Advance != nil {
		return time.Duration(n) * time.Minute
	}
	return time.Duration(n) * 100 * time.Millisecond
}

// now is the store's clock.
func (e *env) now() time.Time {
	e.Helper()
	return e.info().Now
}

// pass returns once the store's clock is clearly past at.
func (e *env) pass(at time.Time) {
	e.Helper()
	const clearly = 2 * time.Millisecond // some drivers keep milliseconds
	at = at.Add(clearly)
	if e.h.Advance != nil {
		if d := at.Sub(e.now()); d > 0 {
			e.h.Advance(d)
		}
		return
	}
	e.eventually("the store's clock passes "+at.String(), func() bool { return e.now().After(at) })
}

// eventually polls until cond holds, and fails where it never does.
func (e *env) eventually(what string, cond func() bool) {
	e.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			e.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}
