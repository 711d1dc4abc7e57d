//go:build unix

package reprise_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/store"
)

// reporting is a store whose worker tells the parent of what it asks and is
// answered, and stands still around it where told to. What may take effect is
// told before it is asked: whoever is killed meanwhile leaves it open.
type reporting struct {
	sharedStore
	w *worker
}

var clearsAsked atomic.Int64

// Get reports what was read.
func (r *reporting) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	call := machineTime()
	lk, err := r.sharedStore.Get(ctx, key)
	if in, ok := r.w.named(key); ok && err == nil {
		var fence uint64
		if lk.Found {
			fence = lk.Record.Fence
		}
		tell("look %d %d %d %d", in, fence, call, machineTime())
	}
	return lk, err
}

// Clear reports both ends.
func (r *reporting) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	in, named := r.w.named(key)
	id := clearsAsked.Add(1)
	if named {
		tell("clearing %d %d %d", in, id, machineTime())
	}
	b, err := r.sharedStore.Clear(ctx, key)
	if named && err == nil {
		tell("cleared %d %d %d %d", in, id, b.Seq, machineTime())
	}
	return b, err
}

// Acquire reports what was granted.
func (r *reporting) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	call := machineTime()
	g, err := r.sharedStore.Acquire(ctx, key, owner, ttl)
	if in, ok := r.w.named(key); ok && err == nil && g.Granted {
		tell("grant %d %d %x %d %d", in, g.Fence, owner, call, machineTime())
		r.w.stops.at("acquired", in)
	}
	return g, err
}

// Renew reports both ends.
func (r *reporting) Renew(ctx context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	call := machineTime()
	in, named := r.w.named(key)
	if named {
		tell("renewing %d %d", in, call)
	}
	err := r.sharedStore.Renew(ctx, key, owner, fence, ttl)
	if named && err == nil {
		tell("renewed %d %d %d", in, call, machineTime())
	}
	return err
}

// Publish reports both ends.
func (r *reporting) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	in, named := r.w.named(rec.Key)
	if !named {
		return r.sharedStore.Publish(ctx, rec, mode, owner, fence)
	}
	tell("publishing %d %d %x %d %d", in, fence, owner, rec.Begun, machineTime())
	r.w.stops.at("publishing", in)
	stamp, err := r.sharedStore.Publish(ctx, rec, mode, owner, fence)
	now := machineTime()
	if err == nil {
		r.w.stops.at("committed", in)
	}
	tell("published %d %d %s %d", in, fence, verdict(err), now)
	return stamp, err
}

func verdict(err error) string {
	switch {
	case err == nil:
		return "accepted"
	case errors.Is(err, store.ErrLeaseLost):
		return "lost"
	case errors.Is(err, store.ErrSuperseded):
		return "superseded"
	default:
		return "unclear"
	}
}

// unfenced is a store with the mistake that fences are there to prevent.
type unfenced struct{ sharedStore }

// Publish lets everybody.
func (u unfenced) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, _ store.Owner, fence uint64) (store.Stamp, error) {
	own := *rec
	own.Fence = fence
	return u.Put(ctx, &own, mode)
}
