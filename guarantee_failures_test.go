//go:build unix

package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
)

// coolDown is for how long nobody runs a function whose execution failed, on
// any store. Redis counts whole milliseconds, so two executions may be closer
// by a little.
const (
	coolDown      = 100 * time.Millisecond
	coolDownSlack = 5 * time.Millisecond
)

var errBoom = errors.New("boom")

// failure is a way for an execution to fail, and what its callers are told.
type failure struct {
	fail func(context.Context) error
	told string
}

// failures are all ways but the caller's cancel.
var failures = map[string]failure{
	"error":  {func(context.Context) error { return errBoom }, "boom"},
	"panic":  {func(context.Context) error { panic(errBoom) }, "panic boom"},
	"goexit": {func(context.Context) error { runtime.Goexit(); return nil }, "exit"},
	"MaxRun": {func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, reprise.ErrMaxRun.Error()},
}

const shortRun = 200 * time.Millisecond

// fateOf is what a call ends with: a value, an error, a panic, or the end of
// the caller's goroutine.
func fateOf(ctx context.Context, f *reprise.Func[int, int], in int) string {
	fate := make(chan string, 1)
	go func() {
		got := "exit"
		defer func() {
			if p := recover(); p != nil {
				got = fmt.Sprint("panic ", p.(*reprise.PanicError).Value)
			}
			fate <- got
		}()
		v, err := f.Call(ctx, in)
		if got = fmt.Sprint(v); err != nil {
			got = err.Error()
		}
	}()
	return <-fate
}

// began notes when executions begin. It is safe for concurrent use.
type began struct {
	mu sync.Mutex
	at []time.Time
}

// next is the number of an execution that begins now.
func (b *began) next() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = append(b.at, time.Now())
	return len(b.at)
}

func (b *began) all() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]time.Time(nil), b.at...)
}

// severalCaches opens n caches on one store.
func severalCaches(t *testing.T, url string, n int) []*faultyCache {
	t.Helper()
	var all []*faultyCache
	for range n {
		all = append(all, openFaulty(t, url, &reprise.Config{OnStoreError: reprise.FailClosed}))
	}
	return all
}

// TestGuarantee24_AFailingFunctionIsNotRunByEachWaiter has callers in several
// caches on one store wait for a function that fails, in each way, for good.
// All get the failure; there is no stall; and the executions come one after
// the other with a cool-down in between: at most 1 + time/cool-down.
func TestGuarantee24_AFailingFunctionIsNotRunByEachWaiter(t *testing.T) {
	const callers = 8
	onEveryStore(t, func(t *testing.T, url string) {
		caches := severalCaches(t, url, torture(4, 8))
		for how, way := range failures {
			var began began
			fn := func(ctx context.Context, _ int) (int, error) {
				began.next()
				return 0, way.fail(ctx)
			}
			var fates []<-chan string
			for _, c := range caches {
				f := wrap(t, c.Cache, fn, reprise.Options[int, int]{Name: how, Serialize: true, MaxRun: shortRun})
				for range callers {
					fate := make(chan string, 1)
					go func() { fate <- fateOf(context.Background(), f, 1) }()
					fates = append(fates, fate)
				}
			}
			for _, fate := range fates {
				if got := awaitChannel(t, how+": an answer for each caller", fate); !strings.Contains(got, way.told) {
					t.Errorf("%s: a caller got %q, want %q", how, got, way.told)
				}
			}
			spaced(t, how, began.all(), len(fates))
		}
	})
}

// spaced expects a cool-down between all executions.
func spaced(t *testing.T, how string, at []time.Time, callers int) {
	t.Helper()
	for i := range at[1:] {
		if gap := at[i+1].Sub(at[i]); gap < coolDown-coolDownSlack {
			t.Errorf("%s: execution %d of %d came %v after the one before, which failed; the cool-down is %v", how, i+2, len(at), gap, coolDown)
		}
	}
	t.Logf("%s: %d executions in %v for %d callers", how, len(at), at[len(at)-1].Sub(at[0]), callers)
}

// TestGuarantee24_TheNextOwnerTakesOver: an execution fails in each way, or
// its only caller leaves, in one cache or in another process, while callers in
// other caches wait for its lease. One of them runs the function, once, soon
// after the cool-down, and all others get what it returns.
func TestGuarantee24_TheNextOwnerTakesOver(t *testing.T) {
	ways := []string{"error", "panic", "goexit", "MaxRun", "cancel"}
	onEveryStore(t, func(t *testing.T, url string) {
		caches := severalCaches(t, url, 4)
		owner := child(t, "fails when told", url)
		owner.expect("ready")
		var longest time.Duration
		for round := range torture(1, 20) {
			for _, how := range ways {
				for _, where := range []string{"here", "in-a-process"} {
					o := takeover{name: fmt.Sprint(how, "-", where, round), how: how, caches: caches[1:]}
					if where == "here" {
						o.begin, o.fail = o.ownerHere(t, caches[0])
					} else {
						o.begin, o.fail = o.ownerElsewhere(owner)
					}
					longest = max(longest, o.play(t))
				}
			}
		}
		owner.wait()
		t.Logf("next owner at most %v after the failure, of which %v are the cool-down", longest, coolDown)
	})
}

