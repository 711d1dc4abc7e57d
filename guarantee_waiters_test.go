package reprise_test

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

	"github.com/reprise-go/reprise"
)

// onAll runs a test in a bubble for each residency, near and far stores.
func onAll(t *testing.T, test func(t *testing.T, c *reprise.Cache, r reprise.Residency)) {
	t.Helper()
	for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient, reprise.Ephemeral} {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := reprise.Open(t.Context(), "memory:", nil)
				if err != nil {
					t.Fatal(err)
				}
				defer closeNow(t, c)
				test(t, c, r)
			})
		})
	}
}

// crowd has n callers wait for one execution, and returns what each got and
// when.
func crowd(n int, each func(i int) string) []string {
	got := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			began := time.Now()
			got[i] = fmt.Sprint(each(i), " after ", time.Since(began))
		})
	}
	all.Wait()
	return got
}

func all(n int, what string) []string { return slices.Repeat([]string{what}, n) }

const convoy = 50

// TestGuarantee24_FailuresFreeTheWaiters: whatever way an execution fails, all
// who wait learn of it at once and share it: the function did not run once for
// each of them. The next call runs it again.
func TestGuarantee24_FailuresFreeTheWaiters(t *testing.T) {
	boom := errors.New("boom")
	for how, fail := range map[string]func(context.Context) error{
		"returns an error": func(context.Context) error { return boom },
		"panics":           func(context.Context) error { panic(boom) },
		"is cancelled": func(ctx context.Context) error {
			<-ctx.Done() // by MaxRun
			return context.Cause(ctx)
		},
	} {
		t.Run(how, func(t *testing.T) {
			onAll(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
				var runs atomic.Int64
				var well atomic.Bool
				fn := func(ctx context.Context, _ int) (int64, error) {
					n := runs.Add(1)
					if well.Load() {
						return n, nil
					}
					time.Sleep(time.Second)
					return 0, fail(ctx)
				}
				f := wrap(t, c, fn, reprise.Options[int, int64]{Residency: r, MaxRun: 2 * time.Second})
				want := map[string]string{
					"returns an error": "boom after 1s", "panics": "panic boom after 1s",
					"is cancelled": "execution exceeded MaxRun after 2s",
				}[how]
				got := crowd(convoy, func(int) string { return outcomeOf(f) })
				if !slices.Equal(got, all(convoy, want)) {
					t.Errorf("waiters got %q, want %q each", got, want)
				}
				if n := runs.Load(); n != 1 {
					t.Errorf("%d runs for %d callers", n, convoy)
				}
				well.Store(true)
				if v, err := f.Call(t.Context(), 1); v != 2 || err != nil {
					t.Errorf("the next call got %d, %v", v, err)
				}
			})
		})
	}
}

// outcomeOf is what a call ends with, a panic too.
func outcomeOf(f *reprise.Func[int, int64]) (s string) {
	defer func() {
		if p := recover(); p != nil {
			s = fmt.Sprint("panic ", p.(*reprise.PanicError).Value)
		}
	}()
	v, err := f.Call(context.Background(), 1)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}

// TestGuarantee24_WaitersOfACancelledCallerGoOn: where one of the callers
// leaves, the first one even, the others get their result when it is there.
func TestGuarantee24_WaitersOfACancelledCallerGoOn(t *testing.T) {
	onAll(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		var runs atomic.Int64
		f := wrap(t, c, func(ctx context.Context, _ int) (int64, error) {
			time.Sleep(time.Minute)
			return runs.Add(1), ctx.Err()
		}, reprise.Options[int, int64]{Residency: r})
		first, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		var one sync.WaitGroup
		one.Go(func() {
			began := time.Now()
			_, err := f.Call(first, 1)
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
				t.Errorf("who left got %v after %v", err, took)
			}
		})
		synctest.Wait()
		got := crowd(convoy, func(int) string { return outcomeOf(f) })
		if want := all(convoy, "1 after 1m0s"); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		one.Wait()
	})
}

// outing is a random course of callers of one function that come and leave.
// Times are in milliseconds; arrivals end in 0, departures in 3 and ends of
// executions in 7, so that no two kinds coincide.
type outing struct {
	comes, goes []int  // per caller
	takes       []int  // per execution
	deaf        []bool // per execution: it does not heed its ctx
}

