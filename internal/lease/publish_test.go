package lease_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
)

func refuse(o op, why error) fate {
	return func(ctx context.Context, got op, deliver func(context.Context) error) error {
		if got == o {
			return fmt.Errorf("driver: %w", why)
		}
		return deliver(ctx)
	}
}

// After a publish that failed, the lease is free again: at once where the
// execution is void, else after the cool-down.
func TestFailedPublishReleases(t *testing.T) {
	for _, tc := range []struct {
		why   error
		tries int
		cool  bool
	}{
		{store.ErrTooLarge, 1, true},
		{store.ErrFull, 1, true},
		{store.ErrClosed, 1, true},
		{store.ErrSuperseded, 1, false},
		{errReset, 3, true},
	} {
		t.Run(tc.why.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{to: newModel(), fate: refuse(publish, tc.why)}
				c := coordinator(t, w, lease.Options{})
				l := mustAcquire(t, c, nil)
				_, err := l.Publish(t.Context(), record(), store.PutPublish)
				if !errors.Is(err, tc.why) || w.sent(publish) != tc.tries {
					t.Fatalf("%v after %d tries, want %d", err, w.sent(publish), tc.tries)
				}
				l.Release(t.Context(), true) // changes nothing
				start := time.Now()
				mustAcquire(t, c, nil)
				if cool := time.Since(start) >= 100*time.Millisecond; cool != tc.cool {
					t.Errorf("acquired after %v; cool-down wanted: %v", time.Since(start), tc.cool)
				}
			})
		})
	}
}

func TestPublishOfACallerWhoLeftReleasesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{to: newModel()}
		c := coordinator(t, w, lease.Options{})
		l := mustAcquire(t, c, nil)
		why := errors.New("left")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() {
			w.meet(nil)
			cancel(why)
		})
		w.meet(cut)
		if _, err := l.Publish(ctx, record(), store.PutPublish); !errors.Is(err, why) {
			t.Errorf("publish: %v, want the cause", err)
		}
		start := time.Now()
		mustAcquire(t, c, nil)
		if got := time.Since(start); got > 5*time.Millisecond {
			t.Errorf("acquired after %v, want at once", got)
		}
	})
}

// Superseded by a real clear, in each store.
func TestClearDuringTheExecutionRefusesThePublish(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			b := fresh()
			c := coordinator(t, b, lease.Options{})
			l := mustAcquire(t, c, nil)
			if _, err := b.Clear(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Publish(t.Context(), record(), store.PutPublish); !errors.Is(err, store.ErrSuperseded) {
				t.Errorf("publish: %v, want ErrSuperseded", err)
			}
			mustAcquire(t, c, nil)
		})
	})
}

func TestPublishOfTheWrongRecordIsAnErrorAndKeepsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := coordinator(t, newModel(), lease.Options{})
		l := mustAcquire(t, c, nil)
		for _, rec := range []*store.Record{nil, {Key: store.Key{2}}} {
			if _, err := l.Publish(t.Context(), rec, store.PutPublish); err == nil || errors.Is(err, lease.ErrLost) {
				t.Errorf("publish %v: %v", rec, err)
			}
		}
		rec := record()
		if _, err := l.Publish(t.Context(), rec, store.PutPublish); err != nil {
			t.Error(err)
		}
		if rec.Fence != 0 {
			t.Error("the caller's record was modified")
		}
		if _, err := l.Publish(t.Context(), rec, store.PutPublish); !errors.Is(err, lease.ErrLost) {
			t.Errorf("second publish: %v, want ErrLost", err)
		}
	})
}

func TestPublishAfterReleaseIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newModel()
		c := coordinator(t, b, lease.Options{})
		l := mustAcquire(t, c, nil)
		l.Release(t.Context(), false)
		if _, err := l.Publish(t.Context(), record(), store.PutPublish); !errors.Is(err, lease.ErrLost) {
			t.Errorf("publish: %v, want ErrLost", err)
		}
		if got, _ := b.Get(t.Context(), key); got.Found {
			t.Error("stored")
		}
	})
}

func TestReleaseAfterPublishDoesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{to: fresh()}
			c := coordinator(t, w, lease.Options{})
			l := mustAcquire(t, c, nil)
			if _, err := l.Publish(t.Context(), record(), store.PutPublish); err != nil {
				t.Fatal(err)
			}
			l.Release(t.Context(), true)
			if w.sent(release) != 0 {
				t.Error("the store was asked")
			}
		})
	})
}
