package reprise_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// Every outcome in one program of known times, counted.
func TestStatsCountEveryOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memstore.New(nil)
		faulty := storetest.NewFaulty(inner)
		fail := errors.New("down")
		broken := false
		fn := func(_ context.Context, v float64) (float64, error) {
			time.Sleep(time.Second)
			if broken {
				return 0, fail
			}
			return v, nil
		}
		o := reprise.Options[float64, float64]{Name: "f", TTL: time.Hour, StaleOnError: time.Hour}
		first := over(t, unowned{inner, inner, inner}, nil)
		calls := func(f *reprise.Func[float64, float64], ctx context.Context, v float64, want reprise.Outcome) {
			t.Helper()
			r, err := f.Do(ctx, v)
			if r.Outcome != want || (err != nil) != (want == reprise.Failed) {
				t.Fatalf("outcome %v (%v), %v; want %v", r.Outcome, r.Reason, err, want)
			}
		}
		calls(wrap(t, first, fn, o), t.Context(), 1, reprise.Populated)

		c := over(t, faulty.Store(), nil)
		f := wrap(t, c, fn, o)
		calls(f, t.Context(), 1, reprise.HitStore)
		calls(f, t.Context(), 1, reprise.HitMemory)
		calls(f, t.Context(), 2, reprise.Populated)
		calls(f, mode(reprise.Refresh), 2, reprise.Refreshed)
		calls(f, mode(reprise.Off), 2, reprise.Bypassed)
		calls(f, dataset(""), 2, reprise.Skipped)
		calls(f, t.Context(), math.NaN(), reprise.PutFailed)
		broken = true
		calls(f, t.Context(), 3, reprise.Failed)
		time.Sleep(90 * time.Minute)
		calls(f, t.Context(), 2, reprise.HitStale)
		broken = false
		var both sync.WaitGroup
		both.Go(func() { calls(f, t.Context(), 4, reprise.Populated) })
		synctest.Wait()
		calls(f, t.Context(), 4, reprise.Joined)
		both.Wait()
		serial := o
		serial.Name, serial.Serialize = "s", true
		slow := wrap(t, first, fn, serial)
		waiter := wrap(t, c, fn, serial)
		both.Go(func() { calls(slow, t.Context(), 5, reprise.Populated) })
		synctest.Wait()
		calls(waiter, t.Context(), 5, reprise.Waited)
		both.Wait()
		faulty.Fail(storetest.MethodGet, 1, errors.New("hiccup"))
		calls(f, t.Context(), 6, reprise.LookupFailed)

		s := c.Stats()
		want := map[reprise.Outcome]uint64{
			reprise.HitStore: 1, reprise.HitMemory: 1, reprise.HitStale: 1, reprise.Joined: 1, reprise.Populated: 2,
			reprise.Refreshed: 1, reprise.Bypassed: 1, reprise.Skipped: 1, reprise.PutFailed: 1, reprise.Failed: 1,
			reprise.LookupFailed: 1,
		}
		if diff := cmp.Diff(want, s.Functions["f"].Calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[reprise.Outcome]uint64{reprise.Waited: 1}, s.Functions["s"].Calls); diff != "" {
			t.Errorf("calls of s (-want +got):\n%s", diff)
		}
		fs := s.Functions["f"]
		// Two plain hits, one stale one and one shared execution, a second each.
		// Ran: two populated, refreshed, off, skipped, put failed, failed, the
		// failure behind the stale hit, lookup failed.
		if fs.Hits() != 3 || fs.Saved != 4*time.Second || fs.Spent != 9*time.Second {
			t.Errorf("%d hits, saved %v, spent %v; want 3, 4s, 9s", fs.Hits(), fs.Saved, fs.Spent)
		}
		if saved := s.Functions["s"].Saved; saved != time.Second {
			t.Errorf("waiting saved %v", saved)
		}
	})
}

func TestResultSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wrap(t, open(t, "memory:"), func(context.Context, int) (int, error) { time.Sleep(time.Minute); return 1, nil },
			reprise.Options[int, int]{})
		r := does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent)
		if r.Saved() != 0 || r.Cost != time.Minute || r.Age != 0 {
			t.Errorf("a run saved %v, cost %v, age %v", r.Saved(), r.Cost, r.Age)
		}
		time.Sleep(time.Second)
		r = does(t, t.Context(), f, 1, reprise.HitMemory, reprise.NoReason)
		if r.Saved() != time.Minute || r.Age != time.Second {
			t.Errorf("a hit saved %v, age %v", r.Saved(), r.Age)
		}
	})
}

// caught is how f ended: with a panic, by Goexit, or by returning.
func caught(f func()) (panicked any, exited bool) {
	done := make(chan struct{})
	exited = true
	go func() {
		defer close(done)
		defer func() {
			if panicked = recover(); panicked != nil {
				exited = false
			}
		}()
		f()
		exited = false
	}()
	<-done
	return panicked, exited
}

