package engine

import (
	"fmt"
	"sync"
	"time"

	"github.com/reprise-go/reprise/internal/memory"
)

// A breaker keeps a failing store from costing every call its timeout. After
// trip failures in a row it lets nobody through for a pause, then one call to
// try; that call's success closes it, its failure doubles the pause.
type breaker struct {
	clock    *memory.Clock
	mu       sync.Mutex
	failures int           // in a row
	pause    time.Duration // of the present opening
	until    int64         // open until, on the process's clock; 0: closed
	trying   bool          // one call is through while open
	last     error         // what opened it
}

const (
	breakerTrip     = 3
	breakerPauseMin = 250 * time.Millisecond
	breakerPauseMax = 15 * time.Second
)

// enter returns nil where the store may be asked, and else why not.
func (b *breaker) enter() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until == 0 {
		return nil
	}
	if b.trying || b.clock.Now() < b.until {
		return fmt.Errorf("%w: left in peace after repeated failures, the last: %w", ErrStore, b.last)
	}
	b.trying = true
	return nil
}

// done notes how an allowed operation went. It reports whether the breaker
// opened or closed by it.
func (b *breaker) done(err error) (opened, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if err == nil {
		closed = b.until != 0
		b.failures, b.pause, b.until, b.last = 0, 0, 0, nil
		return false, closed
	}
	b.failures++
	b.last = err
	if b.failures < breakerTrip {
		return false, false
	}
	opened = b.until == 0
	b.pause = min(max(2*b.pause, breakerPauseMin), breakerPauseMax)
	b.until = b.clock.Now() + int64(b.pause)
	return opened, false
}

// abandon gives back an allowed operation that says nothing of the store: its
// caller left.
func (b *breaker) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}

// state describes the breaker for Stats.
func (b *breaker) state() (open bool, last error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until != 0, b.last
}
