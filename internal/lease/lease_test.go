package lease_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
)

const ttl = 30 * time.Second

var key = store.Key{1}

func record() *store.Record { return &store.Record{Key: key, Begun: 1, Value: []byte("v")} }

// mustAcquire acquires a lease that nothing is in the way of.
func mustAcquire(t *testing.T, c *lease.Coordinator, ready func(context.Context) (bool, error)) *lease.Lease {
	t.Helper()
	l, err := c.Acquire(t.Context(), key, 0, ready)
	if err != nil || l == nil {
		t.Fatalf("Acquire = %v, %v; want a lease", l, err)
	}
	return l
}

// coordinator makes one that the test closes.
func coordinator(t *testing.T, l store.Leaser, o lease.Options) *lease.Coordinator {
	c := lease.New(l, o)
	t.Cleanup(c.Close)
	return c
}

func TestTheSecondReusesTheResultOfTheFirst(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			b := fresh()
			one, two := coordinator(t, b, lease.Options{}), coordinator(t, b, lease.Options{})
			l := mustAcquire(t, one, ready(b, key))
			if l.Fence() == 0 {
				t.Error("fence 0")
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				l, err := two.Acquire(t.Context(), key, 0, ready(b, key))
				if l != nil || err != nil {
					t.Errorf("Acquire = %v, %v; want the result to be ready", l, err)
				}
			}()
			time.Sleep(time.Second)
			stamp, err := l.Publish(t.Context(), record(), store.PutPublish)
			if err != nil || !stamp.Created.Equal(time.Now()) {
				t.Errorf("Publish = %v, %v", stamp, err)
			}
			<-done
			if got, err := b.Get(t.Context(), key); err != nil || got.Record.Fence != l.Fence() {
				t.Errorf("stored under fence %d (%v), want %d", got.Record.Fence, err, l.Fence())
			}
			if one.Held() != 0 || two.Held() != 0 || two.Listeners() != 0 {
				t.Error("something is held or listened to after the end")
			}
		})
	})
}

func TestReadyIsAskedAgainUnderTheLease(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			b := fresh()
			c := coordinator(t, b, lease.Options{})
			l := mustAcquire(t, c, nil)
			if _, err := l.Publish(t.Context(), record(), store.PutPublish); err != nil {
				t.Fatal(err)
			}
			// Nobody holds the lease, so it is granted although the result is there.
			if l, err := c.Acquire(t.Context(), key, 0, ready(b, key)); l != nil || err != nil {
				t.Fatalf("Acquire = %v, %v; want the result to be ready", l, err)
			}
			synctest.Wait()
			start := time.Now()
			mustAcquire(t, c, nil)
			if time.Since(start) != 0 {
				t.Errorf("the lease was not released at once, but after %v", time.Since(start))
			}
		})
	})
}

func TestReadyThatPanicsLeavesNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := coordinator(t, newModel(), lease.Options{})
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic did not come through")
				}
			}()
			c.Acquire(t.Context(), key, 0, func(context.Context) (bool, error) { panic("boom") })
		}()
		synctest.Wait()
		start := time.Now()
		mustAcquire(t, c, nil)
		if time.Since(start) != 0 {
			t.Errorf("the lease was not released at once, but after %v", time.Since(start))
		}
	})
}

func TestHeartbeatHoldsTheLeaseForLongWork(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{to: fresh()}
			c := coordinator(t, w, lease.Options{})
			l := mustAcquire(t, c, nil)
			ctx, cancel := l.Context(t.Context())
			defer cancel()
			time.Sleep(10*time.Minute + time.Second)
			if ctx.Err() != nil {
				t.Fatalf("cancelled: %v", context.Cause(ctx))
			}
			if got, want := w.sent(renew), 60; got != want {
				t.Errorf("%d heartbeats in 10 minutes, want %d", got, want)
			}
			if _, err := l.Publish(t.Context(), record(), store.PutPublish); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if got, want := w.sent(renew), 60; got != want {
				t.Errorf("%d heartbeats, some of them after Publish", got)
			}
			if ctx.Err() != nil {
				t.Errorf("cancelled after Publish: %v", context.Cause(ctx))
			}
		})
	})
}

