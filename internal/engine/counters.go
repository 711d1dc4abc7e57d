package engine

import (
	"sync/atomic"
	"time"
)

// Counters count the calls of one function in this process. They are exact and
// safe for concurrent use.
type Counters struct {
	calls [outcomes]atomic.Uint64
	saved atomic.Int64 // nanoseconds that hits did not spend
	spent atomic.Int64 // nanoseconds in the function
}

// count adds a call that ended so and, for a hit, what it saved.
func (c *Counters) count(o Outcome, saved time.Duration) {
	c.calls[o].Add(1)
	if saved != 0 {
		c.saved.Add(int64(saved))
	}
}

// Skip adds a call that went past the engine.
func (f *Function) Skip(o Outcome) { f.Counters.count(o, 0) }

// Count adds a call that the engine served.
func (f *Function) Count(o Outcome, cost time.Duration) {
	switch o {
	case HitMemory, HitStore, HitStale, Joined, Waited:
		f.Counters.count(o, cost)
	default:
		f.Counters.count(o, 0)
	}
}

// Ran adds time in the function that the engine did not see.
func (f *Function) Ran(cost time.Duration) { f.Counters.ran(cost) }

func (c *Counters) ran(cost time.Duration) { c.spent.Add(int64(cost)) }

// Of is how many calls ended with o.
func (c *Counters) Of(o Outcome) uint64 { return c.calls[o].Load() }

// Saved is the time that the function would have taken for the calls that did
// not run it, by what their values cost when computed.
func (c *Counters) Saved() time.Duration { return time.Duration(c.saved.Load()) }

// Spent is the time spent in the function.
func (c *Counters) Spent() time.Duration { return time.Duration(c.spent.Load()) }
