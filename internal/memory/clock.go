package memory

import (
	"math"
	"sync/atomic"
	"time"
)

// Clock tells monotonic time in nanoseconds since some moment in the past. It
// never goes back. Unlike the operating system's monotonic clock it does not
// stand still while the machine is suspended: when the wall clock is found to
// have gained a second or more on the monotonic one, the Clock jumps ahead by
// as much, so entries expire early rather than late. The two are compared
// every 10 ms of use, so after a suspension the jump comes within 10 ms. It
// needs no goroutine and works in a testing/synctest bubble. Safe for
// concurrent use.
type Clock struct {
	base     time.Time
	compared atomic.Int64 // when the two clocks were last compared, on the monotonic one
	ahead    atomic.Int64 // nanoseconds that the wall clock had gained then
}

const (
	// wallGain is the gain that counts as a jump. Drift is corrected in both
	// clocks alike, and reading both takes well under a microsecond.
	wallGain = int64(time.Second)
	// wallInterval spares most calls the wall clock, which costs as much again
	// as the monotonic one (ADR 0002).
	wallInterval = int64(10 * time.Millisecond)
)

// processClock is the Clock of caches that were given none.
var processClock = NewClock()

// NewClock starts a clock at 1.
func NewClock() *Clock { return &Clock{base: time.Now()} }

// Now is the time on the clock, at least 1, so that 0 can mean never.
func (c *Clock) Now() int64 {
	monotonic := int64(time.Since(c.base))
	if monotonic < 0 {
		// Only in a synctest bubble, whose time began before a base outside it.
		return time.Now().UnixNano()
	}
	if monotonic-c.compared.Load() >= wallInterval {
		now := time.Now()
		c.compare(int64(now.Sub(c.base)), now.UnixNano()-c.base.UnixNano())
	}
	return monotonic + c.ahead.Load() + 1
}

// compare takes in what has passed on the two clocks since base.
func (c *Clock) compare(monotonic, wall int64) {
	c.compared.Store(monotonic)
	for {
		ahead := c.ahead.Load()
		if wall-monotonic < ahead+wallGain || c.ahead.CompareAndSwap(ahead, wall-monotonic) {
			return
		}
	}
}

// In is the deadline that is d from now: 0, never, where d is not positive or
// is beyond what the clock can tell.
func (c *Clock) In(d time.Duration) int64 {
	now := c.Now()
	if d <= 0 || int64(d) > math.MaxInt64-now {
		return 0
	}
	return now + int64(d)
}
