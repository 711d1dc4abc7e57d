package lease_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
)

func TestCloseReleasesAndEndsEverything(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			b := fresh()
			c := lease.New(b, lease.Options{})
			l := mustAcquire(t, c, nil)
			ctx, cancel := l.Context(t.Context())
			defer cancel()
			var waiters sync.WaitGroup
			for range 10 {
				waiters.Go(func() {
					if l, err := c.Acquire(t.Context(), key, 0, nil); l != nil || !errors.Is(err, lease.ErrClosed) {
						t.Errorf("waiter: %v, %v; want ErrClosed", l, err)
					}
				})
			}
			time.Sleep(time.Second)
			var closers sync.WaitGroup
			closers.Go(c.Close)
			c.Close()
			closers.Wait()
			waiters.Wait()
			synctest.Wait()
			if cause := context.Cause(ctx); !errors.Is(cause, lease.ErrClosed) || !errors.Is(cause, lease.ErrLost) {
				t.Errorf("cause %v, want ErrClosed and ErrLost", cause)
			}
			if _, err := l.Publish(t.Context(), record(), store.PutPublish); !errors.Is(err, lease.ErrLost) {
				t.Errorf("publish: %v, want ErrLost", err)
			}
			l.Release(t.Context(), true)
			if _, err := c.Acquire(t.Context(), key, 0, nil); !errors.Is(err, lease.ErrClosed) {
				t.Errorf("acquire: %v, want ErrClosed", err)
			}
			start := time.Now()
			mustAcquire(t, coordinator(t, b, lease.Options{}), nil)
			if got := time.Since(start); got != 0 {
				t.Errorf("another got the lease after %v, want at once", got)
			}
		})
	})
}

func TestCloseOfAStoreThatHangsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{to: newModel()}
		c := lease.New(w, lease.Options{Timeout: time.Second})
		mustAcquire(t, c, nil)
		w.meet(cut)
		start := time.Now()
		c.Close()
		if got := time.Since(start); got != time.Second {
			t.Errorf("Close took %v, want the timeout", got)
		}
	})
}

// Close while a heartbeat is under way waits for it and does not hang.
func TestCloseDuringAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{to: newModel()}
		c := lease.New(w, lease.Options{})
		mustAcquire(t, c, nil)
		w.meet(func(ctx context.Context, o op, deliver func(context.Context) error) error {
			if o == renew {
				<-ctx.Done()
				return ctx.Err()
			}
			return deliver(ctx)
		})
		time.Sleep(ttl/3 + time.Second)
		if w.sent(renew) != 1 {
			t.Fatal("no heartbeat is under way")
		}
		start := time.Now()
		c.Close()
		if got := time.Since(start); got != 0 {
			t.Errorf("Close took %v", got)
		}
	})
}

// A grant that arrives after Close goes back, though ready does not heed its
// context, or there is none.
func TestGrantAfterCloseGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newModel()
		w := &wire{to: b}
		c := lease.New(w, lease.Options{})
		w.fate = func(ctx context.Context, o op, deliver func(context.Context) error) error {
			err := deliver(ctx)
			if o == acquire {
				time.Sleep(time.Second) // ctx is not heeded
			}
			return err
		}
		time.AfterFunc(time.Second/2, c.Close)
		if l, err := c.Acquire(t.Context(), key, 0, nil); l != nil || !errors.Is(err, lease.ErrClosed) {
			t.Errorf("Acquire = %v, %v; want ErrClosed", l, err)
		}
		start := time.Now()
		mustAcquire(t, coordinator(t, b, lease.Options{}), nil)
		if got := time.Since(start); got != 0 {
			t.Errorf("free after %v, want at once", got)
		}
	})
}
