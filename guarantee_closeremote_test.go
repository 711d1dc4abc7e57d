//go:build unix

package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// TestGuarantee26_NothingLeaksOnServers opens a cache on each server, uses it
// (memory, watch, lease) and closes it, many times. Neither goroutines nor
// descriptors grow.
func TestGuarantee26_NothingLeaksOnServers(t *testing.T) {
	for name, start := range stores { // not in parallel: descriptors are the process's
		t.Run(name, func(t *testing.T) {
			url := start(t)
			useOnce(t, url, 0) // what is made once for all
			before := goleak.IgnoreCurrent()
			descriptors, goroutines := descriptorsOf(t), runtime.NumGoroutine()
			for n := range torture(12, 300) {
				useOnce(t, url, n)
			}
			// Clients may close what is left a moment after Close.
			awaitCondition(t, "no more descriptors than before", func() bool { return descriptorsOf(t) <= descriptors })
			awaitCondition(t, "no more goroutines than before", func() bool { return runtime.NumGoroutine() <= goroutines })
			goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
		})
	}
}

// useOnce opens, uses and closes a cache.
func useOnce(t *testing.T, url string, n int) {
	t.Helper()
	c := open(t, url)
	f := wrap(t, c, sized(100), reprise.Options[int, []byte]{Name: "f", Serialize: true})
	for range 2 {
		if _, err := f.Call(t.Context(), n%7); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Clear(t.Context(), n%7); err != nil {
		t.Fatal(err)
	}
	closeNow(t, c)
}

// drained is one way for an execution under a lease to meet Close.
type drained struct {
	name  string
	fn    func(ctx context.Context, told <-chan struct{}) (int, error)
	got   string // by its caller
	close string // part of what Close says
	next  string // what a waiter in another cache gets
}

var drains = []drained{
	{"one that ends", func(_ context.Context, told <-chan struct{}) (int, error) { <-told; return 7, nil },
		"7 <nil>", "", "7 waited"},
	{"one that heeds its ctx", func(ctx context.Context, _ <-chan struct{}) (int, error) { <-ctx.Done(); return 0, context.Cause(ctx) },
		reprise.ErrClosed.Error(), "", "8 populated"},
	{"one that does not", func(_ context.Context, told <-chan struct{}) (int, error) { <-told; return 7, nil },
		reprise.ErrClosed.Error(), "1 execution", "8 populated"},
}

// TestGuarantee26_CloseGivesLeasesBack closes a cache whose execution holds a
// lease for an hour, while another cache waits for it: that one gets the
// result where the execution ends in time, and else the lease, at once. What
// ends later still publishes nothing.
func TestGuarantee26_CloseGivesLeasesBack(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		for _, d := range drains {
			d.play(t, url)
		}
	})
}

