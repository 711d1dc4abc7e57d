package ledger

import (
	"maps"
	"time"
)

// Counts are what became of the calls of one function.
type Counts struct {
	Outcomes map[string]uint64 `json:"outcomes,omitempty"` // calls by outcome
	Reasons  map[string]uint64 `json:"reasons,omitempty"`  // calls that were no plain hit, by reason
	Saved    time.Duration     `json:"saved,omitempty"`    // what hits did not spend in the function; nanoseconds
	Spent    time.Duration     `json:"spent,omitempty"`    // in the function; nanoseconds
	Stored   int64             `json:"stored,omitempty"`   // bytes of results that were put into the store
}

// Add adds o to c.
func (c *Counts) Add(o *Counts) {
	c.Outcomes = added(c.Outcomes, o.Outcomes, +1)
	c.Reasons = added(c.Reasons, o.Reasons, +1)
	c.Saved += o.Saved
	c.Spent += o.Spent
	c.Stored += o.Stored
}

// Since is what was added to o to become c.
func (c *Counts) Since(o *Counts) Counts {
	return Counts{
		Outcomes: added(maps.Clone(c.Outcomes), o.Outcomes, -1),
		Reasons:  added(maps.Clone(c.Reasons), o.Reasons, -1),
		Saved:    c.Saved - o.Saved, Spent: c.Spent - o.Spent, Stored: c.Stored - o.Stored,
	}
}

// Zero reports whether nothing was counted.
func (c *Counts) Zero() bool {
	return len(c.Outcomes) == 0 && len(c.Reasons) == 0 && c.Saved == 0 && c.Spent == 0 && c.Stored == 0
}

// added adds to each number in dst the one in more, sign times, and leaves out
// zeros.
func added(dst, more map[string]uint64, sign int) map[string]uint64 {
	for name, n := range more {
		if dst == nil {
			dst = make(map[string]uint64)
		}
		if dst[name] += n * uint64(sign); dst[name] == 0 {
			delete(dst, name)
		}
	}
	return dst
}