func TestPanicReachesEveryCaller(t *testing.T) {
	for _, r := range residencies {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, "memory:")
				boom := errors.New("boom")
				rn := &runs[string]{}
				f := wrap(t, c, func(_ context.Context, in string) (int, error) {
					n := rn.add(in)
					time.Sleep(time.Second)
					if n == 1 {
						panic(boom)
					}
					return n, nil
				}, reprise.Options[string, int]{Name: "f", Residency: r})
				var all sync.WaitGroup
				for range 5 {
					all.Go(func() {
						p, _ := caught(func() { _, _ = f.Call(t.Context(), "a") })
						pe, ok := p.(*reprise.PanicError)
						if !ok || pe.Value != any(boom) || !errors.Is(pe, boom) || len(pe.Stack) == 0 {
							t.Errorf("caught %v", p)
						}
					})
				}
				all.Wait()
				if n := rn.count(); n != 1 {
					t.Errorf("%d runs, want 1", n)
				}
				fs := c.Stats().Functions["f"]
				if fs.Calls[reprise.Failed] != 5 || fs.Spent != time.Second {
					t.Errorf("stats: %v, spent %v", fs.Calls, fs.Spent)
				}
				calls(t, t.Context(), f, "a", 2, 2)
			})
		})
	}
}

func TestGoexitReachesEveryCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := true
		f := wrap(t, open(t, "memory:"), func(context.Context, string) (int, error) {
			time.Sleep(time.Second)
			if leave {
				runtime.Goexit()
			}
			return 7, nil
		}, reprise.Options[string, int]{})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if p, exited := caught(func() { _, _ = f.Call(t.Context(), "a") }); !exited || p != nil {
					t.Errorf("caught %v, exited: %v", p, exited)
				}
			})
		}
		all.Wait()
		leave = false
		calls(t, t.Context(), f, "a", 7, 7)
	})
}

func TestErrorIsTheFunctionsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sentinel := &codeError{418}
		f := wrap(t, open(t, "memory:"), func(context.Context, string) (int, error) {
			time.Sleep(time.Second)
			return 0, sentinel
		}, reprise.Options[string, int]{})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := f.Call(t.Context(), "a"); err != error(sentinel) {
					t.Errorf("%v (%T) is not the function's", err, err)
				}
			})
		}
		all.Wait()
		for _, ctx := range []context.Context{mode(reprise.Off), mode(reprise.Refresh), dataset("")} {
			if _, err := f.Call(ctx, "a"); err != error(sentinel) {
				t.Errorf("%v is not the function's", err)
			}
		}
	})
}

func TestRecursion(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		var f *reprise.Func[int, int]
		f = wrap(t, c, func(ctx context.Context, n int) (int, error) {
			if n < 2 {
				return n, nil
			}
			a, err := f.Call(ctx, n-1)
			if err != nil {
				return 0, err
			}
			b, err := f.Call(ctx, n-2)
			return a + b, err
		}, reprise.Options[int, int]{Name: "fibonacci", Residency: r})
		calls(t, t.Context(), f, 50, 12586269025)

		var a, b *reprise.Func[int, int]
		a = wrap(t, c, func(ctx context.Context, n int) (int, error) { return b.Call(ctx, n) }, reprise.Options[int, int]{Name: "a", Residency: r})
		b = wrap(t, c, func(ctx context.Context, n int) (int, error) { return a.Call(ctx, n) }, reprise.Options[int, int]{Name: "b", Residency: r})
		_, err := a.Call(t.Context(), 1)
		if !errors.Is(err, reprise.ErrRecursive) {
			t.Errorf("%v is no ErrRecursive", err)
		}
		says(t, err, "call a", "waits for itself", "another input")
	})
}

// Close cancels what outlasts CloseTimeout, and does not lock anyone out
// meanwhile.
func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := reprise.Open(t.Context(), "memory:", &reprise.Config{CloseTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		heeds := wrap(t, c, func(ctx context.Context, n time.Duration) (int, error) {
			select {
			case <-time.After(n):
				c.Stats()
				return 1, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}, reprise.Options[time.Duration, int]{})
		var all sync.WaitGroup
		all.Go(func() { calls(t, t.Context(), heeds, time.Second, 1) })
		all.Go(func() {
			if _, err := heeds.Call(t.Context(), time.Hour); !errors.Is(err, reprise.ErrClosed) {
				t.Errorf("%v does not say that the cache was closed", err)
			}
		})
		synctest.Wait()
		began := time.Now()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("closed after %v", d)
		}
		all.Wait()
	})
}

// A function that ignores its ctx keeps neither its callers nor Close.
func TestCloseLeavesTheStubbornBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := reprise.Open(t.Context(), "memory:", nil)
		if err != nil {
			t.Fatal(err)
		}
		f := wrap(t, c, func(context.Context, int) (int, error) { time.Sleep(time.Hour); return 1, nil },
			reprise.Options[int, int]{Name: "f"})
		got := make(chan error, 1)
		go func() { _, err := f.Call(t.Context(), 1); got <- err }()
		synctest.Wait()
		says(t, c.Close(), "close", "1 execution")
		err = <-got
		if !errors.Is(err, reprise.ErrClosed) {
			t.Errorf("%v is no ErrClosed", err)
		}
		says(t, err, "call f", "closed")
		time.Sleep(time.Hour) // the function returns at last, to nobody
	})
}
