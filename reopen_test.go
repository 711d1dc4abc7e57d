package reprise

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

var errShut = errors.New("shut")

// A watch of a store that is not open yet waits, tells of everything from the
// moment the store opens, and never opens it by itself.
func TestWatchWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, shut, opens := memstore.New(nil), true, 0
		r := newReopening(func(context.Context) (store.Store, error) {
			if opens++; shut {
				return nil, errShut
			}
			return inner, nil
		})
		ready, events, ended := 0, 0, make(chan error, 1)
		go func() { ended <- r.Watch(t.Context(), func() { ready++ }, func(store.Event) { events++ }) }()
		synctest.Wait()
		if _, err := r.Info(t.Context()); !errors.Is(err, errShut) || ready != 0 || opens != 1 {
			t.Fatalf("%v, ready %d times, opened %d times", err, ready, opens)
		}
		shut = false
		if _, err := r.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := r.Bump(t.Context(), store.All()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if ready != 1 || events != 1 || opens != 2 {
			t.Errorf("ready %d times, %d events, opened %d times", ready, events, opens)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, store.ErrClosed) {
			t.Errorf("Watch = %v after Close", err)
		}
	})
}

// A watch that waits ends with its context, and with the store.
func TestWaitingWatchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReopening(func(context.Context) (store.Store, error) { return nil, errShut })
		watch := func(ctx context.Context) <-chan error {
			ended := make(chan error, 1)
			go func() { ended <- r.Watch(ctx, func() { t.Error("ready") }, func(store.Event) {}) }()
			synctest.Wait()
			return ended
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancelled, closed := watch(ctx), watch(t.Context())
		cancel()
		if err := <-cancelled; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch = %v, want the end of its ctx", err)
		}
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-closed; !errors.Is(err, store.ErrClosed) {
			t.Errorf("Watch = %v, want ErrClosed", err)
		}
		if err := <-watch(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Watch of a closed store = %v", err)
		}
	})
}

// A store without push says so when it opens.
func TestWatchOfAStoreWithoutPush(t *testing.T) {
	inner := memstore.New(nil)
	r := newReopening(func(context.Context) (store.Store, error) { return struct{ store.Store }{inner}, nil })
	defer r.Close()
	if _, err := r.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Watch(t.Context(), func() {}, func(store.Event) {}); !errors.Is(err, store.ErrNoWatch) {
		t.Errorf("Watch = %v, want ErrNoWatch", err)
	}
	if _, err := r.Acquire(t.Context(), store.Key{1}, store.Owner{1}, 1e9); err == nil {
		t.Error("a lease of a store without leases")
	}
}
