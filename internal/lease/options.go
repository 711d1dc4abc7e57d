package lease

import (
	"math"
	"time"
)

// Options tune a Coordinator. The zero value is what an embedded store wants.
type Options struct {
	// TTL is how long a lease lasts without a heartbeat, and so how long the
	// others wait after its owner died. 0 or less means 30 s; less than 10 ms
	// counts as 10 ms. It is renewed every TTL/3 and trusted for 9/10 of it.
	TTL time.Duration
	// PollMin and PollMax bound the pause between two looks of a waiter, which
	// doubles from the one to the other. 0 or less means 5 ms and 80 ms; a
	// PollMax below PollMin counts as PollMin. Where wakes can be relied on
	// (see Coordinator.Wake), longer pauses spare the store.
	PollMin, PollMax time.Duration
	// Cooldown is for how long nobody acquires the lease after a failed
	// execution. 0 means 100 ms; negative means none.
	Cooldown time.Duration
	// Timeout bounds one operation of the store. 0 or less means 5 s.
	Timeout time.Duration
}

const (
	minTTL     = 10 * time.Millisecond
	maxSpacing = 5 * time.Millisecond // see attempt.wait
	minPause   = time.Millisecond
)

func (o Options) withDefaults() Options {
	o.TTL = positive(o.TTL, 30*time.Second)
	o.PollMin = positive(o.PollMin, 5*time.Millisecond)
	o.PollMax = max(o.PollMin, positive(o.PollMax, 80*time.Millisecond))
	o.PollMax = min(o.PollMax, math.MaxInt64/2) // pause doubles it
	o.Timeout = positive(o.Timeout, 5*time.Second)
	if o.Cooldown == 0 {
		o.Cooldown = 100 * time.Millisecond
	}
	o.Cooldown = max(o.Cooldown, 0)
	return o
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// trustOf is for how long after the start of a successful attempt a lease may
// be trusted. What is missing to the TTL is the margin for clocks that run at
// different rates and for work that takes a moment to stop.
func trustOf(ttl time.Duration) time.Duration { return ttl - ttl/10 }

// beatOf is the time between two heartbeats. Two can fail before trust ends.
func beatOf(ttl time.Duration) time.Duration { return ttl / 3 }

// retryOf is the time from a failed heartbeat to the next.
func retryOf(ttl time.Duration) time.Duration { return ttl / 30 }

// patienceOf is how long one heartbeat may take, so that a lost reply leaves
// time for others.
func patienceOf(ttl time.Duration) time.Duration { return ttl / 6 }
