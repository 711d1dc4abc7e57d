package memory

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// TestClockSuspension: time that only the wall clock has seen pass counts, and
// setting the wall clock back does not.
func TestClockSuspension(t *testing.T) {
	c := NewClock()
	start := c.Now()
	c.compare(int64(time.Second), int64(time.Second+900*time.Millisecond))
	if now := c.Now(); now-start > int64(900*time.Millisecond) {
		t.Fatalf("a gain under a second moved the clock by %v", time.Duration(now-start))
	}
	c.compare(int64(time.Second), int64(time.Second+8*time.Hour))
	asleep := c.Now()
	if d := time.Duration(asleep - start); d < 8*time.Hour {
		t.Fatalf("after eight hours of suspension the clock has moved by %v", d)
	}
	c.compare(int64(time.Second), int64(-time.Hour))
	if now := c.Now(); now < asleep {
		t.Fatalf("the clock went back by %v with the wall clock", time.Duration(asleep-now))
	}
}

// TestClockInBubble: the clock follows the bubble's time, also where it was
// made outside, and finds back.
func TestClockInBubble(t *testing.T) {
	c := NewClock()
	synctest.Test(t, func(t *testing.T) {
		start := c.Now()
		time.Sleep(time.Hour)
		if d := c.Now() - start; d != int64(time.Hour) {
			t.Fatalf("an hour took %v", time.Duration(d))
		}
	})
	if d := time.Duration(c.Now()); d < 1 || d > time.Hour {
		t.Fatalf("outside the bubble the clock shows %v", d)
	}
}

func TestClockIn(t *testing.T) {
	c := NewClock()
	for _, never := range []time.Duration{0, -1, math.MaxInt64} {
		if d := c.In(never); d != 0 {
			t.Errorf("in %v: %d, want never", never, d)
		}
	}
	if d, now := c.In(time.Hour), c.Now(); d > now+int64(time.Hour) || d < now {
		t.Errorf("in an hour: %d, now %d", d, now)
	}
}