func (d *drained) play(t *testing.T, url string) {
	t.Helper()
	opts := reprise.Options[int, int]{Name: d.name, Version: "1", Serialize: true, LeaseTTL: time.Hour}
	timeout := 200 * time.Millisecond
	if d.close == "" && d.next == "7 waited" {
		timeout = longEnough
	}
	c, err := reprise.New(driverAt(t, url), &reprise.Config{CloseTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	running, told, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	f := wrap(t, c, func(ctx context.Context, _ int) (int, error) {
		defer close(over)
		close(running)
		return d.fn(ctx, told)
	}, opts)
	caller := make(chan string, 1)
	go func() {
		v, err := f.Call(context.Background(), 1)
		caller <- fmt.Sprint(v, " ", err)
	}()
	awaitChannel(t, d.name+": the execution", running)
	other := openFaulty(t, url, nil)
	g := wrap(t, other.Cache, func(context.Context, int) (int, error) { return 8, nil }, opts)
	waiter := make(chan string, 1)
	go func() {
		r, err := g.Do(context.Background(), 1)
		waiter <- fmt.Sprint(r.Value, " ", r.Outcome, " ", err)
	}()
	awaitCondition(t, d.name+": a wait for the lease", func() bool { return other.leaseCalls() > 0 })
	began := time.Now()
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	if timeout == longEnough {
		awaitCondition(t, "a closed cache", func() bool { return errors.Is(second(f.Peek(context.Background(), 1)), reprise.ErrClosed) })
		close(told)
	}
	err = awaitChannel(t, d.name+": Close", closed)
	took := time.Since(began)
	if d.close == "" && err != nil || d.close != "" && (err == nil || !strings.Contains(err.Error(), d.close)) {
		t.Errorf("%s: Close: %v, want %q", d.name, err, d.close)
	}
	if got := awaitChannel(t, d.name+": the caller's answer", caller); !strings.Contains(got, d.got) {
		t.Errorf("%s: its caller got %q, want %q", d.name, got, d.got)
	}
	if got := awaitChannel(t, d.name+": the waiter's answer", waiter); got != d.next+" <nil>" {
		t.Errorf("%s: who waited for the lease got %q, want %q", d.name, got, d.next)
	}
	t.Logf("%s: Close took %v, the waiter had its answer %v after its begin", d.name, took, time.Since(began))
	if timeout != longEnough {
		close(told)
	}
	awaitChannel(t, d.name+": the execution's end", over)
	want, _, _ := strings.Cut(d.next, " ")
	if r := does(t, t.Context(), g, 1, reprise.HitMemory, reprise.NoReason); fmt.Sprint(r.Value) != want {
		t.Errorf("%s: now the result is %d, want %s", d.name, r.Value, want)
	}
}

// TestGuarantee26_CloseEndsAWait closes a cache that waits for the lease of an
// execution elsewhere: its callers are free after CloseTimeout, and the owner
// and who else waits for him do not notice.
func TestGuarantee26_CloseEndsAWait(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		caches := severalCaches(t, url, 2)
		var runs atomic.Int64
		running, finish := make(chan struct{}, 1), make(chan struct{})
		fn := func(context.Context, int) (int64, error) {
			running <- struct{}{}
			<-finish
			return runs.Add(1), nil
		}
		opts := reprise.Options[int, int64]{Name: "f", Serialize: true}
		call := func(c *reprise.Cache) <-chan error {
			f := wrap(t, c, fn, opts)
			got := make(chan error, 1)
			go func() { got <- second(f.Call(context.Background(), 1)) }()
			return got
		}
		owner := call(caches[0].Cache)
		awaitChannel(t, "the execution", running)
		closing := openFaulty(t, url, &reprise.Config{CloseTimeout: 100 * time.Millisecond})
		waits, stays := call(closing.Cache), call(caches[1].Cache)
		awaitCondition(t, "waits for the lease", func() bool { return closing.leaseCalls() > 0 && caches[1].leaseCalls() > 0 })
		began := time.Now()
		closed := make(chan error, 1)
		go func() { closed <- closing.Close() }()
		if err := awaitChannel(t, "Close", closed); err != nil {
			t.Error(err)
		}
		t.Logf("Close took %v, of which CloseTimeout are 100 ms", time.Since(began))
		if err := awaitChannel(t, "the end of the wait", waits); !errors.Is(err, reprise.ErrClosed) {
			t.Errorf("who waited in the closed cache got %v", err)
		}
		close(finish)
		for _, others := range []<-chan error{owner, stays} {
			if err := awaitChannel(t, "the others' result", others); err != nil {
				t.Error(err)
			}
		}
		if n := runs.Load(); n != 1 {
			t.Errorf("%d executions", n)
		}
	})
}

// stoppable are servers of a test's own, by name: a URL, and how to freeze and
// wake them.
var stoppable = map[string]func(testing.TB) (url string, stop, cont func()){
	"redis": func(tb testing.TB) (string, func(), func()) {
		s := servertest.Redis(tb)
		return s.URL(), func() { s.Stop(tb) }, func() { s.Cont(tb) }
	},
	"cluster": func(tb testing.TB) (string, func(), func()) {
		c := servertest.RedisCluster(tb)
		each := func(f func(*servertest.RedisServer, testing.TB)) {
			for _, n := range c.Nodes {
				f(n, tb)
			}
		}
		return c.URL(), func() { each((*servertest.RedisServer).Stop) }, func() { each((*servertest.RedisServer).Cont) }
	},
	"postgres": func(tb testing.TB) (string, func(), func()) {
		p := servertest.PostgresAlone(tb)
		return p.Database(tb), func() { p.Stop(tb) }, func() { p.Cont(tb) }
	},
}

