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
// as much, so entries expire at once rather than late. It needs no goroutine
// and works in a testing/synctest bubble. Safe for concurrent use.
type Clock struct {
	base  time.Time
	ahead atomic.Int64 // nanoseconds that the wall clock has gained on the monotonic one
}

// wallGain is the gain that counts as a jump. Reading both clocks takes well
// under a microsecond, and drift is corrected in both alike.
const wallGain = int64(time.Second)

// processClock is the Clock of caches that were given none.
var processClock = NewClock()

// NewClock starts a clock at 1.
func NewClock() *Clock { return &Clock{base: time.Now()} }

// Now is the time on the clock, at least 1, so that 0 can mean never.
func (c *Clock) Now() int64 {
	now := time.Now()
	monotonic := int64(now.Sub(c.base))
	return c.at(monotonic, now.UnixNano()-c.base.UnixNano())
}

// at combines what has passed on the two clocks since base.
func (c *Clock) at(monotonic, wall int64) int64 {
	for {
		ahead := c.ahead.Load()
		if wall-monotonic < ahead+wallGain {
			return max(monotonic+ahead+1, 1)
		}
		c.ahead.CompareAndSwap(ahead, wall-monotonic)
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
