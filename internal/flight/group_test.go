package flight

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// call is what a cache does: it leads or follows.
func call[V any](ctx context.Context, g *Group[V], key Key, fn func(context.Context) (V, error)) (V, error) {
	for {
		c, leader, err := g.Join(ctx, key, 0, nil)
		if err != nil {
			var zero V
			return zero, err
		}
		if leader {
			c.Go(fn)
		}
		if v, err := c.Wait(ctx); !errors.Is(err, ErrAbandoned) {
			return v, err
		}
	}
}

// lead starts a flight that the test is to end.
func lead(t *testing.T, g *Group[int], key Key) *Call[int] {
	t.Helper()
	c, leader, err := g.Join(bg, key, 0, nil)
	if err != nil || !leader {
		t.Fatalf("join: leader %t, %v", leader, err)
	}
	return c
}

// follow joins a flight that is under way.
func follow(t *testing.T, g *Group[int], key Key) *Call[int] {
	t.Helper()
	c, leader, err := g.Join(bg, key, 0, nil)
	if err != nil || leader {
		t.Fatalf("join: leader %t, %v", leader, err)
	}
	return c
}

func want(t *testing.T, c *Call[int], value int, err error) {
	t.Helper()
	if v, got := c.Wait(bg); v != value || !errors.Is(got, err) {
		t.Fatalf("wait: %d, %v; want %d, %v", v, got, value, err)
	}
}

// TestOneExecution: a thousand callers at once cause one execution.
func TestOneExecution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		var wg sync.WaitGroup
		runs := 0
		for range 1000 {
			wg.Go(func() {
				v, err := call(bg, &g, Key{1}, func(context.Context) (int, error) {
					runs++ // the race detector would find a second execution
					time.Sleep(time.Second)
					return 42, nil
				})
				if v != 42 || err != nil {
					t.Errorf("%d, %v", v, err)
				}
			})
		}
		synctest.Wait()
		if g.Len() != 1 {
			t.Errorf("%d flights", g.Len())
		}
		wg.Wait()
		if runs != 1 || g.Len() != 0 {
			t.Errorf("%d executions, %d flights left", runs, g.Len())
		}
	})
}

// TestKeysApart: different keys fly at the same time and by themselves.
func TestKeysApart(t *testing.T) {
	var g Group[int]
	a, b := lead(t, &g, Key{1}), lead(t, &g, Key{2})
	followA, followB := follow(t, &g, Key{1}), follow(t, &g, Key{2})
	b.Finish(2, nil)
	a.Finish(1, nil)
	want(t, followA, 1, nil)
	want(t, followB, 2, nil)
	lead(t, &g, Key{1}).Finish(0, nil) // what has ended is not joined
}

// TestErrorReachesAll, with the value beside it.
func TestErrorReachesAll(t *testing.T) {
	var g Group[int]
	c := lead(t, &g, Key{})
	f := follow(t, &g, Key{})
	err := errors.New("no")
	c.Go(func(context.Context) (int, error) { return 3, err })
	want(t, c, 3, err)
	want(t, f, 3, err)
}

// TestFinishInline: a result that the leader found at once reaches those who
// joined meanwhile, and counts once.
func TestFinishInline(t *testing.T) {
	var g Group[int]
	c := lead(t, &g, Key{})
	f := follow(t, &g, Key{})
	if n := c.Waiters(); n != 2 {
		t.Fatalf("%d waiters", n)
	}
	c.Finish(1, nil)
	c.Finish(2, nil)
	c.Abandon()
	c.Go(func(context.Context) (int, error) { panic("ran after the end") })
	want(t, f, 1, nil)
	want(t, c, 1, nil)
}

// TestAbandon: followers of a leader that panicked before it ran anything are
// told to join again, and one of them leads.
func TestAbandon(t *testing.T) {
	var g Group[int]
	var f *Call[int]
	func() {
		defer func() { _ = recover() }()
		c := lead(t, &g, Key{})
		defer c.Abandon()
		f = follow(t, &g, Key{})
		panic("in the lookup")
	}()
	want(t, f, 0, ErrAbandoned)
	c := lead(t, &g, Key{})
	c.Go(func(context.Context) (int, error) { return 5, nil })
	c.Abandon()
	want(t, c, 5, nil)
}

// TestTakeover: a caller whom the flight under way does not suit starts
// another; later callers join that one, and each gets the result of its own.
func TestTakeover(t *testing.T) {
	var g Group[int]
	old, _, err := g.Join(bg, Key{}, 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	oldFollower := follow(t, &g, Key{})
	suits := func(c *Call[int]) bool { return c.Begun() >= 20 }
	young, leader, err := g.Join(bg, Key{}, 20, suits)
	if err != nil || !leader || young.Begun() != 20 || old.Begun() != 10 {
		t.Fatalf("leader %t, begun %d after %d, %v", leader, young.Begun(), old.Begun(), err)
	}
	if c, leader, _ := g.Join(bg, Key{}, 30, suits); leader || c != young {
		t.Fatal("a later caller did not join the newer flight")
	}
	old.Finish(1, nil)
	if c := follow(t, &g, Key{}); c != young {
		t.Fatal("the end of the old flight took the new one's place away")
	}
	young.SetBegun(21)
	young.Finish(2, nil)
	want(t, oldFollower, 1, nil)
	want(t, young, 2, nil)
	if young.Begun() != 21 || g.Len() != 0 {
		t.Fatalf("begun %d, %d flights", young.Begun(), g.Len())
	}
}

// TestForget: later callers start anew, earlier ones keep their flight.
func TestForget(t *testing.T) {
	var g Group[int]
	old := lead(t, &g, Key{})
	f := follow(t, &g, Key{})
	g.ForgetAll()
	young := lead(t, &g, Key{})
	if g.Len() != 2 {
		t.Fatalf("%d flights", g.Len())
	}
	young.Finish(2, nil)
	old.Finish(1, nil)
	want(t, f, 1, nil)
}

// TestDoneBefore: a caller whose ctx is done neither leads nor follows.
func TestDoneBefore(t *testing.T) {
	var g Group[int]
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(bg)
	cancel(why)
	if c, _, err := g.Join(ctx, Key{}, 0, nil); c != nil || !errors.Is(err, why) || g.Len() != 0 {
		t.Fatalf("%v, %d flights, %v", c, g.Len(), err)
	}
}

func BenchmarkJoinFinish(b *testing.B) {
	var g Group[int]
	b.ReportAllocs()
	for b.Loop() {
		c, _, err := g.Join(bg, Key{1}, 0, nil)
		if err != nil {
			b.Fatal(err)
		}
		c.Finish(1, nil)
		c.Abandon()
	}
}

func BenchmarkGoWait(b *testing.B) {
	var g Group[int]
	b.ReportAllocs()
	for b.Loop() {
		_, _ = call(bg, &g, Key{1}, func(context.Context) (int, error) { return 1, nil })
	}
}
