package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// counted is how often each outcome occurred.
type counted = map[reprise.Outcome]uint64

func stats(tb testing.TB, c *reprise.Cache, name string, want counted, hits uint64) reprise.FunctionStats {
	tb.Helper()
	got := c.Stats().Functions[name]
	if d := cmp.Diff(want, got.Calls); d != "" {
		tb.Errorf("calls of %s (-want +got):\n%s", name, d)
	}
	if got.Hits() != hits {
		tb.Errorf("%d hits of %s, want %d", got.Hits(), name, hits)
	}
	return got
}

// seconds is a function that takes n seconds and fails for none.
func seconds(_ context.Context, n int) (int, error) {
	time.Sleep(time.Duration(n) * time.Second)
	if n == 0 {
		return 0, errors.New("none")
	}
	return n, nil
}

func TestStatsCountEachCallOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		c := open(t, "memory:")
		f := wrap(t, c, seconds, reprise.Options[int, int]{Name: "f"})
		bare := wrap(t, c, seconds, reprise.Options[int, int]{Name: "f", Residency: reprise.Transient})
		scoped := wrap(t, c, seconds, reprise.Options[int, int]{Name: "scoped", Scope: reprise.ByUser})
		stats(t, c, "f", counted{}, 0)

		call(t, ctx, f, 10)                                      // populated
		call(t, ctx, f, 10)                                      // hit-memory, by the short way
		does(t, ctx, f, 10, reprise.HitMemory, reprise.NoReason) // hit-memory, by the long way
		call(t, ctx, bare, 10)                                   // hit-store
		call(t, reprise.WithMode(ctx, reprise.Refresh), f, 10)   // refreshed
		call(t, reprise.WithMode(ctx, reprise.Off), f, 10)       // bypassed
		call(t, reprise.WithMode(ctx, reprise.ReadOnly), f, 3)   // bypassed
		call(t, reprise.WithMode(ctx, reprise.WriteOnly), f, 10) // populated
		if _, err := f.Uncached(ctx, 2); err != nil {            // bypassed
			t.Fatal(err)
		}
		if _, err := f.Call(ctx, 0); err == nil { // failed
			t.Fatal("no error")
		}
		f.Peek(ctx, 10)
		explain(t, ctx, f, 10)
		var wg sync.WaitGroup
		for range 4 { // populated once, joined three times
			wg.Go(func() { call(t, ctx, f, 7) })
		}
		wg.Wait()
		got := stats(t, c, "f", counted{reprise.Populated: 3, reprise.HitMemory: 2, reprise.HitStore: 1, reprise.Refreshed: 1,
			reprise.Bypassed: 3, reprise.Failed: 1, reprise.Joined: 3}, 3)
		if want := (10 + 10 + 10 + 7*3) * time.Second; got.Saved != want {
			t.Errorf("saved %v, want %v", got.Saved, want)
		}
		if want := (10 + 10 + 10 + 3 + 10 + 2 + 7) * time.Second; got.Spent != want {
			t.Errorf("spent %v, want %v", got.Spent, want)
		}
		if got.Items != 2 || got.Bytes <= 0 {
			t.Errorf("holds %d, %d bytes", got.Items, got.Bytes)
		}

		call(t, ctx, scoped, 1)
		call(t, ctx, scoped, 1)
		stats(t, c, "scoped", counted{reprise.Skipped: 2}, 0)
		s := c.Stats()
		if s.MemoryItems != 2 || s.MemoryBytes != got.Bytes || len(s.Functions) != 2 || s.StoreFailing || s.StoreError != nil {
			t.Errorf("%+v", s)
		}
	})
}

func TestStatsOfStaleResultsAndRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		c := open(t, "memory:")
		var fail atomic.Bool
		f := wrap(t, c, func(ctx context.Context, n int) (int, error) {
			if fail.Load() {
				return 0, errors.New("fails")
			}
			return seconds(ctx, n)
		}, reprise.Options[int, int]{Name: "f", RefreshAfter: time.Minute, TTL: time.Hour, StaleOnError: time.Hour})
		call(t, ctx, f, 1)
		time.Sleep(time.Minute)
		call(t, ctx, f, 1) // hit-stale, and refreshed behind
		time.Sleep(2 * time.Minute)
		fail.Store(true)
		call(t, ctx, f, 1) // hit-stale, and failed behind
		synctest.Wait()
		stats(t, c, "f", counted{reprise.Populated: 1, reprise.HitStale: 2, reprise.Refreshed: 1, reprise.Failed: 1}, 2)
		time.Sleep(time.Hour)
		call(t, ctx, f, 1) // hit-stale for want of better
		got := stats(t, c, "f", counted{reprise.Populated: 1, reprise.HitStale: 3, reprise.Refreshed: 1, reprise.Failed: 1}, 3)
		if got.Saved != 3*time.Second || got.Spent != 2*time.Second {
			t.Errorf("saved %v, spent %v", got.Saved, got.Spent)
		}
	})
}

func TestStatsOfAFailingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, boom := t.Context(), errors.New("boom")
		faults := storetest.NewFaulty(memstore.New(nil))
		c := over(t, faults.Store(), nil)
		f := wrap(t, c, seconds, reprise.Options[int, int]{Name: "f", Residency: reprise.Transient})
		closed := wrap(t, c, seconds, reprise.Options[int, int]{Name: "closed", Residency: reprise.Transient, OnStoreError: reprise.FailClosed})
		faults.Fail(storetest.MethodPut, 1, boom)
		call(t, ctx, f, 1)
		synctest.Wait()
		for _, m := range []storetest.Method{storetest.MethodGet, storetest.MethodChanges} {
			faults.Fail(m, 0, boom)
		}
		for range 4 {
			call(t, ctx, f, 1)
		}
		if _, err := closed.Call(ctx, 1); !errors.Is(err, reprise.ErrStore) {
			t.Errorf("fail closed: %v", err)
		}
		stats(t, c, "f", counted{reprise.PutFailed: 1, reprise.LookupFailed: 4}, 0)
		stats(t, c, "closed", counted{reprise.Failed: 1}, 0)
		if s := c.Stats(); !s.StoreFailing || !errors.Is(s.StoreError, boom) {
			t.Errorf("failing %v, %v", s.StoreFailing, s.StoreError)
		}
		faults.Heal()
		time.Sleep(time.Minute)
		call(t, ctx, f, 1)
		if s := c.Stats(); s.StoreFailing || s.StoreError != nil {
			t.Errorf("failing %v, %v", s.StoreFailing, s.StoreError)
		}
	})
}

// Functions of one name count together: other versions, and the same function
// wrapped again.
func TestStatsSumUpFunctionsOfOneName(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		for _, v := range []string{"1", "2", "2"} {
			f := wrap(t, c, double, reprise.Options[int, int]{Name: "double", Version: v})
			call(t, t.Context(), f, 1)
			call(t, t.Context(), f, 1)
		}
		got := stats(t, c, "double", counted{reprise.Populated: 2, reprise.HitStore: 1, reprise.HitMemory: 3}, 4)
		if got.Items != 3 {
			t.Errorf("holds %d, want one in each function's memory", got.Items)
		}
	})
}

func TestStatsAreExactUnderConcurrency(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		const callers, each, inputs = 8, 200, 5
		fn, runs := counting[int]()
		f := wrap(t, c, fn, reprise.Options[int, int]{Name: "f"})
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for i := range each {
					if _, err := f.Call(context.Background(), i%inputs); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var total uint64
		got := c.Stats().Functions["f"]
		for _, n := range got.Calls {
			total += n
		}
		if total != callers*each || got.Calls[reprise.Populated] != inputs || runs.count() != inputs || got.Items != inputs {
			t.Errorf("%d calls, %d runs, %+v", total, runs.count(), got)
		}
	})
}

func TestStatsCountPanics(t *testing.T) {
	c := open(t, "memory:")
	f := wrap(t, c, func(context.Context, int) (int, error) { panic("no") }, reprise.Options[int, int]{Name: "f"})
	func() {
		defer func() {
			if p, ok := recover().(*reprise.PanicError); !ok || fmt.Sprint(p.Value) != "no" {
				t.Errorf("panicked with %v", p)
			}
		}()
		f.Call(t.Context(), 1)
	}()
	stats(t, c, "f", counted{reprise.Failed: 1}, 0)
}
