package storetest

import (
	"context"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Store is f with exactly the capabilities of the store inside: the result is
// a store.Leaser or a store.Watcher where that one is.
func (f *Faulty) Store() store.Store {
	l, leases := f.inner.(store.Leaser)
	w, watches := f.inner.(store.Watcher)
	switch {
	case leases && watches:
		return struct {
			*Faulty
			faultyLeaser
			faultyWatcher
		}{f, faultyLeaser{f, l}, faultyWatcher{f, w}}
	case leases:
		return struct {
			*Faulty
			faultyLeaser
		}{f, faultyLeaser{f, l}}
	case watches:
		return struct {
			*Faulty
			faultyWatcher
		}{f, faultyWatcher{f, w}}
	}
	return f
}

// Get implements store.Store.
func (f *Faulty) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	return disturb(f, ctx, MethodGet, func() (store.Lookup, error) { return f.inner.Get(ctx, key) })
}

// Put implements store.Store.
func (f *Faulty) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	return disturb(f, ctx, MethodPut, func() (store.Stamp, error) { return f.inner.Put(ctx, rec, mode) })
}

// Update implements store.Store.
func (f *Faulty) Update(ctx context.Context, key store.Key, c store.Change) (bool, error) {
	return disturb(f, ctx, MethodUpdate, func() (bool, error) { return f.inner.Update(ctx, key, c) })
}

// Clear implements store.Store.
func (f *Faulty) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	return disturb(f, ctx, MethodClear, func() (store.Bumped, error) { return f.inner.Clear(ctx, key) })
}

// Bump implements store.Store.
func (f *Faulty) Bump(ctx context.Context, labels ...store.Label) (store.Bumped, error) {
	return disturb(f, ctx, MethodBump, func() (store.Bumped, error) { return f.inner.Bump(ctx, labels...) })
}

// Changes implements store.Store.
func (f *Faulty) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	return disturb(f, ctx, MethodChanges, func() (store.Changes, error) { return f.inner.Changes(ctx, since) })
}

// List implements store.Store.
func (f *Faulty) List(ctx context.Context, q store.Query) (store.Page, error) {
	return disturb(f, ctx, MethodList, func() (store.Page, error) { return f.inner.List(ctx, q) })
}

// Count implements store.Store.
func (f *Faulty) Count(ctx context.Context, q store.Query) (store.Totals, error) {
	return disturb(f, ctx, MethodCount, func() (store.Totals, error) { return f.inner.Count(ctx, q) })
}

// Purge implements store.Store.
func (f *Faulty) Purge(ctx context.Context, q store.Query) (int, error) {
	return disturb(f, ctx, MethodPurge, func() (int, error) { return f.inner.Purge(ctx, q) })
}

// Sweep implements store.Store.
func (f *Faulty) Sweep(ctx context.Context) (store.Swept, error) {
	return disturb(f, ctx, MethodSweep, func() (store.Swept, error) { return f.inner.Sweep(ctx) })
}

// Info implements store.Store.
func (f *Faulty) Info(ctx context.Context) (store.Info, error) {
	return disturb(f, ctx, MethodInfo, func() (store.Info, error) { return f.inner.Info(ctx) })
}

// Close implements store.Store.
func (f *Faulty) Close() error {
	f.take(MethodClose)
	return f.inner.Close()
}

type faultyLeaser struct {
	f     *Faulty
	inner store.Leaser
}

func (l faultyLeaser) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	return disturb(l.f, ctx, MethodAcquire, func() (store.Grant, error) { return l.inner.Acquire(ctx, key, owner, ttl) })
}

func (l faultyLeaser) Renew(ctx context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	_, err := disturb(l.f, ctx, MethodRenew, func() (struct{}, error) {
		return struct{}{}, l.inner.Renew(ctx, key, owner, fence, ttl)
	})
	return err
}

func (l faultyLeaser) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	return disturb(l.f, ctx, MethodPublish, func() (store.Stamp, error) {
		return l.inner.Publish(ctx, rec, mode, owner, fence)
	})
}

func (l faultyLeaser) Release(ctx context.Context, key store.Key, owner store.Owner, fence uint64, cooldown time.Duration) error {
	_, err := disturb(l.f, ctx, MethodRelease, func() (struct{}, error) {
		return struct{}{}, l.inner.Release(ctx, key, owner, fence, cooldown)
	})
	return err
}
