package memstore

import (
	"context"

	"github.com/reprise-go/reprise/store"
)

// maxPending bounds what a slow watcher may owe; more is folded into one.
const maxPending = 1024

// watcher is one running Watch. Store.mu protects pending.
type watcher struct {
	pending []store.Event
	wake    chan struct{} // holds one signal: pending is not empty
	broken  chan struct{} // closed with the store
}

// Watch implements store.Watcher. It returns ctx.Err(), or ErrClosed.
func (s *Store) Watch(ctx context.Context, ready func(), f func(store.Event)) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	w := &watcher{wake: make(chan struct{}, 1), broken: make(chan struct{})}
	s.watchers[w] = struct{}{}
	s.mu.Unlock()
	defer s.unwatch(w)
	ready()
	for {
		select {
		case <-w.wake:
			s.deliver(w, f)
		case <-ctx.Done():
			s.deliver(w, f) // what happened before the end is told
			return ctx.Err()
		case <-w.broken:
			return store.ErrClosed
		}
	}
}

func (s *Store) unwatch(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// deliver calls f, with the store unlocked, for all that is pending.
func (s *Store) deliver(w *watcher, f func(store.Event)) {
	s.mu.Lock()
	events := w.pending
	w.pending = nil
	s.mu.Unlock()
	for _, e := range events {
		f(e)
	}
}

// tellKey tells watchers that key changed or became available.
func (s *Store) tellKey(key store.Key, moved bool) {
	e := store.Event{Key: &key}
	if moved {
		e.Seq = s.seq
	}
	s.tell(e)
}

func (s *Store) tell(e store.Event) {
	for w := range s.watchers {
		if len(w.pending) == maxPending {
			w.pending = append(w.pending[:0], store.Event{Seq: s.seq})
		} else {
			w.pending = append(w.pending, e)
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}
