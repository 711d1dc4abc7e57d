package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/flight"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// The tests of this file are of bugs that were found and fixed; each is named
// for the promise that was broken.

// replaceable is a store whose data are lost, or put back to an older state,
// behind its users' back.
type replaceable struct {
	store.Store
	now atomic.Pointer[memstore.Store]
	got func() // called when a Get has read
}

func (r *replaceable) Get(ctx context.Context, k store.Key) (store.Lookup, error) {
	lk, err := r.now.Load().Get(ctx, k)
	if r.got != nil {
		r.got()
	}
	return lk, err
}

func (r *replaceable) Put(ctx context.Context, rec *store.Record, m store.PutMode) (store.Stamp, error) {
	return r.now.Load().Put(ctx, rec, m)
}

func (r *replaceable) Clear(ctx context.Context, k store.Key) (store.Bumped, error) {
	return r.now.Load().Clear(ctx, k)
}

func (r *replaceable) Bump(ctx context.Context, l ...store.Label) (store.Bumped, error) {
	return r.now.Load().Bump(ctx, l...)
}

func (r *replaceable) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	return r.now.Load().Changes(ctx, since)
}

// bumped is a store of some history.
func bumped(tb testing.TB, n int) *memstore.Store {
	tb.Helper()
	s := memstore.New(nil)
	for range n {
		if _, err := s.Bump(tb.Context(), store.TagLabel("whatever")); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// onceLost runs a test over a store that can be replaced by an empty one, or by
// one with a shorter history than it had.
func onceLost(t *testing.T, test func(t *testing.T, r *rig, lose func())) {
	t.Helper()
	onceReplaced(t, func(t *testing.T, r *rig, s *replaceable, young *memstore.Store) {
		test(t, r, func() { s.now.Store(young) })
	})
}

func onceReplaced(t *testing.T, test func(t *testing.T, r *rig, s *replaceable, young *memstore.Store)) {
	t.Helper()
	for name, history := range map[string]int{"lost": 0, "older": 20} {
		for where, remote := range map[string]bool{"local": false, "remote": true} {
			t.Run(name+"/"+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var s *replaceable
					r := ready(t, setup{remote: remote, shared: bumped(t, 50), over: func(inner store.Store) store.Store {
						s = &replaceable{Store: inner}
						s.now.Store(inner.(disguise).Store.(*memstore.Store))
						return s
					}})
					test(t, r, s, bumped(t, history))
				})
			})
		}
	}
}

func TestMemoryIsDroppedWithTheStoresData(t *testing.T) {
	onceLost(t, func(t *testing.T, r *rig, lose func()) {
		f, g := r.function(nil), r.function(nil)
		c, _ := call("k", gives("old"))
		r.does(f, c, Populated, Absent, "old")
		r.does(g, c, HitStore, NoReason, "old")
		r.remembers(f, c, "old")
		r.remembers(g, c, "old")
		lose()
		time.Sleep(testTrust)
		r.remembers(f, c, nil)
		r.remembers(g, c, nil)
		r.does(f, c.as(Use, gives("new")), Populated, Absent, "new")
		r.remembers(f, c, "new")
	})
}

func TestClearsWorkAfterTheStoreLostItsData(t *testing.T) {
	onceLost(t, func(t *testing.T, r *rig, lose func()) {
		f := r.function(nil)
		c, _ := call("k", gives("old"))
		label := store.FunctionLabel(store.KindFunction, "c", "fn")
		r.does(f, c, Populated, Absent, "old")
		lose() // and nobody looks at the store before the clear
		if n, err := r.ClearLabel(t.Context(), label); n != 0 || err != nil {
			t.Errorf("cleared %d, %v", n, err)
		}
		r.remembers(f, c, nil)
		r.does(f, c.as(Use, gives("new")), Populated, Absent, "new")
		if n, err := r.ClearLabel(t.Context(), label); n != 1 || err != nil {
			t.Errorf("cleared %d, %v, want 1", n, err)
		}
		r.remembers(f, c, nil)
		r.does(f, c.as(Use, gives("newer")), Populated, Cleared, "newer")
		if had, err := r.Clear(t.Context(), f, c); !had || err != nil {
			t.Errorf("cleared %t, %v", had, err)
		}
		r.does(f, c.as(Use, gives("newest")), Populated, Cleared, "newest")
		r.remembers(f, c, "newest")
	})
}

