//go:build unix

package reprise_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/reprise-go/reprise"
)

// TestGuarantee20_ScopesNeverCrossOnEveryStore is the same over real stores,
// serialized and not.
func TestGuarantee20_ScopesNeverCrossOnEveryStore(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		caches := []*reprise.Cache{open(t, url), open(t, url)}
		neverCross(t, caches, reprise.Hybrid, false)
		neverCross(t, caches, reprise.Transient, true)
		if torture(0, 1) > 0 {
			neverCross(t, caches, reprise.Hybrid, true)
			neverCross(t, caches, reprise.Transient, false)
		}
	})
}

// TestGuarantee20_LeasesStayInTheirScope: while a serialized execution for one
// caller is under way, callers that differ from him in one value do not wait
// for it, in the same cache or another; his like in another cache does, and
// gets his result.
func TestGuarantee20_LeasesStayInTheirScope(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		caches := []*faultyCache{openFaulty(t, url, nil), openFaulty(t, url, nil)}
		for round := range torture(1, 20) {
			leasesStayApart(t, caches, fmt.Sprint("round", round))
		}
	})
}

func leasesStayApart(t *testing.T, caches []*faultyCache, name string) {
	t.Helper()
	callers := differing()
	first, running, hold := callers[0], make(chan struct{}, 1), make(chan struct{})
	fn := func(ctx context.Context, in int) (reprise.Execution, error) {
		who, err := whoAsks(ctx, in)
		if _, leased := reprise.Fence(ctx); !leased {
			t.Errorf("%+v runs without a lease", who)
		}
		if who == first {
			running <- struct{}{}
			<-hold
		}
		return who, err
	}
	var fns []*reprise.Func[int, reprise.Execution]
	for _, c := range caches {
		fns = append(fns, wrap(t, c.Cache, fn, reprise.Options[int, reprise.Execution]{Name: name, Scope: everyScope, Serialize: true}))
	}
	expect := func(f *reprise.Func[int, reprise.Execution], who reprise.Execution) reprise.Outcome {
		got, err := f.Do(as(who), 1)
		if err != nil || got.Value != who {
			t.Errorf("%+v got the result of %+v, %v", who, got.Value, err)
		}
		return got.Outcome
	}
	var his sync.WaitGroup
	his.Go(func() { expect(fns[0], first) })
	awaitChannel(t, "the first execution", running)
	asked := caches[1].leaseCalls()
	his.Go(func() {
		if o := expect(fns[1], first); o != reprise.Waited {
			t.Errorf("the first caller's like in another cache: %v", o)
		}
	})
	awaitCondition(t, "a wait for the first caller's lease", func() bool { return caches[1].leaseCalls() > asked })
	others := started(func() {
		for i, who := range callers[1:] {
			expect(fns[i%2], who)
			expect(fns[1-i%2], who)
		}
	})
	awaitChannel(t, "other callers' results while the first runs", others)
	close(hold)
	his.Wait()
}
