package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/reprise-go/reprise/internal/memory"
)

// A breaker keeps a failing store from costing every call its timeout. After
// trip failures in a row, or one that took all the time there was, it lets
// nobody through for a pause, then one call to try; that call's success closes
// it, its failure doubles the pause. A store that hung is not tried at a
// caller's expense: when the pause is over a probe in the background comes first,
// and its failure doubles the pause too.
type breaker struct {
	clock    *memory.Clock
	probe    func(in time.Duration) // asks the store then, and reports to probed; nil: callers try at once
	mu       sync.Mutex
	failures int           // in a row
	pause    time.Duration // of the present opening
	until    int64         // open until, on the process's clock; 0: closed
	trying   bool          // one call is through while open
	probing  bool          // a probe is to come
	last     error         // what opened it
}

const (
	breakerTrip     = 3
	breakerPauseMin = 250 * time.Millisecond
	breakerPauseMax = 15 * time.Second
)

// enter returns nil where the store may be asked, and else why not. trial marks
// the one call that tries a store that failed; done or abandon wants it back.
func (b *breaker) enter() (trial bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until == 0 {
		return false, nil
	}
	if b.trying || b.probing || b.clock.Now() < b.until {
		return false, fmt.Errorf("%w: left in peace after repeated failures, the last: %w", ErrStore, b.last)
	}
	b.trying = true
	return true, nil
}

// probed notes how a probe went. After a success the next call tries.
func (b *breaker) probed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	switch {
	case b.until == 0: // an operation that was under way has succeeded
	case err == nil:
		b.until = b.clock.Now()
	default:
		b.last = err
		b.open()
	}
}

// open begins a pause, twice as long as the one before.
func (b *breaker) open() {
	b.pause = min(max(2*b.pause, breakerPauseMin), breakerPauseMax)
	b.until = b.clock.Now() + int64(b.pause)
	if b.probe != nil && !b.probing && errors.Is(b.last, context.DeadlineExceeded) {
		b.probing = true
		b.probe(b.pause)
	}
}

// done notes how an allowed operation went. It reports whether the breaker
// opened or closed by it. Failures of calls that were under way when it opened
// say nothing new.
func (b *breaker) done(trial bool, err error) (opened, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if trial {
		b.trying = false
	}
	if err == nil {
		closed = b.until != 0
		b.failures, b.pause, b.until, b.last = 0, 0, 0, nil
		return false, closed
	}
	b.failures++
	if errors.Is(err, context.DeadlineExceeded) {
		b.failures = max(b.failures, breakerTrip)
	}
	b.last = err
	opened = b.until == 0
	if b.failures < breakerTrip || !opened && !trial {
		return false, false
	}
	b.open()
	return opened, false
}

// abandon gives back an allowed operation that says nothing of the store: its
// caller left.
func (b *breaker) abandon(trial bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if trial {
		b.trying = false
	}
}

// due reports whether the next call is let through.
func (b *breaker) due() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.trying && !b.probing && b.clock.Now() >= b.until
}

// state describes the breaker for Stats.
func (b *breaker) state() (open bool, last error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until != 0, b.last
}
