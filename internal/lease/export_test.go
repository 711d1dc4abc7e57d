package lease

import "github.com/reprise-go/reprise/store"

// SetJitter makes pauses repeatable. Before first use only.
func (c *Coordinator) SetJitter(f func() float64) { c.jitter = f }

// Pause and Backoff show how long waits last.
var (
	Pause   = (*Coordinator).pause
	Backoff = (*Coordinator).backoff
)

// Listeners is the number of keys that somebody waits for.
func (c *Coordinator) Listeners() int {
	c.bells.mu.Lock()
	defer c.bells.mu.Unlock()
	return len(c.bells.byKey)
}

// Held is the number of leases that Close would release.
func (c *Coordinator) Held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}

// Owner is the name under which the store knows l.
func (l *Lease) Owner() store.Owner { return l.owner }
