//go:build unix

package reprise_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/pgstore"
	"github.com/reprise-go/reprise/store/redisstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
	"github.com/reprise-go/reprise/store/storetest"
)

// lossy is a store and two caches on it, of which near does not get to hear
// all that the store answers.
type lossy struct {
	near, far *reprise.Cache
	cluster   bool
	// lose lets some requests of a method pass, and has near lose the replies to
	// the next n. The channel is closed when the store has fulfilled the last, before near hears
	// of its loss.
	lose func(m storetest.Method, pass, n int) <-chan struct{}
}

// lossTTL is longer than any round of these tests: whoever waited for a lease
// to expire is noticed by it.
const (
	lossTTL      = time.Minute
	lossPatience = lossTTL / 2
)

// onEveryLoss runs a test on each store: over a relay that breaks the
// connection, and for a file, which has none, with faults at the port.
func onEveryLoss(t *testing.T, test func(t *testing.T, l *lossy)) {
	onEveryWire(t, func(t *testing.T, w *wire) {
		l := &loser{marks: learnMarks(t, w)}
		w.each(func(r *servertest.Relay) { r.Judge(l.judge); r.OnLoss(l.lost) })
		test(t, &lossy{near: openWith(t, w.relayed, nil), far: open(t, w.direct), cluster: len(w.relays) > 1, lose: l.lose})
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		u := file(t)
		s, err := sqlitestore.Open(t.Context(), database(u), nil)
		if err != nil {
			t.Fatal(err)
		}
		f := storetest.NewFaulty(s)
		test(t, &lossy{near: over(t, f.Store(), nil), far: open(t, u), lose: func(m storetest.Method, pass, n int) <-chan struct{} {
			if pass > 0 {
				f.Inject(m, storetest.Fault{Times: pass})
			}
			g, all := storetest.NewGate(), make(chan struct{})
			f.Inject(m, storetest.Fault{Times: n, LoseReply: true, Late: g})
			go func() {
				for range n - 1 {
					<-g.Arrived()
					g.Open()
				}
				<-g.Arrived()
				close(all)
				g.Open()
			}()
			return all
		}})
	})
}

// loser decides which replies a relay loses.
type loser struct {
	marks map[storetest.Method][]string // what a request of the method holds

	mu    sync.Mutex
	of    storetest.Method // protected by mu
	pass  int              // protected by mu; not to be lost yet
	left  int              // protected by mu; to be lost
	owed  int              // protected by mu; to be told of
	turn  int              // protected by mu; which of several requests of the method
	spent chan struct{}    // protected by mu; closed when owed is 0
}

func (l *loser) lose(m storetest.Method, pass, n int) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of, l.pass, l.left, l.owed, l.spent = m, pass, n, n, make(chan struct{})
	l.turn++
	return l.spent
}

// judge loses the reply to one request that a method makes. In a cluster one
// method makes several: they take turns.
func (l *loser) judge(request []byte) servertest.Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 {
		return servertest.Pass
	}
	marks := l.marks[l.of]
	if !bytes.Contains(request, []byte(marks[l.turn%len(marks)])) {
		return servertest.Pass
	}
	if l.pass > 0 {
		l.pass--
		return servertest.Pass
	}
	l.left--
	return servertest.LoseReply
}

func (l *loser) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owed--; l.owed == 0 {
		close(l.spent)
	}
}

// requestNames finds the names under which servers know what they are asked to do: a
// script's hash, or a prepared statement that is bound.
var requestNames = regexp.MustCompile(`(?s)EVALSHA\r\n\$40\r\n([0-9a-f]{40})|B....(\x00stmtcache_[0-9a-f]+\x00)`)

