package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// mortal is a store that can lose all its data, as a server without a disk.
type mortal struct {
	store.Store // of the first life
	mu          sync.RWMutex
	now         store.Store // protected by mu
}

func (m *mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = memstore.New(nil)
}

func (m *mortal) alive() store.Store {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.now
}

func (m *mortal) Get(ctx context.Context, k store.Key) (store.Lookup, error) {
	return m.alive().Get(ctx, k)
}

func (m *mortal) Put(ctx context.Context, r *store.Record, mode store.PutMode) (store.Stamp, error) {
	return m.alive().Put(ctx, r, mode)
}

func (m *mortal) Clear(ctx context.Context, k store.Key) (store.Bumped, error) {
	return m.alive().Clear(ctx, k)
}

func (m *mortal) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	return m.alive().Changes(ctx, since)
}

// mortals gives two engines on a store that can lose its data.
func mortals(t *testing.T) (a, b *rig, die func()) {
	first := memstore.New(nil)
	m := &mortal{Store: disguise{Store: first}, now: first}
	over := func(store.Store) store.Store { return m }
	s := setup{plain: true, over: over}
	return newRig(t, s), newRig(t, s), m.die
}

func TestStoreThatLostItsData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, die := mortals(t)
		fa, fb := a.function(nil), b.function(nil)
		c, _ := call("k", gives("old"))
		for range 5 { // take numbers that the next life has not reached
			a.does(fa, c.as(Refresh, gives("old")), Refreshed, RefreshAsked, "old")
		}
		b.does(fb, c, HitStore, NoReason, "old")
		synctest.Wait()
		die()
		time.Sleep(testPoll + 1)
		synctest.Wait()
		a.remembers(fa, c, nil)
		b.remembers(fb, c, nil)
		a.does(fa, c.as(Use, gives("new")), Populated, Absent, "new")
		a.remembers(fa, c, "new")
		b.does(fb, c, HitStore, NoReason, "new")
		if _, err := a.Clear(t.Context(), fa, c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(testPoll + 1)
		synctest.Wait()
		b.remembers(fb, c, nil)
		b.does(fb, c.as(Use, gives("newer")), Populated, Cleared, "newer")
	})
}

// What began in one life of the store is not filed in the next, and nobody
// joins it.
func TestExecutionFromAnotherLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, die := mortals(t)
		f := a.function(nil)
		c, _ := call("k", nil)
		for range 5 {
			a.does(f, c.as(Refresh, gives("older")), Refreshed, RefreshAsked, "older")
		}
		h := newHeld()
		first := a.start(t.Context(), f, c.as(Refresh, h.run))
		<-h.entered
		die()
		time.Sleep(testPoll + 1)
		synctest.Wait()
		fresh := c.as(Refresh, gives("new"))
		a.does(f, fresh, Refreshed, RefreshAsked, "new")
		h.result <- "old"
		if got := <-first; got.Value != "old" || got.Outcome != PutFailed || got.Reason != Superseded {
			t.Errorf("%+v", got)
		}
		a.remembers(f, c, "new")
		a.does(a.transient(nil), c, HitStore, NoReason, "new")
	})
}

// A caller who comes while memory is not trusted joins only what began after
// the clears that this process has not heard of.
func TestJoinAfterAClearElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		a, b := ready(t, setup{shared: own, plain: true}), ready(t, setup{shared: own, plain: true})
		f := a.transient(nil)
		old, fresh := newHeld(), newHeld()
		c, _ := call("k", old.run)
		first := a.start(t.Context(), f, c)
		<-old.entered
		time.Sleep(time.Minute) // nobody looks any more
		if a.gens.Trusted() {
			t.Fatal("does not rest")
		}
		if _, err := b.ClearLabel(t.Context(), store.DatasetLabel("d")); err != nil {
			t.Fatal(err)
		}
		second := a.start(t.Context(), f, c.as(Use, fresh.run))
		<-fresh.entered
		old.result <- "old"
		wants(t, (<-first).Result, Populated, Absent, "old")
		fresh.result <- "new"
		wants(t, (<-second).Result, Populated, Absent, "new")
	})
}

// Where the store does not answer, sharing beats running everything.
func TestJoinWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{plain: true})
		f := r.transient(nil)
		h := newHeld()
		c, j := call("k", h.run)
		first := r.start(t.Context(), f, c)
		<-h.entered
		time.Sleep(time.Minute)
		r.faults.Fail(storetest.MethodChanges, 0, errBoom)
		second := r.start(t.Context(), f, c)
		synctest.Wait()
		h.result <- "v"
		if a, b := <-first, <-second; a.Value != "v" || b.Outcome != Joined || j.runs.Load() != 1 {
			t.Errorf("%+v, %+v after %d runs", a, b, j.runs.Load())
		}
	})
}

