package redisstore

import (
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// tracker holds what lets a Get on one server be one command: the sequence
// number, for as long as Redis has not said that it moved, and the offset of
// the server's clock.
//
// All commands share one connection, on which Redis also pushes a message
// where the store's number changed (CLIENT TRACKING in broadcast mode). Redis
// sends it before it answers whoever changed the number. So where the answer
// to a Get arrived and no such message before it, no change had returned to
// its caller when the Get was asked: the number known from before is current.
// A connection that ends counts as a message.
type tracker struct {
	epoch atomic.Uint64 // of such messages
	known atomic.Pointer[knownNumber]
	clock atomic.Pointer[clockBounds]
}

// knownNumber is what an answer said while epoch lasted.
type knownNumber struct{ seq, birth, epoch uint64 }

// invalidate is called by the connection's goroutine, in the order of what
// Redis sent.
func (t *tracker) invalidate([]rueidis.RedisMessage) { t.epoch.Add(1) }

// current is the number that may be used if the epoch is still the same when
// the answer is there. Nil: it must be asked for.
func (t *tracker) current() *knownNumber {
	if k := t.known.Load(); k != nil && k.epoch == t.epoch.Load() {
		return k
	}
	return nil
}

// lasts tells whether k is still current.
func (t *tracker) lasts(k *knownNumber) bool { return k.epoch == t.epoch.Load() }

// learn notes the number that was asked for after epoch began.
func (t *tracker) learn(seq, birth, epoch uint64) {
	if t.epoch.Load() == epoch {
		t.known.Store(&knownNumber{seq, birth, epoch})
	}
}

const (
	// lookLasts is for how long a look at the server's clock serves.
	lookLasts = time.Second
	// mostError is how far off the estimated time may be.
	mostError = 500 * time.Microsecond
	// drift is what two clocks may part by, as a divisor: 200 ppm.
	drift = 5000
	// sleepJump is by how much the local wall clock may leave the monotonic
	// one before the machine is taken to have slept.
	sleepJump = 50 * time.Millisecond
)

// epoch is where local times are counted from: by the monotonic clock, so that
// nothing depends on how the local one is set.
var epoch = time.Now()

// clockBounds says by how much the server's clock is ahead of the monotonic
// one, counted from epoch: every answer to TIME was made between question and
// answer, and many such bounds together are narrow.
type clockBounds struct {
	low, high time.Duration
	at        time.Time // of the last look
}

// observe notes that the server's clock showed server at some moment between
// asked and answered.
func (t *tracker) observe(asked, answered, server time.Time) {
	since := server.Sub(epoch.Round(0))
	fresh := &clockBounds{low: since - answered.Sub(epoch), high: since - asked.Sub(epoch), at: answered}
	old := t.clock.Load()
	if old != nil && answered.Before(old.at) {
		return
	}
	if old != nil {
		wider := answered.Sub(old.at) / drift
		low, high := max(fresh.low, old.low-wider), min(fresh.high, old.high+wider)
		if low <= high { // else one of the clocks was set
			fresh.low, fresh.high = low, high
		}
	}
	t.clock.CompareAndSwap(old, fresh) // who comes second has seen as much
}

// estimate is the server's time when ours is local, if that is well known.
func (t *tracker) estimate(local time.Time) (time.Time, bool) {
	c := t.clock.Load()
	if c == nil {
		return time.Time{}, false
	}
	age := local.Sub(c.at) // monotonic
	slept := local.Round(0).Sub(c.at.Round(0)) - age
	if age > lookLasts || slept.Abs() > sleepJump || (c.high-c.low)/2+age/drift > mostError {
		return time.Time{}, false
	}
	return epoch.Round(0).Add(local.Sub(epoch) + (c.low+c.high)/2), true
}
