//go:build unix

package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/storetest"
)

// TestGuarantee25_AWaiterElsewhereMayLeave: callers in another cache wait for
// a lease. One leaves and is free at once; those who stay, in his cache and in
// others, get the owner's result, which nobody computes again.
func TestGuarantee25_AWaiterElsewhereMayLeave(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		caches := severalCaches(t, url, 3)
		var longest time.Duration
		for round := range torture(5, 100) {
			for _, alone := range []bool{true, false} {
				longest = max(longest, leaveWait(t, caches, fmt.Sprint(round, alone), alone))
			}
		}
		t.Logf("who left was free after %v at most", longest)
	})
}

// leaveWait has a caller leave, who is the only one in his cache or not, and
// returns how long that took.
func leaveWait(t *testing.T, caches []*faultyCache, name string, alone bool) time.Duration {
	t.Helper()
	var runs atomic.Int64
	running, finish := make(chan struct{}, 1), make(chan struct{})
	fn := func(context.Context, int) (int64, error) {
		n := runs.Add(1)
		running <- struct{}{}
		<-finish
		return n, nil
	}
	var fns []*reprise.Func[int, int64]
	for _, c := range caches {
		fns = append(fns, wrap(t, c.Cache, fn, reprise.Options[int, int64]{Name: name, Serialize: true}))
	}
	var stay sync.WaitGroup
	stays := func(f *reprise.Func[int, int64]) {
		stay.Go(func() {
			if v, err := f.Call(context.Background(), 1); v != 1 || err != nil {
				t.Errorf("%s: who stayed got %d, %v", name, v, err)
			}
		})
	}
	stays(fns[0])
	awaitChannel(t, "the owner's execution", running)
	why := errors.New("left")
	ctx, leave := context.WithCancelCause(t.Context())
	left := make(chan error, 1)
	asked := []int{0, caches[1].leaseCalls(), caches[2].leaseCalls()}
	go func() { left <- second(fns[1].Call(ctx, 1)) }()
	stays(fns[2])
	if !alone {
		stays(fns[1])
	}
	for i := 1; i <= 2; i++ {
		awaitCondition(t, "a wait for the lease", func() bool { return caches[i].leaseCalls() > asked[i] })
	}
	at := time.Now()
	leave(why)
	if err := awaitChannel(t, "the end of who left", left); !errors.Is(err, why) {
		t.Errorf("%s: who left got %v", name, err)
	}
	took := time.Since(at)
	close(finish)
	awaitChannel(t, "results of who stayed", started(stay.Wait))
	if n := runs.Load(); n != 1 {
		t.Errorf("%s: %d executions", name, n)
	}
	return took
}

// TestGuarantee25_NothingRunsForNobody: the only caller leaves when he has got
// the lease and looks once more. The function does not run, and the lease is
// free at once.
func TestGuarantee25_NothingRunsForNobody(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		caches := severalCaches(t, url, 2)
		fn, runs := counting[int]()
		var fns []*reprise.Func[int, int]
		for _, c := range caches {
			fns = append(fns, wrap(t, c.Cache, fn, reprise.Options[int, int]{Name: "f", Serialize: true}))
		}
		gate := secondLook(holding(storetest.MethodGet))(caches[0].faults)
		ctx, leave := context.WithCancel(t.Context())
		left := started(func() { _, _ = fns[0].Call(ctx, 1) })
		awaitChannel(t, "the second look", gate.Arrived())
		leave()
		awaitChannel(t, "the end of who left", left)
		gate.Open()
		awaitCondition(t, "the lease released", func() bool { return caches[0].faults.Calls(storetest.MethodRelease) > 0 })
		if n := runs.count(); n != 0 {
			t.Errorf("%d executions that nobody waits for", n)
		}
		does(t, t.Context(), fns[1], 1, reprise.Populated, reprise.Absent)
	})
}

