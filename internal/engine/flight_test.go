package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/store"
)

func TestIdenticalCallsJoin(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.transient(nil)
		h := newHeld()
		c, j := call("k", h.run)
		var all []<-chan answer
		for range 5 {
			all = append(all, r.start(t.Context(), f, c))
			synctest.Wait()
		}
		h.result <- "v"
		for i, ch := range all {
			a := <-ch
			want, why := Joined, Absent
			if i == 0 {
				want = Populated
			}
			if a.err != nil || a.Outcome != want || a.Reason != why || a.Value != "v" || a.Owned != (i == 0) {
				t.Errorf("caller %d: %+v", i, a)
			}
		}
		if j.runs.Load() != 1 {
			t.Errorf("%d runs", j.runs.Load())
		}
	})
}

func TestJoinersShareFailuresAndPanics(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.transient(nil)
		release := make(chan struct{})
		c, _ := call("k", func(context.Context) (any, error) {
			<-release
			return nil, errBoom
		})
		a, b := r.start(t.Context(), f, c), r.start(t.Context(), f, c)
		synctest.Wait()
		close(release)
		for _, ch := range []<-chan answer{a, b} {
			if got := <-ch; got.Failure != errBoom || got.Outcome != Failed || got.err != nil {
				t.Errorf("%+v", got)
			}
		}
		release = make(chan struct{})
		c, _ = call("p", func(context.Context) (any, error) {
			<-release
			panic(errBoom)
		})
		a, b = r.start(t.Context(), f, c), r.start(t.Context(), f, c)
		synctest.Wait()
		close(release)
		for _, ch := range []<-chan answer{a, b} {
			p, ok := (<-ch).panicked.(*PanicError)
			if !ok || p.Value != errBoom || !errors.Is(p, errBoom) {
				t.Errorf("panicked with %v", p)
			}
		}
		r.does(f, c.as(Use, gives("v")), Populated, Absent, "v")
	})
}

func TestCallersLeaveAndTheLastCancels(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.transient(nil)
		h := newHeld()
		c, _ := call("k", h.run)
		ctx1, leave1 := context.WithCancel(t.Context())
		ctx2, leave2 := context.WithCancel(t.Context())
		a, b := r.start(ctx1, f, c), r.start(ctx2, f, c)
		running := <-h.entered
		synctest.Wait()
		leave1()
		if got := <-a; got.err != context.Canceled || got.Outcome != Failed {
			t.Errorf("left with %+v", got)
		}
		if running.Err() != nil {
			t.Fatal("cancelled while somebody waits")
		}
		leave2()
		if got := <-b; got.err != context.Canceled {
			t.Errorf("left with %+v", got)
		}
		<-running.Done()
	})
}

func TestRecursion(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.transient(nil)
		c, j := call("k", nil)
		j.run = func(ctx context.Context) (any, error) {
			_, err := r.Do(ctx, f, c)
			return nil, err
		}
		if got := r.does(f, c, Failed, Absent, nil); !errors.Is(got.Failure, ErrRecursive) {
			t.Errorf("failure %v", got.Failure)
		}
	})
}

// A caller who comes after a clear gets no execution from before it, whose own
// callers get their value, and which is not filed.
func TestClearsBeatExecutionsUnderWay(t *testing.T) {
	for name, clear := range map[string]func(*rig, *Function, *Call) error{
		"key": func(r *rig, f *Function, c *Call) error {
			_, err := r.Clear(context.Background(), f, c)
			return err
		},
		"dataset": func(r *rig, f *Function, c *Call) error {
			_, err := r.ClearLabel(context.Background(), store.DatasetLabel("d"))
			return err
		},
		"tag": func(r *rig, f *Function, c *Call) error {
			_, err := r.ClearLabel(context.Background(), store.TagLabel("t"))
			return err
		},
	} {
		for _, ephemeral := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ephemeral ", ephemeral), func(t *testing.T) {
				onEach(t, setup{}, func(t *testing.T, r *rig) {
					f := r.function(func(f *Function) { f.Ephemeral = ephemeral })
					old, fresh := newHeld(), newHeld()
					c, j := call("k", old.run)
					j.tags = []string{"t"}
					late := c.as(Use, fresh.run)
					late.Work.(*job).tags = []string{"t"}
					a := r.start(t.Context(), f, c)
					<-old.entered
					if err := clear(r, f, c); err != nil {
						t.Fatal(err)
					}
					b := r.start(t.Context(), f, late)
					synctest.Wait()
					old.result <- "old"
					if got := <-a; got.Value != "old" || got.err != nil {
						t.Errorf("who came before: %+v", got)
					}
					fresh.result <- "new"
					if got := <-b; got.Value != "new" || got.Outcome != Populated {
						t.Errorf("who came after: %+v", got)
					}
					r.remembers(f, c, "new")
					if !ephemeral {
						r.does(r.transient(nil), c.as(Use, gives("again")), HitStore, NoReason, "new")
					}
				})
			})
		}
	}
}

