package flight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// untilDone runs until it is cancelled, and says why it was.
func untilDone(ctx context.Context) (int, error) {
	<-ctx.Done()
	return 0, context.Cause(ctx)
}

// TestLeaderCancelled: the leader leaves, its followers notice nothing.
func TestLeaderCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(bg)
		c, _, _ := g.Join(ctx, Key{}, 0, nil)
		f := follow(t, &g, Key{})
		c.Go(func(ctx context.Context) (int, error) {
			time.Sleep(time.Minute)
			return 7, ctx.Err()
		})
		cancel(why)
		if _, err := c.Wait(ctx); !errors.Is(err, why) {
			t.Errorf("the leader got %v", err)
		}
		if n := c.Waiters(); n != 1 {
			t.Errorf("%d waiters", n)
		}
		want(t, f, 7, nil)
	})
}

// TestLastLeaves: the execution is cancelled with the last caller, the cause
// tells both, and nobody joins what is being cancelled.
func TestLastLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		c := lead(t, &g, Key{})
		causes := make(chan error, 1)
		c.Go(func(ctx context.Context) (int, error) {
			_, cause := untilDone(ctx)
			time.Sleep(time.Second) // tidying up
			causes <- cause
			return 0, cause
		})
		f := follow(t, &g, Key{})
		ctx, cancel := context.WithTimeout(bg, time.Minute)
		defer cancel()
		if _, err := c.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the leader got %v", err)
		}
		if c.Context().Err() != nil {
			t.Error("cancelled, though a follower is left")
		}
		if _, err := f.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the follower got %v", err)
		}
		if c.Context().Err() == nil {
			t.Error("not cancelled, though nobody is left")
		}
		lead(t, &g, Key{}).Finish(1, nil)
		if cause := <-causes; !errors.Is(cause, ErrNoWaiters) || !errors.Is(cause, context.DeadlineExceeded) {
			t.Errorf("cause %v", cause)
		}
	})
}

// TestContext: the execution sees the leader's values and not its deadline,
// and its context ends with it.
func TestContext(t *testing.T) {
	type name struct{}
	var g Group[int]
	ctx, cancel := context.WithTimeout(context.WithValue(bg, name{}, "leader"), time.Hour)
	defer cancel()
	c, _, _ := g.Join(ctx, Key{}, 0, nil)
	inside := c.Context()
	if inside != c.Context() {
		t.Fatal("two contexts for one execution")
	}
	if inside.Value(name{}) != "leader" {
		t.Fatal("the leader's values are lost")
	}
	if _, ok := inside.Deadline(); ok || inside.Err() != nil {
		t.Fatal("the execution has the leader's deadline")
	}
	cancel()
	if inside.Err() != nil {
		t.Fatal("the leader's cancel is the execution's")
	}
	c.Finish(0, nil)
	if inside.Err() == nil || c.Context().Err() == nil {
		t.Fatal("the context outlives the execution")
	}
	late := lead(t, &g, Key{})
	late.Finish(0, nil)
	if late.Context().Err() == nil {
		t.Fatal("a context made after the end is alive")
	}
}

// TestResultBeforeCancel: a caller whose ctx is done gets a result that is
// there.
func TestResultBeforeCancel(t *testing.T) {
	var g Group[int]
	c := lead(t, &g, Key{})
	f := follow(t, &g, Key{})
	ctx, cancel := context.WithCancel(bg)
	cancel()
	c.Finish(4, nil)
	if v, err := f.Wait(ctx); v != 4 || err != nil {
		t.Fatalf("%d, %v", v, err)
	}
	if err := f.leave(ctx); err != nil {
		t.Fatalf("left with %v after the result was there", err)
	}
}

// TestDetach: an execution whose leader does not wait goes on when all others
// have left.
func TestDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		c := lead(t, &g, Key{})
		ended := make(chan error, 1)
		c.Go(func(ctx context.Context) (int, error) {
			time.Sleep(time.Minute)
			ended <- ctx.Err()
			return 1, nil
		})
		c.Detach()
		c.Detach()
		ctx, cancel := context.WithCancel(bg)
		f := follow(t, &g, Key{})
		cancel()
		if _, err := f.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the follower got %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("the execution was cancelled: %v", err)
		}
	})
}