func TestAcquireTakesATTLOfItsOwn(t *testing.T) {
	for _, tc := range []struct{ ask, want time.Duration }{
		{0, ttl}, {-1, ttl}, {time.Minute, time.Minute}, {1, 10 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{to: newModel()}
			c := coordinator(t, w, lease.Options{})
			l, err := c.Acquire(t.Context(), key, tc.ask, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release(t.Context(), false)
			g, _ := w.to.Acquire(t.Context(), key, store.Owner{9}, 1)
			if g.Left != tc.want {
				t.Errorf("ttl %v: the lease lasts %v, want %v", tc.ask, g.Left, tc.want)
			}
		})
	}
}

func TestContextCarriesTheFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := coordinator(t, newModel(), lease.Options{})
		l := mustAcquire(t, c, nil)
		parent, stop := context.WithCancelCause(t.Context())
		ctx, cancel := l.Context(parent)
		defer cancel()
		if f, ok := lease.Fence(ctx); !ok || f != l.Fence() {
			t.Errorf("Fence = %d, %v; want %d", f, ok, l.Fence())
		}
		if f, ok := lease.Fence(lease.WithFence(ctx, 7)); !ok || f != 7 {
			t.Errorf("Fence = %d, %v; want the inner 7", f, ok)
		}
		if _, ok := lease.Fence(parent); ok {
			t.Error("a context without a lease has a fence")
		}
		why := errors.New("enough")
		stop(why)
		if context.Cause(ctx) != why {
			t.Errorf("cause %v, want the parent's", context.Cause(ctx))
		}
		l.Release(t.Context(), false)
	})
}

func TestReleaseFreesTheLeaseAtOnceOrAfterTheCooldown(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		for _, tc := range []struct {
			failed   bool
			cooldown time.Duration
			want     time.Duration
		}{
			{false, 0, 0}, {true, 0, 100 * time.Millisecond},
			{true, time.Second, time.Second}, {true, -1, 0}, {false, time.Second, 0},
		} {
			synctest.Test(t, func(t *testing.T) {
				c := coordinator(t, fresh(), lease.Options{Cooldown: tc.cooldown})
				l := mustAcquire(t, c, nil)
				ctx, cancel := context.WithCancel(t.Context())
				cancel() // the store is told all the same
				l.Release(ctx, tc.failed)
				l.Release(ctx, true) // does nothing
				start := time.Now()
				next := mustAcquire(t, c, nil)
				if got := time.Since(start); got < tc.want || got > tc.want+5*time.Millisecond {
					t.Errorf("failed %v, cool-down %v: acquired after %v, want %v", tc.failed, tc.cooldown, got, tc.want)
				}
				if next.Fence() <= l.Fence() {
					t.Errorf("fence %d after %d", next.Fence(), l.Fence())
				}
				if next.Owner() == l.Owner() {
					t.Error("two attempts have one owner")
				}
			})
		}
	})
}

func TestReleaseOfAStoreThatHangsReturnsInTime(t *testing.T) {
	for _, tc := range []struct {
		left bool // nobody waits for the answer
		want time.Duration
	}{{false, time.Second}, {true, 0}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			if tc.left {
				leave()
			}
			w := &wire{to: newModel()}
			c := coordinator(t, w, lease.Options{Timeout: time.Second})
			l := mustAcquire(t, c, nil)
			// Not even its context helps.
			w.meet(func(context.Context, op, func(context.Context) error) error {
				time.Sleep(time.Minute)
				return errReset
			})
			start := time.Now()
			l.Release(ctx, true)
			if got := time.Since(start); got != tc.want {
				t.Errorf("Release took %v, want %v", got, tc.want)
			}
		})
	}
}

func TestNilLeaserIsAnError(t *testing.T) {
	if _, err := lease.New(nil, lease.Options{}).Acquire(t.Context(), key, 0, nil); err == nil {
		t.Error("no error")
	}
}
