package lease

import (
	"context"
	"errors"
	"time"

	"github.com/reprise-go/reprise/store"
)

// renew is one heartbeat, on the timer's goroutine. Short executions have
// none.
func (l *Lease) renew() {
	if !l.c.begin() {
		return
	}
	defer l.c.work.Done()
	ctx, cancel := l.renewal()
	defer cancel()
	if ctx.Err() != nil {
		return
	}
	start := time.Now()
	switch err := l.c.leaser.Renew(ctx, l.key, l.owner, l.fence, l.ttl); {
	case err == nil:
		l.extend(start)
	case errors.Is(err, store.ErrLeaseLost):
		l.refused()
	default:
		l.again()
	}
}

// renewal is the context of one heartbeat, ended where there is to be none.
func (l *Lease) renewal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), min(patienceOf(l.ttl), l.c.opts.Timeout))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopBeat = cancel
	if l.over() {
		cancel()
	}
	return ctx, cancel
}

// over is called with mu held.
func (l *Lease) over() bool { return l.ended || l.life.Err() != nil }

// extend moves the trust window after a heartbeat that began at start. The
// store has counted the TTL from then or later.
func (l *Lease) extend(start time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over() {
		return
	}
	l.trusted = start.Add(trustOf(l.ttl))
	l.expiry.Reset(time.Until(l.trusted))
	l.beat.Reset(time.Until(start.Add(beatOf(l.ttl))))
}

// again plans the heartbeat after one that failed. Where they all do, the
// trust window ends the lease.
func (l *Lease) again() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over() {
		l.beat.Reset(retryOf(l.ttl))
	}
}

// refused is the store's word that the lease is not ours. Under a Publish it
// says nothing: that may have been accepted a moment ago.
func (l *Lease) refused() {
	l.mu.Lock()
	publishing := l.publishing
	l.mu.Unlock()
	if !publishing && l.finish() {
		l.lose(ErrLost)
	}
}

// distrust cancels the contexts of the lease if its trust window is over. What
// becomes of it, the store knows: it may still be published or released.
func (l *Lease) distrust() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	if left := time.Until(l.trusted); left > 0 {
		l.expiry.Reset(left) // renewed while the timer fired
		return
	}
	l.quiet()
	l.lose(ErrLost)
}
