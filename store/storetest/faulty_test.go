package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// plain hides the capabilities of the store inside.
type plain struct{ store.Store }

type leaserOnly struct {
	store.Store
	store.Leaser
}

type watcherOnly struct {
	store.Store
	store.Watcher
}

var errDown = errors.New("down")

func record(name string) *store.Record {
	return &store.Record{Key: store.Key{31: name[0]}, Value: []byte(name), Begun: 1}
}

func faulty(t *testing.T) *storetest.Faulty {
	f := storetest.NewFaulty(memstore.New(nil))
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFaultyKeepsTheContract(t *testing.T) {
	h := harness(func(s *memstore.Store) store.Store { return storetest.NewFaulty(s).Store() })
	storetest.Run(t, h)
}

func TestFaultyHasTheCapabilitiesOfItsStore(t *testing.T) {
	s := memstore.New(nil)
	defer s.Close()
	for _, c := range []struct {
		name            string
		inner           store.Store
		leases, watches bool
	}{
		{"both", s, true, true},
		{"leases", leaserOnly{s, s}, true, false},
		{"watches", watcherOnly{s, s}, false, true},
		{"neither", plain{s}, false, false},
	} {
		wrapped := storetest.NewFaulty(c.inner).Store()
		_, leases := wrapped.(store.Leaser)
		_, watches := wrapped.(store.Watcher)
		if leases != c.leases || watches != c.watches {
			t.Errorf("%s: leases %t, watches %t", c.name, leases, watches)
		}
	}
}

func TestFaultyFailsAsOftenAsTold(t *testing.T) {
	f := faulty(t)
	f.Fail(storetest.MethodPut, 2, errDown)
	for i := range 3 {
		_, err := f.Put(t.Context(), record("a"), store.PutSet)
		if failed := errors.Is(err, errDown); failed != (i < 2) {
			t.Errorf("Put %d = %v", i, err)
		}
	}
	if n := f.Calls(storetest.MethodPut); n != 3 {
		t.Errorf("Calls = %d, want 3", n)
	}
	if n := f.Calls(storetest.MethodGet); n != 0 {
		t.Errorf("Calls of Get = %d, want 0", n)
	}
}

func TestFaultyFailsUntilHealed(t *testing.T) {
	f := faulty(t)
	f.Fail(storetest.MethodGet, 0, errDown)
	f.Fail(storetest.MethodInfo, 0, errDown)
	for range 5 {
		if _, err := f.Get(t.Context(), store.Key{}); !errors.Is(err, errDown) {
			t.Errorf("Get = %v", err)
		}
	}
	f.Heal(storetest.MethodGet)
	if _, err := f.Get(t.Context(), store.Key{}); err != nil {
		t.Errorf("Get after Heal = %v", err)
	}
	if _, err := f.Info(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("Info = %v, and only Get was healed", err)
	}
	f.Heal()
	if _, err := f.Info(t.Context()); err != nil {
		t.Errorf("Info after Heal = %v", err)
	}
}

func TestFaultyTakesFaultsInTurn(t *testing.T) {
	f := faulty(t)
	second := errors.New("second")
	f.Fail(storetest.MethodInfo, 1, errDown)
	f.Fail(storetest.MethodInfo, 1, second)
	for i, want := range []error{errDown, second, nil} {
		if _, err := f.Info(t.Context()); !errors.Is(err, want) {
			t.Errorf("Info %d = %v, want %v", i, err, want)
		}
	}
}

func TestFaultyLosesReplies(t *testing.T) {
	f := faulty(t)
	s := f.Store()
	f.LoseReply(storetest.MethodPut, 1, errDown)
	if _, err := s.Put(t.Context(), record("a"), store.PutSet); !errors.Is(err, errDown) {
		t.Errorf("Put = %v", err)
	}
	if l, err := s.Get(t.Context(), record("a").Key); err != nil || !l.Found {
		t.Errorf("the put whose reply was lost took no effect: %v", err)
	}
	f.LoseReply(storetest.MethodAcquire, 1, nil)
	leaser, key, owner := s.(store.Leaser), store.Key{1}, store.Owner{1}
	if _, err := leaser.Acquire(t.Context(), key, owner, time.Hour); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("Acquire = %v", err)
	}
	if g, err := leaser.Acquire(t.Context(), key, store.Owner{2}, time.Hour); err != nil || g.Granted {
		t.Errorf("another's Acquire = %+v, %v: the first took no effect", g, err)
	}
}

func TestFaultyHangsUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := faulty(t)
		f.Hang(storetest.MethodGet, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if _, err := f.Get(ctx, store.Key{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get = %v", err)
		}
		if d := time.Since(start); d != time.Minute {
			t.Errorf("Get hung for %v, want a minute", d)
		}
	})
}

func TestFaultyHoldsCallsAtAGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := faulty(t)
		gate := f.Hold(storetest.MethodPut, 2)
		done := make(chan error, 2)
		for _, name := range []string{"a", "b"} {
			go func() {
				_, err := f.Put(t.Context(), record(name), store.PutSet)
				done <- err
			}()
			<-gate.Arrived()
		}
		synctest.Wait()
		if l, err := f.Get(t.Context(), record("a").Key); err != nil || l.Found || len(done) > 0 {
			t.Errorf("found %t, %d done: a call passed the closed gate", l.Found, len(done))
		}
		gate.Open()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		gate.Open()
	})
}

func TestFaultyHoldsRepliesAtAGate(t *testing.T) {
	f := faulty(t)
	gate := f.HoldReply(storetest.MethodPut, 1)
	done := make(chan error, 1)
	go func() {
		_, err := f.Put(t.Context(), record("a"), store.PutSet)
		done <- err
	}()
	<-gate.Arrived()
	if l, err := f.Get(t.Context(), record("a").Key); err != nil || !l.Found || len(done) > 0 {
		t.Errorf("found %t, %d done, %v: want the put's effect without its answer", l.Found, len(done), err)
	}
	gate.Open()
	if err := <-done; err != nil {
		t.Error(err)
	}
	f.HoldReply(storetest.MethodClear, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Clear(ctx, store.Key{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Clear = %v", err)
	}
}

func TestGateLetsGoWithTheContext(t *testing.T) {
	f := faulty(t)
	f.Hold(storetest.MethodClear, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Clear(ctx, store.Key{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Clear = %v", err)
	}
}

func TestFaultyCorruptsValues(t *testing.T) {
	f := faulty(t)
	if _, err := f.Put(t.Context(), record("abc"), store.PutSet); err != nil {
		t.Fatal(err)
	}
	f.CorruptValues(1, func(v []byte) []byte { v[0] ^= 1; return v[:2] })
	for _, want := range []string{"`b", "abc"} {
		l, err := f.Get(t.Context(), record("abc").Key)
		if err != nil || !bytes.Equal(l.Record.Value, []byte(want)) {
			t.Errorf("value %q, %v, want %q", l.Record.Value, err, want)
		}
	}
}

// watching starts a Watch and returns its events and its end.
func watching(t *testing.T, s store.Store) (<-chan store.Event, <-chan error) {
	events, ended, ready := make(chan store.Event, 16), make(chan error, 1), make(chan struct{})
	go func() {
		ended <- s.(store.Watcher).Watch(t.Context(), func() { close(ready) }, func(e store.Event) { events <- e })
	}()
	<-ready
	return events, ended
}

func TestFaultyDropsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := faulty(t)
		events, _ := watching(t, f.Store())
		bump := func() {
			if _, err := f.Bump(t.Context(), store.All()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		f.DropEvents(true)
		bump()
		if len(events) != 0 {
			t.Errorf("%d events arrived", len(events))
		}
		f.Heal()
		bump()
		if len(events) != 1 {
			t.Errorf("%d events after Heal, want 1", len(events))
		}
	})
}

func TestFaultyBreaksWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := faulty(t)
		_, one := watching(t, f.Store())
		_, two := watching(t, f.Store())
		f.BreakWatches(errDown)
		for _, ended := range []<-chan error{one, two} {
			if err := <-ended; !errors.Is(err, errDown) {
				t.Errorf("Watch = %v", err)
			}
		}
		f.Fail(storetest.MethodWatch, 1, errDown)
		if err := f.Store().(store.Watcher).Watch(t.Context(), func() {}, nil); !errors.Is(err, errDown) {
			t.Errorf("Watch = %v", err)
		}
	})
}
