package reprise

import (
	"time"

	"github.com/reprise-go/reprise/internal/engine"
)

// Stats are what a Cache has done since it was opened, in this process.
type Stats struct {
	Functions map[string]FunctionStats // by Name
	// StoreFailing is true while calls leave a failing store in peace;
	// StoreError is the failure.
	StoreFailing bool
	StoreError   error
	MemoryBytes  int64 // held by results in memory, by estimate
	MemoryItems  int
}

// FunctionStats are those of all functions of one name.
type FunctionStats struct {
	Calls map[Outcome]uint64 // by outcome; outcomes that never occurred are absent
	Saved time.Duration      // time that hits and shared executions did not spend in the function
	Spent time.Duration      // time spent in the function
	Items int                // results in memory
	Bytes int64              // held by them, by estimate
}

// Hits is the number of calls answered from a tier.
func (s FunctionStats) Hits() (n uint64) {
	for o, calls := range s.Calls {
		if o.Hit() {
			n += calls
		}
	}
	return n
}

// Stats sums up the calls so far. The counts are exact; calls under way are
// not in yet.
func (c *Cache) Stats() Stats {
	s := Stats{Functions: make(map[string]FunctionStats)}
	s.StoreFailing, s.StoreError = c.engine.State()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.functions {
		fs := s.Functions[r.name]
		for _, fn := range r.fns {
			fs.add(fn)
		}
		s.Functions[r.name] = fs
	}
	for _, fs := range s.Functions {
		s.MemoryBytes += fs.Bytes
		s.MemoryItems += fs.Items
	}
	return s
}

func (s *FunctionStats) add(fn *engine.Function) {
	if s.Calls == nil {
		s.Calls = make(map[Outcome]uint64)
	}
	for _, o := range engine.Outcomes() {
		if n := fn.Counters.Of(o); n > 0 {
			s.Calls[o] += n
		}
	}
	s.Saved += fn.Counters.Saved()
	s.Spent += fn.Counters.Spent()
	items, bytes := fn.Held()
	s.Items += items
	s.Bytes += bytes
}
