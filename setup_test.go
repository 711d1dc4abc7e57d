package reprise_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

func TestMain(m *testing.M) {
	// The client of Redis clusters looks at the cluster once more up to a
	// second after it was closed.
	goleak.VerifyTestMain(servertest.Shared(m), goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// open gives a cache that is closed when the test ends. Failures of the store
// are failures of the test.
func open(tb testing.TB, url string) *reprise.Cache {
	tb.Helper()
	return openWith(tb, url, &reprise.Config{OnStoreError: reprise.FailClosed})
}

func openWith(tb testing.TB, url string, cfg *reprise.Config) *reprise.Cache {
	tb.Helper()
	c, err := reprise.Open(context.Background(), url, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	closeAfter(tb, c)
	return c
}

func closeAfter(tb testing.TB, c *reprise.Cache) {
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
}

// over gives a cache over a store that the test built.
func over(tb testing.TB, s store.Store, cfg *reprise.Config) *reprise.Cache {
	tb.Helper()
	c, err := reprise.New(s, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	closeAfter(tb, c)
	return c
}

func closeNow(tb testing.TB, c *reprise.Cache) {
	tb.Helper()
	if err := c.Close(); err != nil {
		tb.Fatal(err)
	}
}

// file is the URL of a database of this test's own.
func file(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "cache.db") }

// onBoth runs a test over each store that Open knows.
func onBoth(t *testing.T, test func(t *testing.T, c *reprise.Cache)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { test(t, open(t, "memory:")) })
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, file(t))) })
}

var residencies = []reprise.Residency{reprise.Hybrid, reprise.Transient, reprise.Ephemeral}

// inEach runs a test in each residency on each store, in a cache of its own.
func inEach(t *testing.T, test func(t *testing.T, c *reprise.Cache, r reprise.Residency)) {
	t.Helper()
	for _, r := range residencies {
		t.Run(r.String(), func(t *testing.T) {
			onBoth(t, func(t *testing.T, c *reprise.Cache) { test(t, c, r) })
		})
	}
}

// runs notes the inputs for which a function ran. It is safe for concurrent
// use.
type runs[In any] struct {
	mu  sync.Mutex
	ins []In
}

func (r *runs[In]) add(in In) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ins = append(r.ins, in)
	return len(r.ins)
}

func (r *runs[In]) all() []In {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]In(nil), r.ins...)
}

func (r *runs[In]) count() int { return len(r.all()) }

// counting is a function whose result is the number of its run: a remembered
// result shows by its number.
func counting[In any]() (func(context.Context, In) (int, error), *runs[In]) {
	r := &runs[In]{}
	return func(_ context.Context, in In) (int, error) { return r.add(in), nil }, r
}

func wrap[In, Out any](tb testing.TB, c *reprise.Cache, fn func(context.Context, In) (Out, error), o reprise.Options[In, Out]) *reprise.Func[In, Out] {
	tb.Helper()
	if o.Name == "" {
		o.Name = tb.Name()
	}
	if o.Version == "" && len(o.Policies) == 0 {
		o.Version = "1"
	}
	f, err := reprise.Wrap(c, fn, &o)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func call[In, Out any](tb testing.TB, ctx context.Context, f *reprise.Func[In, Out], in In) Out {
	tb.Helper()
	out, err := f.Call(ctx, in)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// calls expects results of a counting function, one for each input.
func calls[In any](tb testing.TB, ctx context.Context, f *reprise.Func[In, int], in In, want ...int) {
	tb.Helper()
	for _, w := range want {
		if got := call(tb, ctx, f, in); got != w {
			tb.Fatalf("call of %v in run %d, want %d", in, got, w)
		}
	}
}

// does expects an outcome and a reason, and returns the rest.
func does[In, Out any](tb testing.TB, ctx context.Context, f *reprise.Func[In, Out], in In, o reprise.Outcome, why reprise.Reason) reprise.Result[Out] {
	tb.Helper()
	r, err := f.Do(ctx, in)
	if err != nil {
		tb.Fatal(err)
	}
	expect(tb, &r, o, why)
	return r
}

func expect[Out any](tb testing.TB, r *reprise.Result[Out], o reprise.Outcome, why reprise.Reason) {
	tb.Helper()
	if r.Outcome != o || r.Reason != why {
		tb.Fatalf("outcome %v (reason %q), want %v (%q); err: %v", r.Outcome, r.Reason, o, why, r.Err)
	}
}

func in(e reprise.Execution) context.Context {
	return reprise.WithExecution(context.Background(), e)
}

func dataset(name string) context.Context { return in(reprise.Execution{Dataset: name}) }

// says expects an error in the house's style whose text has all these words.
func says(tb testing.TB, err error, words ...string) {
	tb.Helper()
	if err == nil {
		tb.Fatalf("no error; want one that says %q", words)
	}
	msg := err.Error()
	if !strings.HasPrefix(msg, "reprise: ") || strings.Count(msg, "reprise: ") != 1 {
		tb.Errorf("%q does not have the package's prefix once", msg)
	}
	for _, w := range words {
		if !strings.Contains(msg, w) {
			tb.Errorf("%q does not say %q", msg, w)
		}
	}
}

// unowned shares a store between caches: closing one leaves it open.
type unowned struct {
	store.Store
	store.Leaser
	store.Watcher
}

func (unowned) Close() error { return nil }
