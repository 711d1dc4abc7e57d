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
	clock atomic.Pointer[clockSample]
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
	// sampleLasts is for how long a look at the server's clock serves: clocks
	// drift apart by some 0.1 ms in that time.
	sampleLasts = time.Second
	// sampleError is how far off the estimate may be: half of the time that
	// the question took.
	sampleError = 500 * time.Microsecond
	// sampleJump is by how much the local wall clock may leave the monotonic
	// one, before the machine is taken to have slept.
	sampleJump = 50 * time.Millisecond
)

// clockSample says what the server's clock showed at a moment of ours, give or
// take some.
type clockSample struct {
	local, server time.Time
	within        time.Duration
}

// observe notes that the server's clock showed server at some moment between
// asked and answered.
func (t *tracker) observe(asked, answered, server time.Time) {
	within := answered.Sub(asked) / 2
	if within > sampleError {
		return
	}
	old := t.clock.Load()
	if old == nil || within <= old.within || answered.Sub(old.local) > sampleLasts/2 {
		t.clock.Store(&clockSample{asked.Add(within), server, within})
	}
}

// estimate is the server's time when ours is local, if that is well known.
func (t *tracker) estimate(local time.Time) (time.Time, bool) {
	c := t.clock.Load()
	if c == nil {
		return time.Time{}, false
	}
	age := local.Sub(c.local) // monotonic
	wall := local.Round(0).Sub(c.local.Round(0))
	if age > sampleLasts || (wall-age).Abs() > sampleJump {
		return time.Time{}, false
	}
	return c.server.Add(age), true
}
