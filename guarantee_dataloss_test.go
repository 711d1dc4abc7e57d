//go:build unix

package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store/storetest"
)

// lossOfData is what happens to keys whose server forgets everything while
// they are executed.
type lossOfData struct {
	t     *testing.T
	keys  int
	ttl   time.Duration
	over  chan struct{} // closed when the first executions are to end
	begun sync.WaitGroup

	mu     sync.Mutex
	runs   map[int]int    // protected by mu
	fences map[int]uint64 // the last, by key; protected by mu
}

func (l *lossOfData) run(ctx context.Context, key int) int {
	fence, ok := reprise.Fence(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok || fence <= l.fences[key] {
		l.t.Errorf("key %d: fence %d (%t) after %d", key, fence, ok, l.fences[key])
	}
	l.fences[key] = fence
	l.runs[key]++
	return l.runs[key]
}

// first executes until it is over, whatever becomes of the lease.
func (l *lossOfData) first(ctx context.Context, key int) (string, error) {
	run := l.run(ctx, key)
	l.begun.Done()
	<-l.over
	return fmt.Sprintf("%d in run %d", key, run), nil
}

func (l *lossOfData) second(ctx context.Context, key int) (string, error) {
	return fmt.Sprintf("%d in run %d", key, l.run(ctx, key)), nil
}

// ask calls for every key until the store answers, and gives what came of it.
func (l *lossOfData) ask(f *reprise.Func[int, string]) (got []reprise.Result[string], done *sync.WaitGroup) {
	got, done = make([]reprise.Result[string], l.keys), new(sync.WaitGroup)
	for key := range l.keys {
		done.Go(func() {
			eventually(l.t, "the store answers", func() (ok bool) {
				var err error
				got[key], err = f.Do(l.t.Context(), key)
				if err != nil && !errors.Is(err, reprise.ErrStore) {
					l.t.Errorf("key %d: %v", key, err)
				}
				return err == nil
			})
		})
	}
	return got, done
}

// survive has executions under way in one cache while the server loses its
// data, and others ask for the same in another cache, which then goes on as if
// nothing had been.
func (l *lossOfData) survive(owner, other, third *reprise.Cache, name string, lose func()) {
	o := reprise.Options[int, string]{Name: name, Version: "1", Serialize: true, LeaseTTL: l.ttl, OnStoreError: reprise.FailClosed}
	l.begun.Add(l.keys)
	firsts, first := l.ask(wrap(l.t, owner, l.first, o))
	l.begun.Wait()
	lose()
	f := wrap(l.t, other, l.second, o)
	seconds, second := l.ask(f)
	// After this whoever lost a lease knows; others go on to hold it.
	<-time.After(l.ttl)
	close(l.over)
	first.Wait()
	second.Wait()
	thirds, last := l.ask(wrap(l.t, third, l.second, o))
	last.Wait()
	extra := 0
	for key := range l.keys {
		extra += l.runs[key] - 1
		l.judge(key, firsts[key], seconds[key], thirds[key])
	}
	l.t.Logf("%s: %d keys executed, %d of them once more", name, l.keys, extra)
}

// judge holds that one result of a key was published, after one extra run at
// most, and is the one that is there.
func (l *lossOfData) judge(key int, first, second, third reprise.Result[string]) {
	l.t.Helper()
	if l.runs[key] > 2 {
		l.t.Errorf("key %d: %d runs", key, l.runs[key])
	}
	published := first
	if first.Outcome != reprise.Populated {
		published = second
		if first.Outcome != reprise.PutFailed || first.Reason != reprise.Superseded || second.Outcome != reprise.Populated {
			l.t.Errorf("key %d: the first got %v (%v), %v and the second %v (%v)",
				key, first.Outcome, first.Reason, first.Err, second.Outcome, second.Reason)
		}
	} else if second.Outcome == reprise.Populated {
		l.t.Errorf("key %d: published twice", key)
	}
	if third.Outcome != reprise.HitStore || third.Value != published.Value {
		l.t.Errorf("key %d: %q (%v) is there, %q was published", key, third.Value, third.Outcome, published.Value)
	}
}

// TestGuarantee13_ServerLosesItsData kills a Redis without persistence, or one
// node of a cluster after the other, while executions are under way. Each runs
// once more at most, late publishes are refused, fences do not go back, nobody
// opens the store anew, and nothing that was cleared before comes back.
func TestGuarantee13_ServerLosesItsData(t *testing.T) {
	t.Parallel() // with others that wait
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		s := servertest.Redis(t)
		loseData(t, s.URL(), []*servertest.RedisServer{s})
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		c := servertest.RedisCluster(t)
		loseData(t, c.URL(), c.Nodes)
	})
}

func loseData(t *testing.T, url string, nodes []*servertest.RedisServer) {
	owner, other, third := open(t, url), open(t, url), open(t, url)
	for round := range torture(1, 5) {
		for n, node := range nodes {
			name := fmt.Sprintf("lost %d in round %d", n, round)
			check := clearedUnnoticed(t, owner, url, name)
			l := &lossOfData{t: t, keys: 12, ttl: 2 * time.Second, over: make(chan struct{}),
				runs: make(map[int]int), fences: make(map[int]uint64)}
			l.survive(owner, other, third, name, func() { node.Kill(t); node.Restart(t) })
			check()
		}
	}
}

// clearedUnnoticed has a result in a process's memory that another process
// clears, of which the first hears nothing before the loss. What it returns
// expects that the result is gone all the same.
func clearedUnnoticed(t *testing.T, clearer *reprise.Cache, url, name string) (check func()) {
	t.Helper()
	keeper, faults := watched(t, url)
	o := reprise.Options[int, int]{Name: "kept " + name, Version: "1", OnStoreError: reprise.FailClosed}
	fn, _ := counting[int]()
	f := wrap(t, keeper, fn, o)
	var old reprise.Result[int]
	eventually(t, "the result is in memory", func() bool {
		var err error
		old, err = f.Do(t.Context(), 1)
		return err == nil && old.Outcome == reprise.HitMemory
	})
	faults.DropEvents(true)
	faults.Fail(storetest.MethodChanges, 0, errDown)
	if err := wrap(t, clearer, fn, o).Clear(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		faults.Heal()
		var got reprise.Result[int]
		eventually(t, "the store answers", func() bool {
			var err error
			got, err = f.Do(t.Context(), 1)
			return err == nil
		})
		if got.Value <= old.Value {
			t.Errorf("%d (%v) after that was cleared", got.Value, got.Outcome)
		}
	}
}