func TestRefreshWorksAfterTheStoreLostItsData(t *testing.T) {
	onceLost(t, func(t *testing.T, r *rig, lose func()) {
		f := r.function(nil)
		c, _ := call("k", gives("old"))
		r.does(f, c, Populated, Absent, "old")
		lose()
		r.does(f, c.as(Refresh, gives("new")), Refreshed, RefreshAsked, "new")
		r.remembers(f, c, "new")
		if err := r.Set(t.Context(), f, c, "set"); err != nil {
			t.Fatal(err)
		}
		r.remembers(f, c, "set")
		r.does(f, c.as(Refresh, gives("newer")), Refreshed, RefreshAsked, "newer")
		r.does(r.transient(nil), c, HitStore, NoReason, "newer")
	})
}

// What began before the loss is its callers' only: a clear that was lost with
// the data, or came with the loss, may concern it.
func TestResultsUnderWayDoNotOutliveTheStoresData(t *testing.T) {
	onceLost(t, func(t *testing.T, r *rig, lose func()) {
		f := r.function(nil)
		before, after := newHeld(), newHeld()
		c, _ := call("k", before.run)
		first := r.start(t.Context(), f, c)
		<-before.entered
		lose()
		other, _ := call("other", nil)
		for range 100 { // its numbers grow past the old ones
			if _, err := r.Clear(t.Context(), f, other); err != nil {
				t.Fatal(err)
			}
		}
		second := r.start(t.Context(), f, c.as(Use, after.run))
		select {
		case <-after.entered:
		case <-second:
		case <-time.After(time.Hour):
			t.Fatal("a call from after the loss joined an execution from before it")
		}
		before.result <- "before"
		wants(t, (<-first).Result, PutFailed, Superseded, "before")
		r.remembers(f, c, nil)
		after.result <- "after"
		wants(t, (<-second).Result, Populated, Absent, "after")
		r.remembers(f, c, "after")
		r.does(r.transient(nil), c, HitStore, NoReason, "after")
	})
}

// A lookup that was under way when the store lost its data may have found what
// is lost; memory does not keep it.
func TestLookupsUnderWayDoNotOutliveTheStoresData(t *testing.T) {
	onceReplaced(t, func(t *testing.T, r *rig, s *replaceable, young *memstore.Store) {
		c, _ := call("k", gives("old"))
		r.does(r.transient(nil), c, Populated, Absent, "old")
		s.got = func() {
			s.got = nil
			s.now.Store(young)
			if err := r.sync(t.Context()); err != nil {
				t.Error(err)
			}
		}
		f := r.function(nil)
		r.does(f, c, HitStore, NoReason, "old")
		r.remembers(f, c, nil)
		r.does(f, c.as(Use, gives("new")), Populated, Absent, "new")
		r.remembers(f, c, "new")
	})
}

// That the lease was lost is nothing to the next caller.
func TestErrorTTLForgetsLostLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{})
		f := r.function(func(f *Function) {
			serialize(f)
			f.ErrorTTL = func(error) time.Duration { return time.Hour }
		})
		h := newHeld()
		c, _ := call("k", h.run)
		ch := r.start(t.Context(), f, c)
		<-h.entered
		r.faults.Fail(storetest.MethodRenew, 0, errBoom)
		if got := <-ch; got.Outcome != Failed || !errors.Is(got.Failure, ErrLeaseLost) {
			t.Fatalf("%+v", got)
		}
		r.faults.Heal()
		if ent, ok := r.Recall(t.Context(), f, c.Memory); ok {
			t.Errorf("remembered %v", ent.Err)
		}
		r.does(f, c.as(Use, gives("v")), Populated, Absent, "v")
	})
}

// An execution that begins while Set files its value began before it was set,
// or joins what was; either way the value that was set stays.
func TestEphemeralSetSupersedesWhatBeginsDuringIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{})
		h := newHeld()
		c, _ := call("k", h.run)
		var during <-chan answer
		f := r.function(func(f *Function) {
			f.Ephemeral = true
			f.Codec.Size = func(v any) int64 { // asked while the value is filed
				if v == "set" {
					during = r.start(t.Context(), f, c)
					<-h.entered
				}
				return 1
			}
		})
		if err := r.Set(t.Context(), f, c, "set"); err != nil {
			t.Fatal(err)
		}
		r.remembers(f, c, "set")
		h.result <- "run"
		if got := <-during; got.Value != "run" || got.err != nil {
			t.Errorf("%+v", got)
		}
		r.remembers(f, c, "set")
	})
}

