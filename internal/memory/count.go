package memory

import (
	"slices"

	"github.com/reprise-go/reprise/store"
)

// Count is the number of valid entries that carry label. It walks all of them.
func (c *Cache[V]) Count(label store.Label) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := 0
	for _, n := range c.recency.heap {
		if slices.Contains(n.entry.Labels, label) && c.valid(&n.entry) {
			count++
		}
	}
	return count
}

func (c *Cache[V]) valid(e *Entry[V]) bool {
	if e.Deadline != 0 && c.aged(e) != Hit {
		return false
	}
	return c.generations.Current(e.Key, e.Labels, e.AsOf)
}