// tour is a random course of callers who come and leave in several caches.
// Times are in milliseconds.
type tour struct {
	Comes, Goes, In []int // per caller; Goes is 0 for who stays
	Takes           int
	Deaf            bool // the function does not heed its ctx
}

func drawTour(t *rapid.T) *tour {
	r := &tour{Takes: rapid.IntRange(10, 60).Draw(t, "takes"), Deaf: rapid.Bool().Draw(t, "deaf")}
	for range rapid.IntRange(2, 9).Draw(t, "callers") {
		at, goes := rapid.IntRange(0, 60).Draw(t, "comes"), 0
		if rapid.IntRange(0, 2).Draw(t, "leaves") > 0 {
			goes = at + rapid.IntRange(1, 60).Draw(t, "stays")
		}
		r.Comes, r.Goes, r.In = append(r.Comes, at), append(r.Goes, goes), append(r.In, rapid.IntRange(0, 2).Draw(t, "in"))
	}
	return r
}

// perform plays the tour. Who stays gets a result, all the same one; who
// leaves gets that or his reason. Executions do not overlap, all but the last
// were left by everybody, and none follows one that succeeded.
func (r *tour) perform(t *testing.T, caches []*faultyCache, name string) error {
	var running, overlaps, succeeded, after atomic.Int64
	fn := func(ctx context.Context, _ int) (int64, error) {
		overlaps.Add(running.Add(1) - 1)
		defer running.Add(-1)
		if succeeded.Load() > 0 {
			after.Add(1)
		}
		end := time.After(time.Duration(r.Takes) * time.Millisecond)
		select {
		case <-end:
		case <-ctx.Done():
			if !r.Deaf {
				return 0, context.Cause(ctx)
			}
			<-end
		}
		return succeeded.Add(1), nil
	}
	var fns []*reprise.Func[int, int64]
	for _, c := range caches {
		fns = append(fns, wrap(t, c.Cache, fn, reprise.Options[int, int64]{Name: name, Serialize: true}))
	}
	problems := make([]error, len(r.Comes))
	var all sync.WaitGroup
	for i := range r.Comes {
		all.Go(func() { problems[i] = r.caller(i, fns[r.In[i]]) })
	}
	awaitChannel(t, name+": the end of all callers", started(all.Wait))
	if o, a := overlaps.Load(), after.Load(); o > 0 || a > 0 {
		problems = append(problems, fmt.Errorf("%d executions overlapped, %d came after a success", o, a))
	}
	return errors.Join(problems...)
}

// caller is one caller's part.
func (r *tour) caller(i int, f *reprise.Func[int, int64]) error {
	time.Sleep(time.Duration(r.Comes[i]) * time.Millisecond)
	ctx, why := context.Background(), errors.New("left")
	if r.Goes[i] > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(r.Goes[i]-r.Comes[i])*time.Millisecond, why)
		defer cancel()
	}
	v, err := f.Call(ctx, 1)
	switch {
	case err == nil && v != 1:
		return fmt.Errorf("caller %d got the result of success %d", i, v)
	case err != nil && (r.Goes[i] == 0 || !errors.Is(err, why)):
		return fmt.Errorf("caller %d: %w", i, err)
	}
	return nil
}

// TestGuarantee25_CallersComeAndGoInSeveralCaches plays random tours, several
// at a time, on each store.
func TestGuarantee25_CallersComeAndGoInSeveralCaches(t *testing.T) {
	tours := rapid.Custom(drawTour)
	onEveryStore(t, func(t *testing.T, url string) {
		caches := severalCaches(t, url, 3)
		const lanes = 6
		plays := torture(30, 600)
		var all sync.WaitGroup
		for lane := range lanes {
			all.Go(func() {
				for seed := lane; seed < plays && !t.Failed(); seed += lanes {
					r := tours.Example(seed)
					if err := r.perform(t, caches, fmt.Sprint("tour", seed)); err != nil {
						t.Errorf("seed %d, %+v: %v", seed, r, err)
					}
				}
			})
		}
		all.Wait()
	})
}
