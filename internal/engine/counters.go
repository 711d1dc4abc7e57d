package engine

import (
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/internal/ledger"
)

// Counters count the calls of one function in this process. They are exact and
// safe for concurrent use.
type Counters struct {
	calls  [outcomes]atomic.Uint64
	whys   [reasons]atomic.Uint64
	stored atomic.Int64 // bytes
	saved  atomic.Int64 // nanoseconds that hits did not spend
	spent  atomic.Int64 // nanoseconds in the function
}

// count adds a call that ended so and, for a hit, what it saved.
func (c *Counters) count(o Outcome, saved time.Duration) {
	c.calls[o].Add(1)
	if saved != 0 {
		c.saved.Add(int64(saved))
	}
}

// Skip adds a call that went past the engine.
func (f *Function) Skip(o Outcome, why Reason) { f.Count(o, why, 0) }

// Count adds a call that the engine served.
func (f *Function) Count(o Outcome, why Reason, cost time.Duration) {
	if why != NoReason {
		f.Counters.whys[why].Add(1)
	}
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

// Because is how many calls had the reason why.
func (c *Counters) Because(why Reason) uint64 { return c.whys[why].Load() }

// Stored is how many bytes of results went into the store.
func (c *Counters) Stored() int64 { return c.stored.Load() }

// ledger is what the savings ledger says of them.
func (c *Counters) ledger() ledger.Counts {
	l := ledger.Counts{Saved: c.Saved(), Spent: c.Spent(), Stored: c.Stored(),
		Outcomes: make(map[string]uint64), Reasons: make(map[string]uint64)}
	for o := HitMemory; o < outcomes; o++ {
		if n := c.Of(o); n > 0 {
			l.Outcomes[o.String()] = n
		}
	}
	for r := NoReason + 1; r < reasons; r++ {
		if n := c.Because(r); n > 0 {
			l.Reasons[r.String()] = n
		}
	}
	return l
}
