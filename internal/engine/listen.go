package engine

import (
	"context"
	"sync"

	"github.com/reprise-go/reprise/store"
)

// hearers are those who asked to be told of changes.
type hearers struct {
	mu   sync.Mutex
	next int
	all  map[int]func(store.Changes)
}

func (h *hearers) tell(ch store.Changes) {
	if len(ch.Keys)+len(ch.Labels) == 0 && !ch.Flush {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.all {
		f(ch)
	}
}

func (h *hearers) add(f func(store.Changes)) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := h.next
	h.next++
	if h.all == nil {
		h.all = make(map[int]func(store.Changes))
	}
	h.all[id] = f
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.all, id)
	}
}

// Listen calls f with every change of the store from now on, by anyone, in
// order and one call at a time, until stop. f must be quick and must not call
// the engine. Changes by others arrive within the polling interval.
func (e *Engine) Listen(ctx context.Context, f func(store.Changes)) (stop func(), err error) {
	if e.closed.Load() {
		return nil, ErrClosed
	}
	e.watch.listeners.Add(1) // before the look, which keeps or makes the polling go on
	if err := e.sync(ctx); err != nil {
		e.watch.listeners.Add(-1)
		return nil, err
	}
	remove := e.watch.hearers.add(f)
	return sync.OnceFunc(func() {
		remove()
		e.watch.listeners.Add(-1)
	}), nil
}