// learnMarks calls each method of the driver and listens to what it asks.
func learnMarks(t *testing.T, w *wire) map[storetest.Method][]string {
	t.Helper()
	var mu sync.Mutex
	var heard []string
	w.each(func(r *servertest.Relay) {
		r.Judge(func(request []byte) servertest.Verdict {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range requestNames.FindAllSubmatch(request, -1) {
				heard = append(heard, string(m[1])+string(m[2]))
			}
			return servertest.Pass
		})
	})
	s := driver(t, w.relayed)
	defer s.Close()
	marks := make(map[storetest.Method][]string)
	for round := range 32 { // the first ones prepare statements, and scripts on all nodes
		callMethods(t, s, store.Key{byte(8 * round)}, func(m storetest.Method) {
			mu.Lock()
			defer mu.Unlock()
			marks[m], heard = heard, nil
		})
	}
	for m, names := range marks {
		if len(names) == 0 {
			t.Fatalf("%s asks the server nothing that this test knows", m)
		}
	}
	return marks
}

type leasingStore interface {
	store.Store
	store.Leaser
}

func driver(t *testing.T, url string) leasingStore {
	t.Helper()
	var s leasingStore
	var err error
	if strings.HasPrefix(url, "redis") {
		s, err = redisstore.Open(t.Context(), url, nil)
	} else {
		s, err = pgstore.Open(t.Context(), url, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// callMethods calls what can lose a reply, and says after each which it was.
func callMethods(t *testing.T, s leasingStore, key store.Key, after func(storetest.Method)) {
	t.Helper()
	var g store.Grant
	ctx, us := t.Context(), store.Owner{1}
	i, err := s.Info(ctx)
	rec := &store.Record{Key: key, Labels: store.Labels{Collection: "c", Function: "f"}, Value: []byte("v"), Begun: i.Seq}
	did := func(m storetest.Method, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", m, err)
		}
		after(m)
	}
	did(storetest.MethodInfo, err)
	_, err = s.Put(ctx, rec, store.PutPublish)
	did(storetest.MethodPut, err)
	g, err = s.Acquire(ctx, key, us, time.Minute)
	did(storetest.MethodAcquire, err)
	did(storetest.MethodRenew, s.Renew(ctx, key, us, g.Fence, time.Minute))
	_, err = s.Publish(ctx, rec, store.PutPublish, us, g.Fence)
	did(storetest.MethodPublish, err)
	did(storetest.MethodRelease, s.Release(ctx, key, us, g.Fence, 0))
	_, err = s.Clear(ctx, key)
	did(storetest.MethodClear, err)
	_, err = s.Bump(ctx, store.TagLabel("t"))
	did(storetest.MethodBump, err)
}

// executions notes who runs what, and fails the test where two run the same at
// the same time.
type executions struct {
	t    *testing.T
	mu   sync.Mutex
	now  map[int]int // by input; protected by mu
	runs map[int]int // by input; protected by mu
}

func newExecutions(t *testing.T) *executions {
	return &executions{t: t, now: make(map[int]int), runs: make(map[int]int)}
}

func (e *executions) add(input, n, runs int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.now[input] += n; e.now[input] > 1 {
		e.t.Errorf("two execute %d at once", input)
	}
	e.runs[input] += runs
	return e.runs[input]
}

// by is the function as one process runs it, with something to do meanwhile.
// Its result is different in each run.
func (e *executions) by(who string, during func(ctx context.Context, input int) error) func(context.Context, int) (string, error) {
	return func(ctx context.Context, input int) (string, error) {
		run := e.add(input, 1, 1)
		defer e.add(input, -1, 0)
		if err := during(ctx, input); err != nil {
			return "", err
		}
		return fmt.Sprintf("%d by %s in run %d", input, who, run), nil
	}
}

func idle(context.Context, int) error { return nil }

var lossOptions = reprise.Options[int, string]{Name: "lossy", Version: "1", Serialize: true, LeaseTTL: lossTTL}

// pair wraps a function in both caches.
func (l *lossy) pair(t *testing.T, o reprise.Options[int, string], during func(context.Context, int) error) (near, far *reprise.Func[int, string], e *executions) {
	t.Helper()
	e = newExecutions(t)
	return wrap(t, l.near, e.by("near", during), o), wrap(t, l.far, e.by("far", idle), o), e
}

// promptly calls f, and fails the test where it takes so long that it must have
// waited for a lease to expire.
func promptly(t *testing.T, what string, f func()) {
	t.Helper()
	began := time.Now()
	f()
	if took := time.Since(began); took > lossPatience {
		t.Errorf("%s took %v", what, took)
	}
}

// both calls in both caches and expects one execution, near, that was stored,
// and its value for both.
func both(t *testing.T, near, far *reprise.Func[int, string], e *executions, input int, lost <-chan struct{}) {
	t.Helper()
	var a, b reprise.Result[string]
	promptly(t, "both calls", func() {
		var all sync.WaitGroup
		all.Go(func() {
			var err error
			if a, err = near.Do(t.Context(), input); err != nil {
				t.Error(err)
			}
		})
		<-lost
		var err error
		if b, err = far.Do(t.Context(), input); err != nil {
			t.Error(err)
		}
		all.Wait()
	})
	if want := fmt.Sprintf("%d by near in run 1", input); a.Value != want || b.Value != want || e.add(input, 0, 0) != 1 {
		t.Errorf("the results are %q and %q, want %q", a.Value, b.Value, want)
	}
	if a.Outcome != reprise.Populated || a.Err != nil || b.Outcome != reprise.Waited && b.Outcome != reprise.HitStore {
		t.Errorf("outcomes %v (%v, %v) and %v, want populated, and waited or hit-store", a.Outcome, a.Reason, a.Err, b.Outcome)
	}
	if !a.Created.Equal(b.Created) {
		t.Errorf("published at %v and at %v", a.Created, b.Created)
	}
}

// lossRounds is how many replies each test loses.
func lossRounds() int { return torture(10, 200) }

// TestGuarantee05_LostAcquireAndPublish: the owner of whose lease or publish the
// reply was lost is still the only one, its result is stored, and nobody waits
// for a lease to expire.
func TestGuarantee05_LostAcquireAndPublish(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryLoss(t, func(t *testing.T, l *lossy) {
		for n, m := range []storetest.Method{storetest.MethodAcquire, storetest.MethodPublish} {
			near, far, e := l.pair(t, lossOptions, idle)
			for round := range lossRounds() {
				both(t, near, far, e, 1000*n+round, l.lose(m, 0, 1))
			}
		}
	})
}

// TestGuarantee05_LostRenewals: an execution goes on whose renewals are
// answered in vain, two in a row before each that is not.
func TestGuarantee05_LostRenewals(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryLoss(t, func(t *testing.T, l *lossy) {
		o := lossOptions
		o.LeaseTTL = 4500 * time.Millisecond
		near, far, e := l.pair(t, o, func(ctx context.Context, _ int) error {
			for range torture(2, 100) {
				select {
				case <-l.lose(storetest.MethodRenew, 1, 2):
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
		outlast(t, near, far, e)
	})
}

// outlast is both, for an execution that takes its time.
func outlast(t *testing.T, near, far *reprise.Func[int, string], e *executions) {
	var all sync.WaitGroup
	var a reprise.Result[string]
	all.Go(func() {
		var err error
		if a, err = near.Do(t.Context(), 1); err != nil {
			t.Error(err)
		}
	})
	for e.add(1, 0, 0) == 0 { // until it runs
		<-time.After(time.Millisecond)
	}
	b, err := far.Do(t.Context(), 1)
	all.Wait()
	if err != nil || a.Value != b.Value || a.Outcome != reprise.Populated || b.Outcome != reprise.Waited || e.add(1, 0, 0) != 1 {
		t.Errorf("%q (%v, %v), %v and %q (%v), %v after %d runs, want one that was waited for",
			a.Value, a.Outcome, a.Reason, a.Err, b.Value, b.Outcome, err, e.add(1, 0, 0))
	}
}

// TestGuarantee05_LostLeaseIsGivenBack: a caller leaves whose lease was granted
// without his knowing. Nobody waits until it expires.
func TestGuarantee05_LostLeaseIsGivenBack(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryLoss(t, func(t *testing.T, l *lossy) {
		near, far, _ := l.pair(t, lossOptions, idle)
		for round := range lossRounds() {
			ctx, cancel := context.WithCancel(t.Context())
			lost := l.lose(storetest.MethodAcquire, 0, 1)
			go func() { <-lost; cancel() }()
			if _, err := near.Do(ctx, round); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("round %d: %v", round, err)
			}
			promptly(t, "the next call", func() {
				if _, err := far.Call(t.Context(), round); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
	})
}

var errFunction = errors.New("no result today")

// TestGuarantee05_LostRelease: a failed execution releases its lease in vain.
func TestGuarantee05_LostRelease(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryLoss(t, func(t *testing.T, l *lossy) {
		near, far, e := l.pair(t, lossOptions, func(context.Context, int) error { return errFunction })
		for round := range lossRounds() {
			lost := l.lose(storetest.MethodRelease, 0, 1)
			promptly(t, "the failure and the next call", func() {
				if _, err := near.Call(t.Context(), round); !errors.Is(err, errFunction) {
					t.Errorf("round %d: %v, want the function's error", round, err)
				}
				<-lost
				if v, err := far.Call(t.Context(), round); err != nil || v != fmt.Sprintf("%d by far in run 2", round) {
					t.Errorf("round %d: %q, %v", round, v, err)
				}
			})
			if n := e.add(round, 0, 0); n != 2 {
				t.Errorf("round %d: %d runs", round, n)
			}
		}
	})
}

// TestGuarantee05_LostPut is about functions without Serialize: the caller gets
// his value, and who is told that it was stored can rely on it.
func TestGuarantee05_LostPut(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryLoss(t, func(t *testing.T, l *lossy) {
		o := lossOptions
		o.Serialize, o.LeaseTTL = false, 0
		near, far, e := l.pair(t, o, idle)
		kept := 0
		for round := range lossRounds() {
			lost := l.lose(storetest.MethodPut, 0, 1)
			a, err := near.Do(t.Context(), round)
			<-lost
			if want := fmt.Sprintf("%d by near in run 1", round); err != nil || a.Value != want {
				t.Errorf("round %d: %q, %v, want %q", round, a.Value, err, want)
			}
			b, err := far.Do(t.Context(), round)
			if same := b.Value == a.Value; err != nil || !same && (a.Outcome == reprise.Populated || e.add(round, 0, 0) != 2) {
				t.Errorf("round %d: near got %v (%v), far %q (%v), %v", round, a.Outcome, a.Err, b.Value, b.Outcome, err)
			} else if same {
				kept++
			}
			// A put that succeeds: three that fail in a row open the breaker.
			if _, err := near.Do(t.Context(), 1_000_000+round); err != nil {
				t.Error(err)
			}
		}
		t.Logf("%d of %d values are in the store", kept, lossRounds())
		if kept == 0 {
			t.Error("no put had an effect: the test shows nothing")
		}
	})
}

// TestGuarantee05_LostClear: whoever cleared and was not told how that went
// clears again. What he is told then is right.
func TestGuarantee05_LostClear(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryLoss(t, func(t *testing.T, l *lossy) {
		near, far, e := l.pair(t, lossOptions, idle)
		rounds := lossRounds()
		if l.cluster { // a clear that ended half way locks its key for 5 s
			rounds = torture(3, 30)
		}
		for m, forget := range map[storetest.Method]func(int) error{
			storetest.MethodClear: func(input int) error { return near.Clear(t.Context(), input) },
			storetest.MethodBump:  func(int) error { return second(near.ClearAll(t.Context(), nil)) },
		} {
			for round := range rounds {
				old, err := near.Call(t.Context(), round)
				if err != nil {
					t.Fatal(err)
				}
				before := e.add(round, 0, 0)
				lost := l.lose(m, 0, 1)
				err = forget(round)
				<-lost
				for tries := 0; err != nil; err = forget(round) {
					if !errors.Is(err, reprise.ErrStore) {
						t.Errorf("%s: %v, want one that says that the store failed", m, err)
					}
					if tries++; tries > 10 {
						t.Fatalf("%s goes on to fail: %v", m, err)
					}
				}
				for _, f := range []*reprise.Func[int, string]{near, far} {
					if v, err := f.Call(t.Context(), round); err != nil || v == old && f == near {
						t.Errorf("%s: %q, %v after %q was cleared", m, v, err, old)
					}
				}
				if n := e.add(round, 0, 0); n != before+1 {
					t.Errorf("%s: %d runs after a clear, want one", m, n-before)
				}
			}
		}
	})
}
