package reprise

import (
	"context"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// reopening stands for a store that could not be opened. Each operation that
// the cache lets through tries to open it again, so that a full disk or a
// wrong permission, once mended, needs no restart.
type reopening struct {
	open func(context.Context) (store.Store, error)

	turn   chan struct{} // holds a token while somebody opens or closes
	s      store.Store   // nil: not opened yet; guarded by turn
	closed bool          // guarded by turn
	opened chan struct{} // closed when s is there
	ending chan struct{} // closed when closed is set
}

var (
	_ store.Leaser  = (*reopening)(nil)
	_ store.Watcher = (*reopening)(nil)
)

func newReopening(open func(context.Context) (store.Store, error)) *reopening {
	return &reopening{open: open, turn: make(chan struct{}, 1), opened: make(chan struct{}), ending: make(chan struct{})}
}

func (r *reopening) get(ctx context.Context) (store.Store, error) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.turn }()
	switch {
	case r.closed:
		return nil, store.ErrClosed
	case r.s != nil:
		return r.s, nil
	}
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	r.s = s
	close(r.opened)
	return s, nil
}

// through runs one operation on the store, where it opens.
func through[T any](ctx context.Context, r *reopening, op func(store.Store) (T, error)) (T, error) {
	s, err := r.get(ctx)
	if err != nil {
		var zero T
		return zero, err
	}
	return op(s)
}

func leasing[T any](ctx context.Context, r *reopening, op func(store.Leaser) (T, error)) (T, error) {
	return through(ctx, r, func(s store.Store) (T, error) {
		l, ok := s.(store.Leaser)
		if !ok {
			var zero T
			return zero, fmt.Errorf("the store has no leases")
		}
		return op(l)
	})
}

type none = struct{}

func (r *reopening) Get(ctx context.Context, k store.Key) (store.Lookup, error) {
	return through(ctx, r, func(s store.Store) (store.Lookup, error) { return s.Get(ctx, k) })
}

func (r *reopening) Put(ctx context.Context, rec *store.Record, m store.PutMode) (store.Stamp, error) {
	return through(ctx, r, func(s store.Store) (store.Stamp, error) { return s.Put(ctx, rec, m) })
}

func (r *reopening) Update(ctx context.Context, k store.Key, c store.Change) (bool, error) {
	return through(ctx, r, func(s store.Store) (bool, error) { return s.Update(ctx, k, c) })
}

func (r *reopening) Clear(ctx context.Context, k store.Key) (store.Bumped, error) {
	return through(ctx, r, func(s store.Store) (store.Bumped, error) { return s.Clear(ctx, k) })
}

func (r *reopening) Bump(ctx context.Context, labels ...store.Label) (store.Bumped, error) {
	return through(ctx, r, func(s store.Store) (store.Bumped, error) { return s.Bump(ctx, labels...) })
}

func (r *reopening) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	return through(ctx, r, func(s store.Store) (store.Changes, error) { return s.Changes(ctx, since) })
}

func (r *reopening) List(ctx context.Context, q store.Query) (store.Page, error) {
	return through(ctx, r, func(s store.Store) (store.Page, error) { return s.List(ctx, q) })
}

func (r *reopening) Count(ctx context.Context, q store.Query) (store.Totals, error) {
	return through(ctx, r, func(s store.Store) (store.Totals, error) { return s.Count(ctx, q) })
}

func (r *reopening) Purge(ctx context.Context, q store.Query) (int, error) {
	return through(ctx, r, func(s store.Store) (int, error) { return s.Purge(ctx, q) })
}

func (r *reopening) Sweep(ctx context.Context) (store.Swept, error) {
	return through(ctx, r, func(s store.Store) (store.Swept, error) { return s.Sweep(ctx) })
}

func (r *reopening) Info(ctx context.Context) (store.Info, error) {
	return through(ctx, r, func(s store.Store) (store.Info, error) { return s.Info(ctx) })
}

func (r *reopening) Acquire(ctx context.Context, k store.Key, o store.Owner, ttl time.Duration) (store.Grant, error) {
	return leasing(ctx, r, func(l store.Leaser) (store.Grant, error) { return l.Acquire(ctx, k, o, ttl) })
}

func (r *reopening) Renew(ctx context.Context, k store.Key, o store.Owner, fence uint64, ttl time.Duration) error {
	_, err := leasing(ctx, r, func(l store.Leaser) (none, error) { return none{}, l.Renew(ctx, k, o, fence, ttl) })
	return err
}

func (r *reopening) Publish(ctx context.Context, rec *store.Record, m store.PutMode, o store.Owner, fence uint64) (store.Stamp, error) {
	return leasing(ctx, r, func(l store.Leaser) (store.Stamp, error) { return l.Publish(ctx, rec, m, o, fence) })
}

func (r *reopening) Release(ctx context.Context, k store.Key, o store.Owner, fence uint64, cooldown time.Duration) error {
	_, err := leasing(ctx, r, func(l store.Leaser) (none, error) { return none{}, l.Release(ctx, k, o, fence, cooldown) })
	return err
}

// Watch waits until an operation has opened the store: it does not try by
// itself, for the cache's looks do, no more often than a failing store is asked.
func (r *reopening) Watch(ctx context.Context, ready func(), f func(store.Event)) error {
	select {
	case <-r.opened:
	case <-r.ending:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := through(ctx, r, func(s store.Store) (none, error) {
		w, ok := s.(store.Watcher)
		if !ok {
			return none{}, store.ErrNoWatch
		}
		return none{}, w.Watch(ctx, ready, f)
	})
	return err
}

func (r *reopening) Close() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if !r.closed {
		r.closed = true
		close(r.ending)
	}
	if r.s == nil {
		return nil
	}
	return r.s.Close()
}
