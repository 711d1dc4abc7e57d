package flight

import (
	"context"
	"fmt"
	"time"
)

// closeGrace is how long Close waits for functions after cancelling them:
// time to notice and to clean up, and short enough for a shutdown.
const closeGrace = 2 * time.Second

// Close refuses new flights with ErrClosed and waits for those under way until
// ctx is done. Then it cancels them, with ErrClosed as the cause, and waits two
// seconds more. Callers of executions that do not end even so get ErrClosed,
// and the error names how many still run; their goroutines end when their
// functions return. Closing again waits again.
func (g *Group[V]) Close(ctx context.Context) error {
	idle := g.shut()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	g.cancelAll()
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-idle:
		return nil
	case <-grace.C:
	}
	if n := g.release(); n > 0 {
		return fmt.Errorf("%d execution(s) still run %v after they were cancelled: %w",
			n, closeGrace, context.Cause(ctx))
	}
	return nil
}

// shut refuses new flights and returns a channel that is closed when the last
// one has ended, or nil where none is under way.
func (g *Group[V]) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.flying == 0 {
		return nil
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	return g.idle
}

func (g *Group[V]) cancelAll() {
	g.mu.Lock()
	var cancels []context.CancelCauseFunc
	for c := g.first; c != nil; c = c.next {
		if c.cause != nil {
			continue
		}
		g.retire(c)
		c.cause = ErrClosed
		if c.cancel != nil {
			cancels = append(cancels, c.cancel)
		}
	}
	g.mu.Unlock()
	for _, cancel := range cancels {
		cancel(ErrClosed)
	}
}

// release frees the callers of what still runs and counts it.
func (g *Group[V]) release() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := g.first; c != nil; c = c.next {
		c.complete(outcome[V]{err: ErrClosed})
	}
	return g.flying
}
