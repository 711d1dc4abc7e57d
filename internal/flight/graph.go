package flight

import (
	"context"
	"slices"
)

// chainKey finds, in a ctx, the innermost execution of a group.
type chainKey[V any] struct{ group *Group[V] }

// within is the execution of this group that ctx belongs to, or nil.
func (g *Group[V]) within(ctx context.Context) *Call[V] {
	c, _ := ctx.Value(chainKey[V]{g}).(*Call[V])
	return c
}

// waitedForBy notes that a caller inside by waits for c. An execution may wait
// for another with several goroutines, so by may be there several times.
func (c *Call[V]) waitedForBy(by *Call[V]) {
	if by != nil {
		c.waitedBy = append(c.waitedBy, by)
	}
}

// leftBy undoes one waitedForBy.
func (c *Call[V]) leftBy(by *Call[V]) {
	if i := slices.Index(c.waitedBy, by); by != nil && i >= 0 {
		c.waitedBy = slices.Delete(c.waitedBy, i, i+1)
	}
}

// circular reports whether from, or an execution that waits for it, is one of
// key: then from must not wait for key. Keys are compared, not flights, so a
// function that calls itself after a clear, which would start a new flight
// each time, is found as well. As no join closes a circle, the graph has none
// and nobody waits for ever. It is called with mu held.
func (g *Group[V]) circular(from *Call[V], key Key) bool {
	g.search++
	return from.serves(key, g.search)
}

// serves reports whether c is, or is waited for by, an execution of key. The
// number of the search marks what was visited.
func (c *Call[V]) serves(key Key, search uint64) bool {
	if c.visited == search || c.finished {
		return false
	}
	c.visited = search
	if c.key == key {
		return true
	}
	for _, by := range c.waitedBy {
		if by.serves(key, search) {
			return true
		}
	}
	return false
}
