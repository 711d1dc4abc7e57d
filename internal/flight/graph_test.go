package flight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestDirectRecursion: a function that calls itself with the same input.
func TestDirectRecursion(t *testing.T) {
	var g Group[int]
	_, err := call(bg, &g, Key{1}, func(ctx context.Context) (int, error) {
		return call(ctx, &g, Key{1}, func(context.Context) (int, error) { panic("ran twice") })
	})
	if !errors.Is(err, ErrRecursive) || g.Len() != 0 {
		t.Fatalf("%v, %d flights", err, g.Len())
	}
}

// TestInlineRecursion: the leader's quick look is part of the call.
func TestInlineRecursion(t *testing.T) {
	var g Group[int]
	c := lead(t, &g, Key{1})
	if _, _, err := g.Join(c.Context(), Key{1}, 0, nil); !errors.Is(err, ErrRecursive) {
		t.Fatal(err)
	}
	c.Finish(0, nil)
}

// TestRecursionAfterForget: a clear in the middle does not hide the circle,
// though there is no flight of the key to join any more.
func TestRecursionAfterForget(t *testing.T) {
	var g Group[int]
	depth := 0
	var f func(ctx context.Context) (int, error)
	f = func(ctx context.Context) (int, error) {
		if depth++; depth > 1 {
			return 0, errors.New("ran again")
		}
		g.ForgetAll()
		return call(ctx, &g, Key{1}, f)
	}
	if _, err := call(bg, &g, Key{1}, f); !errors.Is(err, ErrRecursive) {
		t.Fatal(err)
	}
}

// TestMutualRecursion: through two others, and with other inputs it is none.
func TestMutualRecursion(t *testing.T) {
	var g Group[int]
	var deepest atomic.Int64
	var f func(n byte) func(context.Context) (int, error)
	f = func(n byte) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			deepest.Store(int64(n))
			return call(ctx, &g, Key{(n + 1) % 3}, f((n+1)%3))
		}
	}
	if _, err := call(bg, &g, Key{0}, f(0)); !errors.Is(err, ErrRecursive) || deepest.Load() != 2 {
		t.Fatalf("%v at depth %d", err, deepest.Load())
	}
	var fib func(n byte) func(context.Context) (int, error)
	fib = func(n byte) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			if n < 2 {
				return int(n), nil
			}
			a, errA := call(ctx, &g, Key{n - 1}, fib(n-1))
			b, errB := call(ctx, &g, Key{n - 2}, fib(n-2))
			return a + b, errors.Join(errA, errB)
		}
	}
	if v, err := call(bg, &g, Key{10}, fib(10)); v != 55 || err != nil {
		t.Fatalf("%d, %v", v, err)
	}
}

// TestCircleOfStrangers: two executions that different callers began, each of
// which then calls the other. One of them learns of it; nobody hangs.
func TestCircleOfStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		var refused atomic.Int64
		f := func(other byte) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				time.Sleep(time.Second) // until both run
				v, err := call(ctx, &g, Key{other}, func(context.Context) (int, error) { panic("not joined") })
				if errors.Is(err, ErrRecursive) {
					refused.Add(1)
					return 1, nil
				}
				return v + 1, err
			}
		}
		var results [2]int
		var wg sync.WaitGroup
		for me := range byte(2) {
			wg.Go(func() {
				var err error
				if results[me], err = call(bg, &g, Key{me}, f(1-me)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if refused.Load() != 1 || results[0]+results[1] != 3 {
			t.Errorf("%d refused, results %v", refused.Load(), results)
		}
	})
}

// TestWaiterThatLeftIsNoCircle: A gave B up; B may call A.
func TestWaiterThatLeftIsNoCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		b := lead(t, &g, Key{'b'})
		b.Go(func(ctx context.Context) (int, error) {
			time.Sleep(2 * time.Second) // A has left by then
			return call(ctx, &g, Key{'a'}, func(context.Context) (int, error) { panic("not joined") })
		})
		v, err := call(bg, &g, Key{'a'}, func(ctx context.Context) (int, error) {
			impatient, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			if _, err := call(impatient, &g, Key{'b'}, nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("A got %v from B", err)
			}
			time.Sleep(2 * time.Second) // B waits for A now
			return 5, nil
		})
		if v != 5 || err != nil {
			t.Errorf("A: %d, %v", v, err)
		}
		want(t, b, 5, nil)
	})
}

