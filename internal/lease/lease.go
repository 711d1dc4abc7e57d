package lease

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Lease is the right to execute a key, until it is published, released or
// lost. All methods are safe for concurrent use. It must end with a Publish or
// a Release, else its heartbeat holds it for the life of the process.
type Lease struct {
	c     *Coordinator
	key   store.Key
	owner store.Owner
	fence uint64
	ttl   time.Duration

	life context.Context // ends when the lease is lost or distrusted
	lose context.CancelCauseFunc

	mu         sync.Mutex
	ended      bool               // protected by mu; nothing left to renew, publish or release
	publishing bool               // protected by mu; what Publish learns counts, not what a renewal does
	trusted    time.Time          // protected by mu; the end of the trust window
	beat       *time.Timer        // protected by mu; the next renewal
	expiry     *time.Timer        // protected by mu; at the end of the trust window
	stopBeat   context.CancelFunc // protected by mu; cancels the renewal under way
}

// hold makes the lease that the store granted to an attempt begun at start.
func (c *Coordinator) hold(a *attempt, fence uint64, start time.Time) *Lease {
	l := &Lease{c: c, key: a.key, owner: a.owner, fence: fence, ttl: a.ttl, stopBeat: func() {}}
	l.life, l.lose = context.WithCancelCause(context.Background())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trusted = start.Add(trustOf(l.ttl))
	l.beat = time.AfterFunc(time.Until(start.Add(beatOf(l.ttl))), l.renew)
	l.expiry = time.AfterFunc(time.Until(l.trusted), l.distrust)
	return l
}

// Fence is the fencing token: higher than that of every earlier lease of the
// key.
func (l *Lease) Fence() uint64 { return l.fence }

// Context derives the context to execute under. It carries the fence, and is
// cancelled with the cause ErrLost once the lease is lost or its trust window
// is over (see the package's section on time). Cancel frees it; it does not
// end with Publish or Release.
func (l *Lease) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(WithFence(parent, l.fence))
	l.distrust() // a stopped process may come here before its timers run
	stop := context.AfterFunc(l.life, func() { cancel(context.Cause(l.life)) })
	if l.life.Err() != nil {
		cancel(context.Cause(l.life))
	}
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// Release gives the lease up without a result: because the execution failed,
// then with the cool-down, or because it was not needed. It asks the store even
// where ctx is done, for Timeout at most, and then does not wait for the
// answer; where the store cannot be reached, the lease expires. After Publish,
// Close or another Release it does nothing.
func (l *Lease) Release(ctx context.Context, failed bool) {
	if !l.finish() {
		return
	}
	var cooldown time.Duration
	if failed {
		cooldown = l.c.opts.Cooldown
	}
	released := make(chan struct{})
	l.c.inBackground(func() {
		defer close(released)
		l.c.release(context.WithoutCancel(ctx), l.key, l.owner, l.fence, cooldown)
	})
	limit := time.NewTimer(l.c.opts.Timeout)
	defer limit.Stop()
	select {
	case <-released:
	case <-limit.C:
	case <-ctx.Done():
	}
}

// drop is Release that does not hold up the caller.
func (l *Lease) drop(cooldown time.Duration) {
	if l.finish() {
		l.c.inBackground(func() {
			l.c.release(context.Background(), l.key, l.owner, l.fence, cooldown)
		})
	}
}

// shut is what Close does to a lease.
func (l *Lease) shut() {
	l.lose(fmt.Errorf("%w: %w", ErrClosed, ErrLost))
	if l.finish() {
		l.c.release(context.Background(), l.key, l.owner, l.fence, 0)
	}
}

// finish ends the lease on this side and reports whether it had not ended yet.
func (l *Lease) finish() bool {
	l.mu.Lock()
	first := !l.ended
	l.ended = true
	l.quiet()
	l.mu.Unlock()
	l.c.forget(l)
	return first
}

// quiet stops timers and heartbeat. It is called with mu held.
func (l *Lease) quiet() {
	l.beat.Stop()
	l.expiry.Stop()
	l.stopBeat()
}

// release gives a lease back to the store and wakes this process's waiters.
// All of it takes Timeout at most.
func (c *Coordinator) release(ctx context.Context, key store.Key, owner store.Owner, fence uint64, cooldown time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	// An error leaves the lease to expire: there is nothing better to do.
	_ = c.retry(ctx, c.opts.Timeout, func(ctx context.Context) error {
		return c.leaser.Release(ctx, key, owner, fence, cooldown)
	})
	c.Wake(&key)
}