// TestGuarantee25_ACallersCancelIsNotTheExecutions plays 1,000 random
// interleavings of callers that come, go and wait, and compares each caller's
// result and each execution's fate with what a step-by-step account says.
func TestGuarantee25_ACallersCancelIsNotTheExecutions(t *testing.T) {
	for batch := range 10 {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				p := drawPlay(rt)
				expected := p.account()
				var got fate
				synctest.Test(t, func(t *testing.T) { got = p.perform() })
				if !slices.Equal(got.callers, expected.callers) {
					rt.Fatalf("callers got %v, want %v", got.callers, expected.callers)
				}
				if !slices.Equal(got.executions, expected.executions) {
					rt.Fatalf("executions were %v, want %v", got.executions, expected.executions)
				}
			})
		})
	}
}

// play is one interleaving, in milliseconds. Arrivals end in 0, departures in
// 3 and ends of executions in 7, so that no two kinds coincide.
type play struct {
	arrive []int  // per caller
	leave  []int  // per caller; how long its ctx lives
	last   []int  // per execution, in order of their begin
	honour []bool // per execution: whether it heeds its ctx
}

// fate is what became of all.
type fate struct {
	callers    []string
	executions []string
}

func drawPlay(t *rapid.T) *play {
	p := &play{}
	for range rapid.IntRange(1, 6).Draw(t, "callers") {
		p.arrive = append(p.arrive, 10*rapid.IntRange(0, 5).Draw(t, "arrive"))
		p.leave = append(p.leave, 10*rapid.IntRange(0, 8).Draw(t, "stay")+3)
		p.last = append(p.last, 10*rapid.IntRange(0, 6).Draw(t, "last")+7)
		p.honour = append(p.honour, rapid.Bool().Draw(t, "honour"))
	}
	return p
}

const (
	completed = "completed"
	cancelled = "cancelled"
	left      = "left"
)

func gotFrom(execution int) string { return fmt.Sprint("result of ", execution) }

// account goes through the play millisecond by millisecond.
func (p *play) account() fate {
	f := fate{callers: make([]string, len(p.arrive))}
	var aboard []int
	end := 0
	for now := range 200 {
		current := len(f.executions) - 1
		if len(aboard) > 0 && now == end {
			f.executions[current] = completed
			for _, i := range aboard {
				f.callers[i] = gotFrom(current)
			}
			aboard = nil
		}
		for i := range p.arrive {
			if at := slices.Index(aboard, i); at >= 0 && now == p.arrive[i]+p.leave[i] {
				f.callers[i] = left
				aboard = slices.Delete(aboard, at, at+1)
				if len(aboard) == 0 {
					f.executions[current] = cancelled
				}
			}
		}
		for i := range p.arrive {
			if now != p.arrive[i] {
				continue
			}
			if len(aboard) == 0 {
				end = now + p.last[len(f.executions)]
				f.executions = append(f.executions, "")
			}
			aboard = append(aboard, i)
		}
	}
	return f
}

// perform runs the play for real, in a bubble's time.
func (p *play) perform() fate {
	f := fate{callers: make([]string, len(p.arrive))}
	var g Group[int]
	var mu sync.Mutex
	run := func(ctx context.Context) (int, error) {
		mu.Lock()
		me := len(f.executions)
		f.executions = append(f.executions, completed)
		mu.Unlock()
		end := time.After(time.Duration(p.last[me]) * time.Millisecond)
		select {
		case <-end:
		case <-ctx.Done():
			if !p.honour[me] {
				<-end
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if err := context.Cause(ctx); errors.Is(err, ErrNoWaiters) {
			f.executions[me] = cancelled
		} else if err != nil {
			f.executions[me] = err.Error()
		}
		return me, ctx.Err()
	}
	var wg sync.WaitGroup
	for i := range p.arrive {
		wg.Go(func() {
			time.Sleep(time.Duration(p.arrive[i]) * time.Millisecond)
			mine := fmt.Errorf("caller %d left", i)
			ctx, cancel := context.WithTimeoutCause(bg, time.Duration(p.leave[i])*time.Millisecond, mine)
			defer cancel()
			v, err := call(ctx, &g, Key{}, run)
			switch {
			case errors.Is(err, mine):
				f.callers[i] = left
			case err != nil:
				f.callers[i] = err.Error()
			default:
				f.callers[i] = gotFrom(v)
			}
		})
	}
	wg.Wait()
	synctest.Wait()
	_ = g.Close(bg) // waits for executions that nobody waits for
	return f
}