// Callers' deadlines are shorter than the store's as a rule. All of them may
// leave, and the store that hangs is found out nevertheless.
func TestHangingStoreIsLeftInPeaceThoughAllCallersLeave(t *testing.T) {
	for _, m := range []storetest.Method{storetest.MethodGet, storetest.MethodChanges} {
		t.Run(string(m), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := ready(t, setup{remote: true, plain: true})
				f := r.function(nil)
				time.Sleep(time.Minute) // memory is trusted no more
				r.faults.Hang(m, 0)
				patient := func(key string) (time.Duration, Result) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					began := time.Now()
					c, _ := call(key, gives("v"))
					r.Recall(ctx, f, c.Memory)
					got, _ := r.Do(ctx, f, c)
					return time.Since(began), got
				}
				if took, got := patient("a"); took != time.Second || got.Outcome != Failed {
					t.Errorf("the first call took %v: %v", took, got.Outcome)
				}
				time.Sleep(testTimeout - time.Second)
				synctest.Wait()
				if failing, err := r.State(); !failing || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("failing %t, %v", failing, err)
				}
				for _, key := range []string{"a", "b", "c"} {
					if took, got := patient(key); took != 0 || got.Value != "v" {
						t.Errorf("a call took %v: %v, %v", took, got.Outcome, got.Value)
					}
				}
			})
		})
	}
}

func TestFunctionsDoNotRunForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{remote: true})
		f := r.function(nil)
		c, j := call("k", gives("v"))
		gate := r.faults.Hold(storetest.MethodGet, 1)
		ctx, cancel := context.WithCancel(t.Context())
		ch := r.start(ctx, f, c)
		<-gate.Arrived()
		cancel()
		if got := <-ch; !errors.Is(got.err, context.Canceled) {
			t.Errorf("left with %v", got.err)
		}
		gate.Open()
		if synctest.Wait(); j.runs.Load() != 0 {
			t.Error("the function ran though its only caller had left")
		}
		r.does(f, c, Populated, Absent, "v")
	})
}

// A store that fails at leases is left in peace like any other, and leases are
// used again when it is well.
func TestFailingLeasesAreLeftInPeace(t *testing.T) {
	for name, disturb := range map[string]func(*storetest.Faulty){
		"fails": func(f *storetest.Faulty) { f.Fail(storetest.MethodAcquire, 0, errBoom) },
		"hangs": func(f *storetest.Faulty) { f.Hang(storetest.MethodAcquire, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, setup{}, func(t *testing.T, r *rig) {
				f := r.function(serialize)
				c, _ := call("k", gives("v"))
				disturb(r.faults)
				for range breakerTrip {
					r.does(f, c, LookupFailed, StoreError, "v")
				}
				began := time.Now()
				for range 20 {
					r.does(f, c, LookupFailed, StoreError, "v")
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("20 calls waited %v for a store that is known to fail", took)
				}
				if failing, _ := r.State(); !failing {
					t.Error("not failing")
				}
				r.faults.Heal()
				time.Sleep(breakerPauseMax)
				n := r.faults.Calls(storetest.MethodAcquire)
				synctest.Wait() // for the probe, which comes first where it hung
				r.does(f, c, Populated, Absent, "v")
				if r.faults.Calls(storetest.MethodAcquire) != n+1 {
					t.Error("the lease is not used again")
				}
			})
		})
	}
}

// Hits after an idle time wait for one look at the store's changes, not for
// one each.
func TestHitsAfterAnIdleTimeShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{remote: true, plain: true})
		f := r.function(nil)
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		time.Sleep(time.Minute)
		before := r.faults.Calls(storetest.MethodChanges)
		gate := r.faults.Hold(storetest.MethodChanges, 0)
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() { r.remembers(f, c, "v") })
		}
		synctest.Wait()
		gate.Open()
		all.Wait()
		if n := r.faults.Calls(storetest.MethodChanges) - before; n != 1 {
			t.Errorf("%d looks for 200 hits", n)
		}
	})
}

// A hit that finds a refresh under way does not keep it going.
func TestHitsDoNotWaitForTheRefreshOfAnother(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(refreshing)
		c, _ := call("k", nil)
		r.aged(f, c)
		h := newHeld()
		ctx, cancel := context.WithCancel(t.Context())
		ch := r.start(ctx, f, c.as(Refresh, h.run))
		running := <-h.entered
		r.Refresh(t.Context(), f, c.as(Use, gives("not run")))
		cancel()
		<-ch
		if synctest.Wait(); !errors.Is(context.Cause(running), flight.ErrNoWaiters) {
			t.Errorf("the refresh goes on though its only caller left: %v", context.Cause(running))
		}
	})
}

func TestFollowersOfAStoreHitHitTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{remote: true})
		f := r.transient(nil)
		c, j := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		gate := r.faults.Hold(storetest.MethodGet, 1)
		var all [3]<-chan answer
		for i := range all {
			all[i] = r.start(t.Context(), f, c)
		}
		synctest.Wait()
		gate.Open()
		for _, ch := range all {
			got := <-ch
			if wants(t, got.Result, HitStore, NoReason, "v"); got.Tier != TierStore {
				t.Errorf("tier %q", got.Tier)
			}
		}
		if n := j.runs.Load(); n != 1 {
			t.Errorf("%d runs", n)
		}
	})
}