// What people's functions do wrong takes neither a value nor an error with it.
func TestCallbacksThatPanic(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		c, j := call("k", gives("v"))
		f := r.function(func(f *Function) {
			serialize(f)
			f.TTL = func(any) (time.Duration, bool) { panic("ttl") }
		})
		got := r.does(f, c, PutFailed, NotSerializable, "v")
		if got.Err == nil || !strings.Contains(got.Err.Error(), "ttl") || !got.Owned {
			t.Errorf("%+v", got)
		}
		began := time.Now()
		r.does(r.function(serialize), c, Populated, Absent, "v")
		if d := time.Since(began); d > time.Second {
			t.Errorf("the lease was not given back: waited %v", d)
		}
		j.run = fails(errBoom)
		f = r.function(func(f *Function) { f.ErrorTTL = func(error) time.Duration { panic("error ttl") } })
		c, _ = call("failing", fails(errBoom))
		got = r.does(f, c, Failed, Absent, nil)
		if got.Failure != errBoom || got.Err == nil || !strings.Contains(got.Err.Error(), "error ttl") {
			t.Errorf("%+v", got)
		}
	})
}

// wild is a driver that panics, where it must not, in its first Get.
type wild struct {
	store.Store
	left int
}

func (w *wild) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	if w.left--; w.left >= 0 {
		panic(errBoom)
	}
	return w.Store.Get(ctx, key)
}

func TestDriverThatPanics(t *testing.T) {
	over := func(s store.Store) store.Store { return &wild{s, 1} }
	onEach(t, setup{over: over}, func(t *testing.T, r *rig) {
		f := r.transient(nil)
		c, _ := call("k", gives("v"))
		if got := <-r.start(t.Context(), f, c); got.panicked == nil {
			t.Errorf("%+v", got)
		}
		r.does(f, c, Populated, Absent, "v")
	})
}

// Failures that have nothing to do with the function are not remembered as its.
func TestInterruptionsAreNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{})
		f := r.function(func(f *Function) { f.ErrorTTL = func(error) time.Duration { return time.Hour } })
		h := newHeld()
		c, _ := call("k", h.run)
		ctx, leave := context.WithCancel(t.Context())
		ch := r.start(ctx, f, c)
		<-h.entered
		leave()
		<-ch
		synctest.Wait()
		r.does(f, c.as(Use, gives("v")), Populated, Absent, "v")
	})
}

func TestLooksAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{plain: true})
		gate := r.faults.Hold(storetest.MethodChanges, 1)
		var all []<-chan error
		look := func() {
			ch := make(chan error, 1)
			go func() { ch <- r.sync(t.Context()) }()
			all = append(all, ch)
			synctest.Wait()
		}
		look()
		for range 10 { // too late for the first, so they share the next
			look()
		}
		gate.Open()
		for _, ch := range all {
			if err := <-ch; err != nil {
				t.Error(err)
			}
		}
		if n := r.looks(); n != 2 {
			t.Errorf("%d looks, want 2", n)
		}
	})
}

func TestStateTellsOfLooksThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{plain: true})
		r.faults.Fail(storetest.MethodChanges, 0, errBoom)
		for range breakerTrip {
			if err := r.sync(t.Context()); !errors.Is(err, errBoom) {
				t.Fatal(err)
			}
		}
		if failing, last := r.State(); !failing || !errors.Is(last, errBoom) {
			t.Errorf("state %v, %v", failing, last)
		}
	})
}

func TestStoreTime(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		if now := r.StoreTime(t.Context()); !now.Equal(time.Now()) {
			t.Errorf("the store's clock shows %v", now)
		}
		r.faults.Fail(storetest.MethodInfo, 1, errBoom)
		if now := r.StoreTime(t.Context()); !now.IsZero() {
			t.Errorf("a store that fails shows %v", now)
		}
		if r.Closed() {
			t.Error("closed")
		}
		var f Function
		f.Ran(time.Second)
		if f.Counters.Spent() != time.Second {
			t.Error("time that the engine did not see is not counted")
		}
	})
}

func TestLifetimesDoNotOverflow(t *testing.T) {
	now := time.Now()
	forever := time.Duration(1<<63 - 1)
	got := []lifetime{
		lifetimeFrom(5, time.Time{}, now, time.Hour),
		lifetimeFrom(5, now.Add(10), now, 3),
		lifetimeFrom(5, now.Add(-time.Hour), now, 0),
		lifetimeFrom(5, now.Add(forever), now, forever),
	}
	want := []lifetime{{0, 0}, {15, 18}, {1, 1}, {1<<63 - 1, 1<<63 - 1}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
