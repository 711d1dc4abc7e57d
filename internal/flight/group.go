package flight

import (
	"context"
	"sync"
)

// Key names what is executed. Equal keys mean the same call.
type Key = [32]byte

// Group holds the flights of one cache. The zero Group is ready to use; it
// must not be copied after that. All methods are safe for concurrent use by
// goroutines of one process.
type Group[V any] struct {
	mu     sync.Mutex
	calls  map[Key]*Call[V] // protected by mu; the flight that callers of the key may join
	first  *Call[V]         // protected by mu; all flights under way, also superseded ones
	flying int              // protected by mu; length of that list
	search uint64           // protected by mu; number of the latest walk through the graph
	closed bool             // protected by mu
	idle   chan struct{}    // protected by mu; made by Close, closed when nothing flies any more
}

// Join joins the flight of key where there is one and current says that its
// result will do (nil: any will). Otherwise it starts a new flight, which
// takes the key over: later callers join the new one, and the old one goes on
// for those who wait for it already. begun becomes Call.Begun of a new flight
// before anybody else can join it; current judges by it.
//
// The leader owes the call exactly one of Finish, Go and Abandon, and after Go
// a Wait or a Detach. A follower owes it a Wait. Both pass the same ctx again.
//
// current is called under the group's lock: it must be quick and must not use
// the group. Errors: ErrRecursive, ErrClosed (there is no flight to join and
// the group takes no new ones), and the cause of ctx where that is done
// already; then nothing was joined and c is nil.
func (g *Group[V]) Join(ctx context.Context, key Key, begun uint64, current func(*Call[V]) bool) (c *Call[V], leader bool, err error) {
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	within := g.within(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if within != nil && g.circular(within, key) {
		return nil, false, ErrRecursive
	}
	if c := g.calls[key]; c != nil && (current == nil || current(c)) {
		c.waiters++
		c.waitedForBy(within)
		return c, false, nil
	}
	if g.closed {
		return nil, false, ErrClosed
	}
	return g.start(ctx, key, begun, within), true, nil
}

// ForgetAll makes later callers of every key start anew. Flights under way go
// on for those who have joined them.
func (g *Group[V]) ForgetAll() {
	g.mu.Lock()
	clear(g.calls)
	g.mu.Unlock()
}

// Len is the number of flights under way, including those that were
// superseded, forgotten or cancelled and have not ended yet.
func (g *Group[V]) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.flying
}

// start is called with mu held.
func (g *Group[V]) start(ctx context.Context, key Key, begun uint64, within *Call[V]) *Call[V] {
	c := &Call[V]{group: g, key: key, origin: ctx, waiters: 1}
	c.begun.Store(begun)
	c.waitedForBy(within)
	if g.calls == nil {
		g.calls = make(map[Key]*Call[V])
	}
	g.calls[key] = c
	c.next = g.first
	if c.next != nil {
		c.next.prev = c
	}
	g.first = c
	g.flying++
	return c
}

// land takes a flight that has ended off the list. It is called with mu held.
func (g *Group[V]) land(c *Call[V]) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		g.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
	g.flying--
	if g.flying == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// retire lets nobody join c any more. It is called with mu held.
func (g *Group[V]) retire(c *Call[V]) {
	if g.calls[c.key] == c {
		delete(g.calls, c.key)
	}
}