// TestDetachedIsNoCircle: A started B without waiting; B may call A.
func TestDetachedIsNoCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		got := make(chan int, 1)
		_, _ = call(bg, &g, Key{'a'}, func(ctx context.Context) (int, error) {
			b, _, _ := g.Join(ctx, Key{'b'}, 0, nil)
			b.Go(func(ctx context.Context) (int, error) {
				v, err := call(ctx, &g, Key{'a'}, nil)
				got <- v
				return v, err
			})
			b.Detach()
			time.Sleep(time.Second)
			return 6, nil
		})
		if v := <-got; v != 6 {
			t.Errorf("B got %d", v)
		}
	})
}

// TestContextAfterTheEnd: an execution that has ended waits for nothing, so
// its context may be used to call it again.
func TestContextAfterTheEnd(t *testing.T) {
	var g Group[int]
	c := lead(t, &g, Key{})
	ctx := context.WithoutCancel(c.Context())
	c.Finish(1, nil)
	if v, err := call(ctx, &g, Key{}, func(context.Context) (int, error) { return 2, nil }); v != 2 || err != nil {
		t.Fatalf("%d, %v", v, err)
	}
}

// TestAnyCallGraph: functions that call each other in any pattern, in parallel
// or one after the other, all end; and where the pattern has no circle, none is
// found. A deadlock fails the test: the bubble finds it.
func TestAnyCallGraph(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(rt, "functions")
		circles := rapid.Bool().Draw(rt, "circles allowed")
		calls := make([][]int, n)
		for i := range calls {
			low := i + 1
			if circles {
				low = 0
			}
			if low < n {
				calls[i] = rapid.SliceOfN(rapid.IntRange(low, n-1), 0, 2).Draw(rt, "calls")
			}
		}
		delays := rapid.SliceOfN(rapid.IntRange(0, 3), n, n).Draw(rt, "delays")
		parallel := rapid.SliceOfN(rapid.Bool(), n, n).Draw(rt, "parallel")
		roots := rapid.SliceOfN(rapid.IntRange(0, n-1), 1, 6).Draw(rt, "roots")
		found := 0
		synctest.Test(t, func(t *testing.T) { found = runGraph(calls, delays, parallel, roots) })
		if !circles && found > 0 {
			rt.Fatalf("%d circles found in %v", found, calls)
		}
		if slices.Contains(calls[roots[0]], roots[0]) && found == 0 {
			rt.Fatalf("function %d calls itself, and nothing was found", roots[0])
		}
	})
}

// runGraph calls the roots at once and returns how many joins were refused.
func runGraph(calls [][]int, delays []int, parallel []bool, roots []int) int {
	var g Group[int]
	var refused atomic.Int64
	var invoke func(ctx context.Context, i int)
	body := func(i int) func(ctx context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			time.Sleep(time.Duration(delays[i]) * time.Millisecond)
			var wg sync.WaitGroup
			for _, j := range calls[i] {
				wg.Go(func() { invoke(ctx, j) })
				if !parallel[i] {
					wg.Wait()
				}
			}
			wg.Wait()
			return i, nil
		}
	}
	invoke = func(ctx context.Context, i int) {
		switch v, err := call(ctx, &g, Key{byte(i)}, body(i)); {
		case errors.Is(err, ErrRecursive):
			refused.Add(1)
		case err != nil || v != i:
			panic(fmt.Sprintf("function %d: %d, %v", i, v, err))
		}
	}
	var wg sync.WaitGroup
	for _, i := range roots {
		wg.Go(func() { invoke(bg, i) })
	}
	wg.Wait()
	return int(refused.Load())
}
