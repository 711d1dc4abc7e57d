package store

import (
	"context"
	"time"
)

// Leaser is the capability to let one execution of a key run among all who
// share the store. The cache looks for it once, when it is built.
//
// A lease is held by an owner under a fence. Fences of one key only grow, also
// across releases, clears, expiry and restarts of the store. Expiry is in the
// store's clock.
type Leaser interface {
	// Acquire takes the lease of key for ttl, or says who is in the way. A
	// lease that expired is taken over with a higher fence. Acquiring again as
	// the same owner returns the same fence, renewed: so a lost reply is safe
	// to retry. Where a release asked for a cool-down that still runs, nobody
	// gets the lease.
	Acquire(ctx context.Context, key Key, owner Owner, ttl time.Duration) (Grant, error)

	// Renew extends a held lease to ttl from now. ErrLeaseLost where owner and
	// fence no longer hold it.
	Renew(ctx context.Context, key Key, owner Owner, fence uint64, ttl time.Duration) error

	// Publish puts rec, as PutPublish or PutRefresh do, and releases the lease
	// in the same atomic step. ErrLeaseLost, and nothing stored, where owner
	// and fence do not hold the lease now. A record that this owner and fence
	// already published is accepted again without effect.
	Publish(ctx context.Context, rec *Record, mode PutMode, owner Owner, fence uint64) (Stamp, error)

	// Release gives the lease up without a result. For cooldown nobody
	// acquires it: waiters of a failed execution do not run one after the
	// other. Releasing a lease that is not held does nothing.
	Release(ctx context.Context, key Key, owner Owner, fence uint64, cooldown time.Duration) error
}

// Owner is the random name of one attempt to execute.
type Owner [16]byte

// Grant is the answer to an Acquire.
type Grant struct {
	Granted bool
	Fence   uint64        // of the holder, us or the other
	Left    time.Duration // until the lease, or the cool-down, ends
	Cooling bool          // not granted because a release asked for a cool-down
}

// Watcher is the capability to push changes. Without it the cache polls
// Changes.
type Watcher interface {
	// Watch calls f for every change by anyone, one call at a time, from the
	// moment ready is called until ctx ends or the watch breaks, and returns
	// why. Between ready and the return no change is missed, but several may
	// be folded into one event. f must be quick and must not call the store.
	// ErrNoWatch says that trying again soon is of no use.
	Watch(ctx context.Context, ready func(), f func(Event)) error
}

// Event says that the sequence number moved, or that a result or a lease of
// Key became available.
type Event struct {
	Seq uint64 // at least this; 0 where only Key is told
	Key *Key   // nil: anything
}
