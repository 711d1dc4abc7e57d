package engine

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/store/storetest"
)

const refreshAfter = time.Minute

func refreshing(f *Function) { f.RefreshAfter = refreshAfter }

// aged populates the call's key and lets the value pass RefreshAfter.
func (r *rig) aged(f *Function, c *Call) {
	r.tb.Helper()
	r.does(f, c.as(Use, gives("old")), Populated, Absent, "old")
	time.Sleep(refreshAfter)
}

func TestStoreHitPastRefreshAfter(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.transient(refreshing)
		c, _ := call("k", gives("new"))
		r.does(f, c.as(Use, gives("old")), Populated, Absent, "old")
		time.Sleep(refreshAfter - 1)
		r.does(f, c, HitStore, NoReason, "old")
		time.Sleep(1)
		if got := r.does(f, c, HitStale, RefreshDue, "old"); got.Tier != TierStore || got.Age != refreshAfter {
			t.Errorf("%+v", got)
		}
		r.Refresh(t.Context(), f, c)
		synctest.Wait()
		r.does(f, c, HitStore, NoReason, "new")
		if n := f.Counters.Of(Refreshed); n != 1 {
			t.Errorf("%d refreshes counted", n)
		}
	})
}

func TestRefreshBehindAMemoryHit(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(refreshing)
		h := newHeld()
		c, j := call("k", h.run)
		r.aged(f, c)
		ent, ok := r.Recall(t.Context(), f, c.Memory)
		if !ok || r.Age(ent) != refreshAfter {
			t.Fatalf("recalled %+v", ent)
		}
		if _, ok := r.Hit(f, c.Memory); ok {
			t.Error("a plain hit where a refresh may be due")
		}
		if !r.RefreshDue(ent) || r.RefreshDue(ent) {
			t.Error("not exactly one caller is to begin the refresh")
		}
		ctx, leave := context.WithCancel(t.Context())
		r.Refresh(ctx, f, c)
		leave() // the caller has its answer, the refresh goes on
		running := <-h.entered
		r.Refresh(t.Context(), f, c) // one at a time
		synctest.Wait()
		if running.Err() != nil || j.runs.Load() != 1 {
			t.Fatalf("ctx: %v, %d runs", running.Err(), j.runs.Load())
		}
		r.remembers(f, c, "old")
		h.result <- "new"
		synctest.Wait()
		r.remembers(f, c, "new")
		if ent, _ := r.Recall(t.Context(), f, c.Memory); r.RefreshDue(ent) {
			t.Error("due again at once")
		}
	})
}

func TestRefreshIsTriedAgainInAWhile(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(refreshing)
		c, _ := call("k", nil)
		r.aged(f, c)
		ent, _ := r.Recall(t.Context(), f, c.Memory)
		for range 3 {
			if !r.RefreshDue(ent) {
				t.Fatal("not due")
			}
			r.Refresh(t.Context(), f, c.as(Use, fails(errBoom)))
			synctest.Wait()
			time.Sleep(refreshRetry - 1)
			if r.RefreshDue(ent) {
				t.Fatal("due too early")
			}
			time.Sleep(1)
		}
		r.remembers(f, c, "old")
		if n := f.Counters.Of(Failed); n != 3 {
			t.Errorf("%d failures counted", n)
		}
		if n := strings.Count(r.log.String(), "boom"); n != 3 {
			t.Errorf("the log does not tell:\n%s", r.log)
		}
		bare := r.function(nil)
		r.does(bare, c, HitStore, NoReason, "old")
		ent, _ = r.Recall(t.Context(), bare, c.Memory)
		if r.RefreshDue(ent) {
			t.Error("due without RefreshAfter")
		}
	})
}

