package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

func serialize(f *Function) { f.Serialize = true }

// pair gives two engines on one store, as two processes have them.
func pair(t *testing.T, s setup) (a, b *rig) {
	s.shared = memstore.New(nil)
	return ready(t, s), ready(t, s)
}

func TestSerializeWaits(t *testing.T) {
	for _, remote := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, b := pair(t, setup{remote: remote})
			fa, fb := a.function(serialize), b.function(serialize)
			h := newHeld()
			c, j := call("k", h.run)
			var fence uint64
			first := a.start(t.Context(), fa, c)
			if n, ok := Fence(<-h.entered); !ok || n == 0 {
				t.Errorf("fence %d, %v", n, ok)
			} else {
				fence = n
			}
			second := b.start(t.Context(), fb, c)
			joined := b.start(t.Context(), fb, c)
			time.Sleep(5 * time.Minute) // far beyond LeaseTTL: the heartbeat holds the lease
			h.result <- "v"
			wants(t, (<-first).Result, Populated, Absent, "v")
			x, y := <-second, <-joined
			if x.Outcome == Joined {
				x, y = y, x
			}
			wants(t, x.Result, Waited, NoReason, "v")
			wants(t, y.Result, Joined, NoReason, "v")
			if j.runs.Load() != 1 {
				t.Errorf("%d runs", j.runs.Load())
			}
			b.remembers(fb, c, "v")
			lk, err := a.Read(t.Context(), c.Key)
			if err != nil || lk.Record.Fence != fence {
				t.Errorf("published under fence %d, want %d; %v", lk.Record.Fence, fence, err)
			}
		})
	}
}

func TestSerializeModes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{})
		fa, fb := a.function(serialize), b.function(serialize)
		c, _ := call("k", gives("1"))
		a.does(fa, c, Populated, Absent, "1")
		b.does(fb, c.as(ReadOnly, gives("x")), HitStore, NoReason, "1")
		b.does(fb, c.as(Refresh, gives("2")), Refreshed, RefreshAsked, "2")
		b.remembers(fb, c, "2")
		a.does(a.transient(serialize), c, HitStore, NoReason, "2")
		a.does(fa, c.as(WriteOnly, gives("3")), Populated, RefreshAsked, "3")
		n := a.faults.Calls(storetest.MethodAcquire)
		other, _ := call("other", nil)
		a.does(fa, other.as(ReadOnly, gives("x")), Bypassed, ModeReadOnly, "x")
		if a.faults.Calls(storetest.MethodAcquire) != n {
			t.Error("a call that stores nothing took a lease")
		}
	})
}

// Without leases, Serialize is what a process can do alone.
func TestSerializeWithoutLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{plain: true})
		if r.Leases() {
			t.Fatal("the store has leases")
		}
		c, _ := call("k", gives("v"))
		r.does(r.function(serialize), c, Populated, Absent, "v")
	})
}

func TestLostLeaseCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{})
		fa, fb := a.function(serialize), b.function(serialize)
		h := newHeld()
		c, _ := call("k", h.run)
		first := a.start(t.Context(), fa, c)
		running := <-h.entered
		a.faults.Fail(storetest.MethodRenew, 0, errBoom)
		second := b.start(t.Context(), fb, c.as(Use, gives("b")))
		got := <-first
		if got.Outcome != Failed || !errors.Is(got.Failure, ErrLeaseLost) || !errors.Is(context.Cause(running), ErrLeaseLost) {
			t.Errorf("%+v; cause %v", got, context.Cause(running))
		}
		wants(t, (<-second).Result, Populated, Absent, "b")
	})
}

// Who goes on regardless has a value, but the store refuses it.
func TestLostLeaseLosesTheRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{})
		fa, fb := a.function(serialize), b.function(serialize)
		stubborn := make(chan string)
		c, _ := call("k", func(context.Context) (any, error) { return <-stubborn, nil })
		first := a.start(t.Context(), fa, c)
		synctest.Wait()
		a.faults.Fail(storetest.MethodRenew, 0, errBoom)
		b.does(fb, c.as(Use, gives("b")), Populated, Absent, "b")
		stubborn <- "a"
		got := <-first
		wants(t, got.Result, PutFailed, Superseded, "a")
		if !errors.Is(got.Err, ErrLeaseLost) {
			t.Errorf("err %v", got.Err)
		}
		a.remembers(fa, c, nil)
		a.does(fa, c, HitStore, NoReason, "b")
	})
}

// A failing function does not run once for each waiter, one right after the
// other.
func TestFailingFunctionCoolsDown(t *testing.T) {
	const cooldown = 100 * time.Millisecond // of package lease
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		var mu sync.Mutex
		var began []time.Time
		run := func(context.Context) (any, error) {
			mu.Lock()
			defer mu.Unlock()
			began = append(began, time.Now())
			return nil, errBoom
		}
		c, _ := call("k", run)
		var all []<-chan answer
		for range 4 {
			r := ready(t, setup{shared: own})
			all = append(all, r.start(t.Context(), r.function(serialize), c))
		}
		for _, ch := range all {
			if got := <-ch; got.Failure != errBoom || got.Outcome != Failed {
				t.Errorf("%+v", got)
			}
		}
		for i := 1; i < len(began); i++ {
			if d := began[i].Sub(began[i-1]); d < cooldown {
				t.Errorf("run %d came %v after the last", i, d)
			}
		}
		if len(began) != 4 {
			t.Errorf("%d runs", len(began))
		}
	})
}

func TestPanicReleasesTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{})
		c, _ := call("k", func(context.Context) (any, error) { panic(errBoom) })
		if got := <-a.start(t.Context(), a.function(serialize), c); got.panicked == nil {
			t.Fatalf("%+v", got)
		}
		began := time.Now()
		b.does(b.function(serialize), c.as(Use, gives("v")), Populated, Absent, "v")
		if d := time.Since(began); d > time.Second {
			t.Errorf("the next one waited %v", d)
		}
	})
}

func TestStoreFailsAtAcquire(t *testing.T) {
	for name, disturb := range map[string]func(*storetest.Faulty){
		"fails": func(f *storetest.Faulty) { f.Fail(storetest.MethodAcquire, 0, errBoom) },
		"hangs": func(f *storetest.Faulty) { f.Hang(storetest.MethodAcquire, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, setup{}, func(t *testing.T, r *rig) {
				disturb(r.faults)
				c, j := call("k", gives("v"))
				got := r.does(r.function(serialize), c, LookupFailed, StoreError, "v")
				if !errors.Is(got.Err, ErrStore) {
					t.Errorf("err %v", got.Err)
				}
				closed := r.function(func(f *Function) { serialize(f); f.FailClosed = true })
				res, err := r.Do(t.Context(), closed, c.as(Use, c.Work.(*job).Run))
				if res.Outcome != Failed || !errors.Is(err, ErrStore) {
					t.Errorf("fail closed: %v, %v", res.Outcome, err)
				}
				if j.runs.Load() != 1 {
					t.Errorf("%d runs", j.runs.Load())
				}
			})
		})
	}
}

// The look under the lease may fail as well.
func TestStoreFailsAtTheSecondLook(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		c, _ := call("k", gives("v"))
		gate := r.faults.Hold(storetest.MethodAcquire, 1)
		ch := r.start(t.Context(), r.function(serialize), c)
		<-gate.Arrived()
		r.faults.Fail(storetest.MethodGet, 0, errBoom)
		gate.Open()
		got := <-ch
		wants(t, got.Result, LookupFailed, StoreError, "v")
		if !errors.Is(got.Err, ErrStore) {
			t.Errorf("err %v", got.Err)
		}
		r.faults.Heal()
		time.Sleep(testTimeout)
		began := time.Now()
		r.does(r.function(serialize), c, Populated, Absent, "v")
		if d := time.Since(began); d > time.Second {
			t.Errorf("the lease was not given back: waited %v", d)
		}
	})
}

func TestPublishUnderALeaseFails(t *testing.T) {
	for i, tt := range []struct {
		err error
		why Reason
	}{{errBoom, StoreError}, {store.ErrTooLarge, TooLarge}, {store.ErrFull, NoRoom}, {store.ErrLeaseLost, Superseded}} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			onEach(t, setup{}, func(t *testing.T, r *rig) {
				r.faults.Fail(storetest.MethodPublish, 0, tt.err)
				c, _ := call("k", gives("v"))
				r.does(r.function(serialize), c, PutFailed, tt.why, "v")
			})
		})
	}
}

// A lost reply to the publish is no lost value.
func TestPublishReplyIsLost(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		r.faults.LoseReply(storetest.MethodPublish, 1, errBoom)
		c, _ := call("k", gives("v"))
		f := r.transient(serialize)
		r.does(f, c, Populated, Absent, "v")
		r.does(f, c, HitStore, NoReason, "v")
	})
}

func TestWaiterLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{})
		h := newHeld()
		c, _ := call("k", h.run)
		first := a.start(t.Context(), a.function(serialize), c)
		<-h.entered
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Do(ctx, b.function(serialize), c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("left with %v", err)
		}
		h.result <- "v"
		wants(t, (<-first).Result, Populated, Absent, "v")
		if failing, _ := b.State(); failing {
			t.Error("who leaves says something of the store")
		}
	})
}

// A clear while others wait makes the next one run.
func TestClearWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{})
		fa, fb := a.function(serialize), b.function(serialize)
		h := newHeld()
		c, _ := call("k", h.run)
		first := a.start(t.Context(), fa, c)
		<-h.entered
		second := b.start(t.Context(), fb, c.as(Use, gives("new")))
		time.Sleep(time.Second)
		if _, err := b.Clear(t.Context(), fb, c); err != nil {
			t.Fatal(err)
		}
		h.result <- "old"
		wants(t, (<-first).Result, PutFailed, Superseded, "old")
		if got := <-second; got.Outcome != Populated || got.Value != "new" {
			t.Errorf("%+v", got)
		}
	})
}

func TestCloseReleasesLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{})
		h := newHeld()
		c, _ := call("k", h.run)
		first := a.start(t.Context(), a.function(serialize), c)
		<-h.entered
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if got := <-first; !errors.Is(got.Failure, ErrClosed) {
			t.Errorf("%+v", got)
		}
		began := time.Now()
		b.does(b.function(serialize), c.as(Use, gives("v")), Populated, Absent, "v")
		if d := time.Since(began); d > time.Second {
			t.Errorf("waited %v", d)
		}
	})
}