func drawOuting(t *rapid.T) *outing {
	o := &outing{}
	for range rapid.IntRange(1, 7).Draw(t, "callers") {
		at := 10 * rapid.IntRange(0, 6).Draw(t, "comes")
		o.comes = append(o.comes, at)
		o.goes = append(o.goes, at+10*rapid.IntRange(0, 9).Draw(t, "stays")+3)
		o.takes = append(o.takes, 10*rapid.IntRange(0, 7).Draw(t, "takes")+7)
		o.deaf = append(o.deaf, rapid.Bool().Draw(t, "deaf"))
	}
	return o
}

// fates is what becomes of callers and executions.
type fates struct{ callers, executions []string }

// expected goes through the outing by hand: callers share the execution under
// way if anybody still waits for it, and it is cancelled with the last of them.
func (o *outing) expected() fates {
	f := fates{callers: make([]string, len(o.comes))}
	var waiting []int
	end := 0
	for now := range 300 {
		if len(waiting) > 0 && now == end {
			f.executions[len(f.executions)-1] = "done"
			for _, i := range waiting {
				f.callers[i] = fmt.Sprintf("result %d at %d", len(f.executions)-1, now)
			}
			waiting = nil
		}
		for i := range o.comes {
			if at := slices.Index(waiting, i); at >= 0 && now == o.goes[i] {
				f.callers[i] = fmt.Sprintf("left at %d", now)
				if waiting = slices.Delete(waiting, at, at+1); len(waiting) == 0 {
					f.executions[len(f.executions)-1] = "cancelled"
				}
			}
		}
		for i := range o.comes {
			if now == o.comes[i] {
				if len(waiting) == 0 {
					end = now + o.takes[len(f.executions)]
					f.executions = append(f.executions, "")
				}
				waiting = append(waiting, i)
			}
		}
	}
	return f
}

// observed plays the outing with a real cache, whose function keeps nothing.
func (o *outing) observed(t *testing.T, r reprise.Residency) fates {
	c, err := reprise.Open(t.Context(), "memory:", nil)
	if err != nil {
		t.Fatal(err)
	}
	f := fates{callers: make([]string, len(o.comes))}
	var mu sync.Mutex
	fn := func(ctx context.Context, _ int) (int, error) {
		mu.Lock()
		me := len(f.executions)
		f.executions = append(f.executions, "done")
		mu.Unlock()
		end := time.After(time.Duration(o.takes[me]) * time.Millisecond)
		select {
		case <-end:
		case <-ctx.Done():
			if o.deaf[me] {
				<-end
			}
			mu.Lock()
			defer mu.Unlock()
			f.executions[me] = "cancelled"
		}
		return me, ctx.Err()
	}
	g := wrap(t, c, fn, reprise.Options[int, int]{Residency: r, TTLFunc: func(int) time.Duration { return -1 }})
	start := time.Now()
	var all sync.WaitGroup
	for i := range o.comes {
		all.Go(func() {
			time.Sleep(time.Duration(o.comes[i]) * time.Millisecond)
			why := errors.New("left")
			ctx, cancel := context.WithDeadlineCause(t.Context(), start.Add(time.Duration(o.goes[i])*time.Millisecond), why)
			defer cancel()
			v, err := g.Call(ctx, 1)
			what := fmt.Sprint("result ", v)
			if errors.Is(err, why) {
				what = "left"
			} else if err != nil {
				what = err.Error()
			}
			f.callers[i] = fmt.Sprintf("%s at %d", what, time.Since(start).Milliseconds())
		})
	}
	all.Wait()
	closeNow(t, c) // waits for what nobody waits for
	return f
}

// TestGuarantee25_ACallersCancelIsNotTheExecutions plays 1,000 random
// interleavings of callers that come and leave, leaders among them, and
// compares who got what and when with an account by hand.
func TestGuarantee25_ACallersCancelIsNotTheExecutions(t *testing.T) {
	for batch := range torture(10, 300) { // rapid plays 100 each
		r := []reprise.Residency{reprise.Hybrid, reprise.Transient, reprise.Ephemeral}[batch%3]
		rapid.Check(t, func(rt *rapid.T) {
			o := drawOuting(rt)
			want := o.expected()
			var got fates
			synctest.Test(t, func(t *testing.T) { got = o.observed(t, r) })
			if !slices.Equal(got.callers, want.callers) {
				rt.Fatalf("%v: callers got %q, want %q", r, got.callers, want.callers)
			}
			if !slices.Equal(got.executions, want.executions) {
				rt.Fatalf("%v: executions were %q, want %q", r, got.executions, want.executions)
			}
		})
	}
}
