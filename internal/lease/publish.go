package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Publish stores rec, whose key must be the lease's, and gives the lease up in
// the same step. A lost reply and other errors that may pass are tried again,
// three times in all, under a heartbeat. ErrLost means that the store took
// nothing, because the lease was lost. After any other error the lease is
// released in the background: with the cool-down, unless a newer record or
// clear has made this execution void or ctx ended. rec is not modified.
//
// A lease whose trust window is over is not given up on: the store decides.
func (l *Lease) Publish(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	if rec == nil || rec.Key != l.key {
		return store.Stamp{}, fmt.Errorf("lease: publish %s: the record is of another key, or nil", l.key.Short())
	}
	if !l.startPublish() {
		return store.Stamp{}, l.publishError(ErrLost)
	}
	own := *rec
	own.Fence = l.fence
	var stamp store.Stamp
	err := l.c.retry(ctx, l.c.opts.Timeout, func(ctx context.Context) (err error) {
		stamp, err = l.c.leaser.Publish(ctx, &own, mode, l.owner, l.fence)
		return err
	})
	return stamp, l.published(ctx, err)
}

// startPublish reports whether there is a lease left to publish under.
func (l *Lease) startPublish() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.publishing = true
	return !l.ended
}

// published ends the lease after a Publish that the store answered with err.
func (l *Lease) published(ctx context.Context, err error) error {
	switch {
	case err == nil:
		l.finish()
		l.c.Wake(&l.key)
		return nil
	case errors.Is(err, store.ErrLeaseLost):
		l.finish()
		l.lose(ErrLost)
		return l.publishError(ErrLost)
	}
	l.drop(l.cooldownAfter(ctx, err))
	return l.publishError(err)
}

// cooldownAfter keeps waiters from computing, one after the other, what cannot
// be stored.
func (l *Lease) cooldownAfter(ctx context.Context, err error) time.Duration {
	if errors.Is(err, store.ErrSuperseded) || ctx.Err() != nil {
		return 0
	}
	return l.c.opts.Cooldown
}

func (l *Lease) publishError(err error) error {
	return fmt.Errorf("lease: publish %s under fence %d: %w", l.key.Short(), l.fence, err)
}