// The timeouts of closeSilent, and what Close may take beside them on a slow
// machine: two seconds of grace for executions, the stores' patience of up to
// five seconds, and slack.
const (
	silentStore = 4 * time.Second
	silentDrain = 500 * time.Millisecond
	silentClose = 25 * time.Second
)

// TestGuarantee26_CloseWithASilentServer closes a cache whose server was
// stopped while an execution holds a lease there, and other calls wait for an
// answer: Close returns, all callers are free. (That no goroutine is left, TestMain shows.)
func TestGuarantee26_CloseWithASilentServer(t *testing.T) {
	for name, start := range stoppable {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closeSilent(t, start)
		})
	}
}

func closeSilent(t *testing.T, start func(testing.TB) (string, func(), func())) {
	t.Helper()
	url, stop, cont := start(t)
	c, err := reprise.Open(t.Context(), url, &reprise.Config{OnStoreError: reprise.FailClosed, StoreTimeout: silentStore, CloseTimeout: silentDrain})
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan struct{}, 1)
	fn := func(ctx context.Context, in int) (int, error) {
		if in == 0 {
			running <- struct{}{}
			<-ctx.Done()
		}
		return in, ctx.Err()
	}
	f := wrap(t, c, fn, reprise.Options[int, int]{Name: "f", Serialize: true})
	call(t, t.Context(), f, 1) // it has been in use: watch, uses, memory
	call(t, t.Context(), f, 1)
	var callers []<-chan struct{}
	for in := range 4 {
		if in == 1 {
			awaitChannel(t, "an execution", running)
			stop()
		}
		callers = append(callers, started(func() { _, _ = f.Call(context.Background(), 10*in) }))
	}
	began := time.Now()
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	err = awaitChannel(t, "Close", closed)
	took := time.Since(began)
	if took > silentClose {
		t.Errorf("Close took %v", took)
	}
	t.Logf("Close took %v (%v), with StoreTimeout %v and CloseTimeout %v", took, err, silentStore, silentDrain)
	for _, done := range callers {
		awaitChannel(t, "a caller's end", done)
	}
	cont()
}

// TestGuarantee26_CloseAfterTheWatchBroke cuts all connections to a server,
// so that the watch breaks, and closes the cache: at once, and when the
// connections cannot come back.
func TestGuarantee26_CloseAfterTheWatchBroke(t *testing.T) {
	for _, name := range []string{"redis", "postgres"} {
		for _, cut := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " cut ", cut), func(t *testing.T) {
				t.Parallel()
				closeBroken(t, stores[name](t), cut)
			})
		}
	}
}

func closeBroken(t *testing.T, rawURL string, cut bool) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	relay := servertest.NewRelay(t, u.Host)
	u.Host = relay.Addr()
	c, err := reprise.Open(t.Context(), u.String(), &reprise.Config{OnStoreError: reprise.FailClosed,
		StoreTimeout: silentStore, CloseTimeout: silentDrain, CoherenceInterval: quickCoherence})
	if err != nil {
		t.Fatal(err)
	}
	fn, _ := counting[int]()
	f := wrap(t, c, fn, reprise.Options[int, int]{Name: "f"})
	calls(t, t.Context(), f, 1, 1, 1)
	if cut {
		relay.Cut()
	}
	relay.Break()
	began := time.Now()
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	err = awaitChannel(t, "Close", closed)
	if took := time.Since(began); took > silentClose {
		t.Errorf("Close took %v", took)
	}
	t.Logf("Close took %v (%v)", time.Since(began), err)
}