func TestPublishUnderBegun(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(nil)
		h := newHeld()
		c, _ := call("k", h.run)
		a := r.start(t.Context(), f, c)
		<-h.entered
		if _, err := r.Clear(t.Context(), f, c); err != nil {
			t.Fatal(err)
		}
		h.result <- "old"
		got := <-a
		wants(t, got.Result, PutFailed, Superseded, "old")
		if !errors.Is(got.Err, store.ErrSuperseded) {
			t.Errorf("err %v", got.Err)
		}
		r.remembers(f, c, nil)
		r.does(f, c.as(Use, gives("new")), Populated, Cleared, "new")
	})
}

// A label that is cleared while the function runs does not keep the result
// from the store, which knows the key only, but nobody is shown it.
func TestPublishUnderBegunHidesByLabel(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(nil)
		h := newHeld()
		c, _ := call("k", h.run)
		a := r.start(t.Context(), f, c)
		<-h.entered
		if _, err := r.ClearLabel(t.Context(), store.DatasetLabel("d")); err != nil {
			t.Fatal(err)
		}
		h.result <- "old"
		if got := <-a; got.Value != "old" {
			t.Errorf("%+v", got)
		}
		r.remembers(f, c, nil)
		r.does(f, c.as(Use, gives("new")), Populated, Cleared, "new")
	})
}

func TestSetSupersedes(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		t.Run(fmt.Sprint("ephemeral ", ephemeral), func(t *testing.T) {
			onEach(t, setup{}, func(t *testing.T, r *rig) {
				f := r.function(func(f *Function) { f.Ephemeral = ephemeral; f.TTL = lasting(time.Hour) })
				h := newHeld()
				c, _ := call("k", h.run)
				a := r.start(t.Context(), f, c)
				<-h.entered
				if err := r.Set(t.Context(), f, c, "set"); err != nil {
					t.Fatal(err)
				}
				r.remembers(f, c, "set")
				if got := r.does(f, c, map[bool]Outcome{true: HitMemory, false: HitStore}[ephemeral], NoReason, "set"); got.Age != 0 {
					t.Errorf("%+v", got)
				}
				h.result <- "old"
				if got := <-a; got.Value != "old" {
					t.Errorf("%+v", got)
				}
				r.remembers(f, c, "set")
				time.Sleep(time.Hour)
				r.remembers(f, c, nil)
			})
		})
	}
}

func TestEphemeral(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) {
			f.Ephemeral = true
			f.TTL, f.StaleOnError = lasting(time.Minute), time.Minute
		})
		c, j := call("k", gives("v"))
		got := r.does(f, c, Populated, Absent, "v")
		if !got.Expires.Equal(time.Now().Add(time.Minute)) {
			t.Errorf("expires %v", got.Expires)
		}
		r.does(f, c, HitMemory, NoReason, "v")
		time.Sleep(time.Minute)
		if p, err := r.Peek(t.Context(), f, c); p.Reason != Expired || err != nil {
			t.Errorf("peek: %+v, %v", p, err)
		}
		r.does(f, c.as(Use, fails(errBoom)), HitStale, FunctionFailed, "v")
		r.does(f, c, Populated, Expired, "v")
		if n, err := r.ClearEphemeral(f, store.FunctionLabel(store.KindFunction, "c", "fn")); n != 1 || err != nil {
			t.Errorf("cleared %d, %v", n, err)
		}
		if p, _ := r.Peek(t.Context(), f, c); p.Reason != Cleared {
			t.Errorf("peek: %+v", p)
		}
		r.does(f, c, Populated, Cleared, "v")
		if had, err := r.Clear(t.Context(), f, c); !had || err != nil {
			t.Errorf("clear: %v, %v", had, err)
		}
		if had, err := r.Clear(t.Context(), f, c); had || err != nil {
			t.Errorf("clear again: %v, %v", had, err)
		}
		r.does(f, c.as(Refresh, gives("w")), Refreshed, RefreshAsked, "w")
		r.remembers(f, c, "w")
		if j.runs.Load() != 3 || r.faults.Calls("Get")+r.faults.Calls("Put") != 0 {
			t.Error("an ephemeral function went to the store")
		}
	})
}

// A function that stores nothing does not execute for one that does.
func TestResidenciesDoNotJoin(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		h := newHeld()
		c, j := call("k", h.run)
		a := r.start(t.Context(), r.transient(nil), c)
		b := r.start(t.Context(), r.function(func(f *Function) { f.Ephemeral = true }), c)
		synctest.Wait()
		h.result <- "v"
		h.result <- "v"
		if (<-a).Outcome != Populated || (<-b).Outcome != Populated || j.runs.Load() != 2 {
			t.Errorf("%d runs", j.runs.Load())
		}
	})
}

