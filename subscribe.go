package reprise

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/reprise-go/reprise/store"
)

// EventType says what happened in an ExecutionStore.
type EventType uint8

const (
	// Changed: a value was set, or its expiry or policy changed.
	Changed EventType = iota + 1
	// Deleted: a value was deleted.
	Deleted
	// ClearedAll: many values went at once, by Cache.ClearAll or
	// DeleteDataset. Event.Key is empty.
	ClearedAll
	// Missed: changes may have been missed, because there were too many or the
	// store was away. Whoever keeps copies reads again. Event.Key is empty.
	Missed
)

// String is "changed", "deleted", "cleared-all" or "missed".
func (t EventType) String() string {
	return nameOf(t, "none", "changed", "deleted", "cleared-all", "missed")
}

// Event is a change in an ExecutionStore.
type Event struct {
	Type EventType
	Key  string
}

// Subscribe calls f with each change of the execution store from now on, made
// by anyone who shares it, in order and one at a time, until ctx ends, stop is
// called or the Cache is closed. Changes made through this Cache arrive at
// once, others within Config.CoherenceInterval; several changes of one key in
// between may arrive as one. Expiry is no event. f may call the ExecutionStore;
// a slow f delays only its own events.
func (s *ExecutionStore) Subscribe(ctx context.Context, f func(Event)) (stop func(), err error) {
	q := &eventQueue{ready: make(chan struct{}, 1)}
	unlisten, err := s.cache.engine.Listen(ctx, func(ch store.Changes) { q.add(s.events(ch)) })
	if err != nil {
		return nil, s.wrap("subscribe", "", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	if !s.cache.spawn(func(closing <-chan struct{}) {
		defer unlisten()
		defer cancel()
		q.deliver(ctx, closing, f)
	}) {
		cancel()
		unlisten()
		return nil, s.wrap("subscribe", "", ErrClosed)
	}
	return cancel, nil
}

// events picks out what concerns this execution store, in the order in which
// it happened.
func (s *ExecutionStore) events(ch store.Changes) []Event {
	type numbered struct {
		seq uint64
		Event
	}
	var found []numbered
	if ch.Flush {
		found = append(found, numbered{0, Event{Type: Missed}})
	}
	for _, l := range ch.Labels {
		if s.carries(l.Label) {
			found = append(found, numbered{l.Seq, Event{Type: ClearedAll}})
		}
	}
	for _, k := range ch.Keys {
		l := &k.Labels
		if l.Kind != store.KindEntry || l.Collection != s.opts.Collection || l.Function != s.name || l.Dataset != s.opts.Dataset {
			continue
		}
		e := Event{Type: Changed, Key: l.Entry}
		if k.Gone {
			e.Type = Deleted
		}
		found = append(found, numbered{k.Seq, e})
	}
	slices.SortStableFunc(found, func(a, b numbered) int { return cmp.Compare(a.seq, b.seq) })
	events := make([]Event, len(found))
	for i := range found {
		events[i] = found[i].Event
	}
	return events
}

func (s *ExecutionStore) carries(l store.Label) bool {
	labels := s.labels("")
	for _, own := range labels.Of(nil, store.Evict) {
		if own == l {
			return true
		}
	}
	return false
}

// eventQueue keeps events between the engine, which must not wait, and a
// subscriber, who may.
type eventQueue struct {
	mu     sync.Mutex
	events []Event // protected by mu
	ready  chan struct{}
}

// maxQueued bounds what a subscriber who does not keep up costs.
const maxQueued = 10_000

func (q *eventQueue) add(events []Event) {
	if len(events) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.events = append(q.events, events...); len(q.events) > maxQueued {
		q.events = []Event{{Type: Missed}}
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *eventQueue) take() []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := q.events
	q.events = nil
	return events
}

func (q *eventQueue) deliver(ctx context.Context, closing <-chan struct{}, f func(Event)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-closing:
			return
		case <-q.ready:
		}
		for _, e := range q.take() {
			if ctx.Err() != nil || isClosed(closing) {
				return
			}
			f(e)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