// takeover is one change of owners.
type takeover struct {
	name, how string
	caches    []*faultyCache // of those who wait
	begin     func()         // returns when the owner runs
	fail      func() time.Time
}

// play returns how long after the failure the next execution began.
func (o *takeover) play(t *testing.T) time.Duration {
	t.Helper()
	o.begin()
	var began began
	fn := func(context.Context, int) (int, error) { return began.next(), nil }
	var fates []<-chan string
	for _, c := range o.caches {
		f := wrap(t, c.Cache, fn, reprise.Options[int, int]{Name: o.name, Serialize: true})
		asked := c.leaseCalls()
		for range 4 {
			fate := make(chan string, 1)
			go func() { fate <- fateOf(context.Background(), f, 1) }()
			fates = append(fates, fate)
		}
		awaitCondition(t, o.name+": a wait for the lease", func() bool { return c.leaseCalls() > asked })
	}
	if n := len(began.all()); n > 0 {
		t.Fatalf("%s: %d executions beside the owner's", o.name, n)
	}
	failed := o.fail()
	for _, fate := range fates {
		if got := awaitChannel(t, o.name+": a value for each caller", fate); got != "1" {
			t.Errorf("%s: a caller got %q, want the next execution's 1", o.name, got)
		}
	}
	at := began.all()
	if len(at) != 1 {
		t.Fatalf("%s: %d executions after the failed one, want 1", o.name, len(at))
	}
	// Promised are the cool-down and a poll, of 1 s at most: machines are slow.
	gap := at[0].Sub(failed)
	if gap > 10*time.Second {
		t.Errorf("%s: the next owner began %v after the failure", o.name, gap)
	}
	return gap
}

// owner is a cached function that runs until it is told to fail.
type owner struct {
	how   string
	runs  chan struct{} // it runs
	now   chan struct{} // closed: fail
	over  <-chan struct{}
	leave context.CancelFunc
}

func newOwner(how string) *owner {
	return &owner{how: how, runs: make(chan struct{}, 1), now: make(chan struct{})}
}

// begin calls the function in a cache. MaxRun is over before it is told so.
func (o *owner) begin(c *reprise.Cache, name string) error {
	opts := reprise.Options[int, int]{Name: name, Version: "1", Serialize: true}
	if o.how == "MaxRun" {
		opts.MaxRun = time.Millisecond
	}
	f, err := reprise.Wrap(c, o.run, &opts)
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancel(context.Background())
	o.leave = leave
	o.over = started(func() { fateOf(ctx, f, 1) })
	return nil
}

func (o *owner) run(ctx context.Context, _ int) (int, error) {
	o.runs <- struct{}{}
	if o.how == "cancel" {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
	<-o.now
	return 0, failures[o.how].fail(ctx)
}

// fail makes it fail, or its only caller leave, and waits for its end.
func (o *owner) fail() {
	if o.how == "cancel" {
		o.leave()
	}
	close(o.now)
	<-o.over
	o.leave()
}

// ownerHere is an owner in a cache of its own.
func (o *takeover) ownerHere(t *testing.T, c *faultyCache) (begin func(), fail func() time.Time) {
	own := newOwner(o.how)
	begin = func() {
		if err := own.begin(c.Cache, o.name); err != nil {
			t.Fatal(err)
		}
		awaitChannel(t, o.name+": the owner's execution", own.runs)
	}
	fail = func() time.Time {
		at := time.Now()
		awaitChannel(t, o.name+": the owner's end", started(own.fail))
		return at
	}
	return begin, fail
}

// ownerElsewhere is an owner in another process.
func (o *takeover) ownerElsewhere(p *process) (begin func(), fail func() time.Time) {
	begin = func() {
		p.say(o.how + " " + o.name)
		p.expect("running")
	}
	fail = func() time.Time {
		at := time.Now()
		p.say("fail")
		p.expect("failed")
		return at
	}
	return begin, fail
}

// The child owns an execution and fails, again and again.
var _ = asChild("fails when told", func(args []string) error {
	c, err := reprise.Open(context.Background(), args[0], &reprise.Config{OnStoreError: reprise.FailClosed})
	if err != nil {
		return err
	}
	tell("ready")
	orders := told()
	for order := range orders {
		how, name, _ := strings.Cut(order, " ")
		o := newOwner(how)
		if err := o.begin(c, name); err != nil {
			return err
		}
		<-o.runs
		tell("running")
		<-orders
		o.fail()
		tell("failed")
	}
	return c.Close()
})