func TestValuesThatCannotBeCopied(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) {
			f.Codec.Encode = func(any) ([]byte, error) { return nil, errBoom }
			f.Codec.Copy = func(any) (any, error) { return nil, errBoom }
		})
		h := newHeld()
		c, j := call("k", h.run)
		a := r.start(t.Context(), f, c)
		<-h.entered
		b := r.start(t.Context(), f, c)
		failing := r.start(t.Context(), f, c.as(Use, fails(errBoom)))
		synctest.Wait()
		h.result <- "1"
		wants(t, (<-a).Result, PutFailed, NotSerializable, "1")
		h.result <- "2"
		got := <-b
		wants(t, got.Result, PutFailed, NotSerializable, "2")
		if !got.Owned || got.Err != errBoom || j.runs.Load() != 2 {
			t.Errorf("%+v after %d runs", got, j.runs.Load())
		}
		if got := <-failing; got.Outcome != Failed || got.Failure != errBoom {
			t.Errorf("%+v", got)
		}
	})
}

func TestGoexitReachesEveryCaller(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		c, _ := call("k", func(context.Context) (any, error) {
			runtime.Goexit()
			return nil, nil
		})
		exited := make(chan bool, 1)
		go func() {
			returned := false
			defer func() { exited <- !returned }()
			r.Do(t.Context(), r.transient(nil), c)
			returned = true
		}()
		if !<-exited {
			t.Error("the caller went on")
		}
	})
}

func TestClose(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(nil)
		h := newHeld()
		c, _ := call("k", h.run)
		a := r.start(t.Context(), f, c)
		<-h.entered
		closed := make(chan error, 1)
		go func() { closed <- r.Close() }()
		synctest.Wait()
		if _, err := r.Do(t.Context(), f, c); err != ErrClosed {
			t.Errorf("do: %v", err)
		}
		time.Sleep(testDrain - 1)
		h.result <- "v" // within the time to drain
		if err := <-closed; err != nil {
			t.Errorf("close: %v", err)
		}
		wants(t, (<-a).Result, Populated, Absent, "v")
		refuses(t, r, f, c)
		if err := r.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
	})
}

// refuses expects every operation to be refused after Close.
func refuses(t *testing.T, r *rig, f *Function, c *Call) {
	t.Helper()
	ctx, eph := t.Context(), r.function(func(f *Function) { f.Ephemeral = true })
	_, do := r.Do(ctx, f, c)
	_, peek := r.Peek(ctx, f, c)
	_, clear := r.Clear(ctx, f, c)
	_, clearEph := r.Clear(ctx, eph, c)
	_, label := r.ClearLabel(ctx, store.All())
	_, labelEph := r.ClearEphemeral(f, store.All())
	_, read := r.Read(ctx, c.Key)
	_, list := r.List(ctx, store.Query{})
	for name, err := range map[string]error{"do": do, "peek": peek, "clear": clear, "clear ephemeral": clearEph,
		"label": label, "ephemeral label": labelEph, "read": read, "list": list,
		"set": r.Set(ctx, f, c, "v"), "set ephemeral": r.Set(ctx, eph, c, "v")} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if _, ok := r.Recall(ctx, f, c.Memory); ok {
		t.Error("memory answers after Close")
	}
	if _, ok := r.Hit(f, c.Memory); ok {
		t.Error("memory answers after Close")
	}
	r.Refresh(ctx, f, c) // does nothing
}

func TestCloseCancelsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{})
		f := r.transient(nil)
		polite := newHeld()
		c, _ := call("polite", polite.run)
		rude, _ := call("rude", func(context.Context) (any, error) {
			time.Sleep(time.Hour)
			return "late", nil
		})
		a, b := r.start(t.Context(), f, c), r.start(t.Context(), f, rude)
		synctest.Wait()
		began := time.Now()
		err := r.Close()
		if err == nil || !strings.Contains(err.Error(), "1 execution(s) still run") {
			t.Errorf("close: %v", err)
		}
		if d := time.Since(began); d < testDrain || d > testDrain+5*time.Second {
			t.Errorf("took %v", d)
		}
		if got := <-a; !errors.Is(got.Failure, ErrClosed) || !errors.Is(got.Failure, context.Canceled) {
			t.Errorf("cancelled: %+v", got)
		}
		if got := <-b; !errors.Is(got.err, ErrClosed) {
			t.Errorf("given up: %+v", got)
		}
		time.Sleep(time.Hour) // what still runs finds everything closed
	})
}

// dumb is a store that does not close.
type dumb struct{ store.Store }

func (dumb) Close() error { return errBoom }

func TestCloseTellsWhatTheStoreSays(t *testing.T) {
	e, err := New(Config{Store: dumb{newRig(t, setup{}).store}, Drain: time.Second, Timeout: time.Second, Poll: time.Second, Trust: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); !errors.Is(err, errBoom) {
		t.Errorf("close: %v", err)
	}
	if e.Leases() {
		t.Error("leases of a store without")
	}
}