func TestRefreshThatPanicsOrExits(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(refreshing)
		c, _ := call("k", nil)
		r.aged(f, c)
		r.Refresh(t.Context(), f, c.as(Use, func(context.Context) (any, error) { panic("oh no") }))
		synctest.Wait()
		if !strings.Contains(r.log.String(), "oh no") {
			t.Errorf("the log does not tell of the panic:\n%s", r.log)
		}
		r.Refresh(t.Context(), f, c.as(Use, func(context.Context) (any, error) {
			runtime.Goexit()
			return nil, nil
		}))
		synctest.Wait()
		if n := f.Counters.Of(Failed); n != 2 {
			t.Errorf("%d failures counted, want 2", n)
		}
		if log := r.log.String(); strings.Contains(log, "nil pointer") || strings.Count(log, "the old value stays") != 2 {
			t.Errorf("log:\n%s", log)
		}
		r.remembers(f, c, "old")
	})
}

// A call in mode Refresh that joins a refresh behind a hit gets what it would
// have got of its own.
func TestJoiningARefreshBehindAHit(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(refreshing)
		c, _ := call("k", nil)
		r.aged(f, c)
		var release chan struct{}
		join := func(run func(context.Context) (any, error)) answer {
			release = make(chan struct{})
			r.Refresh(t.Context(), f, c.as(Use, func(ctx context.Context) (any, error) {
				<-release
				return run(ctx)
			}))
			ch := r.start(t.Context(), f, c.as(Refresh, gives("own")))
			synctest.Wait()
			close(release)
			return <-ch
		}
		if got := join(gives("new")); got.Outcome != Joined || got.Value != "new" || got.Owned {
			t.Errorf("%+v", got)
		}
		if got := join(fails(errBoom)); got.Outcome != Failed || got.Failure != errBoom || got.err != nil {
			t.Errorf("%+v", got)
		}
		got := join(func(context.Context) (any, error) { panic(errBoom) })
		if p, ok := got.panicked.(*PanicError); !ok || p.Value != errBoom || !strings.Contains(string(p.Stack), "TestJoiningARefreshBehindAHit") {
			t.Errorf("panicked with %v, got %+v", got.panicked, got)
		}
	})
}

func TestRefreshOnAFailingStore(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(refreshing)
		c, j := call("k", gives("new"))
		r.aged(f, c)
		synctest.Wait()
		r.faults.Fail(storetest.MethodChanges, 0, errBoom)
		r.Refresh(t.Context(), f, c)
		synctest.Wait()
		if j.runs.Load() != 0 {
			t.Error("ran for a result that nobody waits for and the store cannot take")
		}
		if n := f.Counters.Of(Failed); n != 1 {
			t.Errorf("%d failures counted", n)
		}
		r.faults.Heal()
		r.faults.Fail(storetest.MethodPut, 1, errBoom)
		time.Sleep(testTimeout)
		r.Refresh(t.Context(), f, c)
		synctest.Wait()
		if n := f.Counters.Of(PutFailed); n != 1 {
			t.Errorf("%d failed puts counted", n)
		}
	})
}

func TestRefreshEphemeral(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) { f.Ephemeral = true; refreshing(f) })
		c, _ := call("k", gives("new"))
		r.aged(f, c)
		r.Refresh(t.Context(), f, c)
		synctest.Wait()
		r.remembers(f, c, "new")
	})
}

func TestCloseCancelsRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{})
		f := r.function(refreshing)
		h := newHeld()
		c, _ := call("k", h.run)
		r.aged(f, c)
		r.Refresh(t.Context(), f, c)
		running := <-h.entered
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if cause := context.Cause(running); !errors.Is(cause, ErrClosed) {
			t.Errorf("cancelled because of %v", cause)
		}
	})
}

// A clear during a refresh wins over it.
func TestClearBeatsRefresh(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(refreshing)
		h := newHeld()
		c, _ := call("k", h.run)
		r.aged(f, c)
		r.Refresh(t.Context(), f, c)
		<-h.entered
		if _, err := r.Clear(t.Context(), f, c); err != nil {
			t.Fatal(err)
		}
		h.result <- "late"
		synctest.Wait()
		r.remembers(f, c, nil)
		r.does(f, c.as(Use, gives("new")), Populated, Cleared, "new")
	})
}
