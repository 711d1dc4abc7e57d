package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
	"github.com/reprise-go/reprise/store/storetest"
)

// afar says of a store that it is reached over a network: such get a
// deadline for each operation.
type afar struct{ store.Store }

func (r afar) Info(ctx context.Context) (store.Info, error) {
	i, err := r.Store.Info(ctx)
	i.Local = false
	return i, err
}

// down is a cache whose store can be made to fail.
type down struct {
	t      *testing.T
	faults *storetest.Faulty
	cache  *reprise.Cache
	f      *reprise.Func[int, int64]
	events events
	// last is the event with which the last clear began that returned no error.
	last map[int]int64
}

// storeTimeout is the StoreTimeout of these tests, and patience how long a
// call may take beside its function: it looks for changes and reads, and where
// both succeed it puts.
const (
	storeTimeout = time.Second
	patience     = 2 * storeTimeout
)

var errDown = errors.New("connection refused")

func newDown(t *testing.T, inner store.Store, local bool, policy reprise.StoreErrorPolicy, r reprise.Residency) *down {
	d := &down{t: t, faults: storetest.NewFaulty(inner), last: map[int]int64{}}
	s := d.faults.Store()
	if !local {
		s = afar{s}
	}
	c, err := reprise.New(s, &reprise.Config{StoreTimeout: storeTimeout})
	if err != nil {
		t.Fatal(err)
	}
	d.cache = c
	fn := func(context.Context, int) (int64, error) { return d.events.next(), nil }
	d.f = wrap(t, c, fn, reprise.Options[int, int64]{Name: "f", OnStoreError: policy, Residency: r, Scope: reprise.ByUser})
	return d
}

func (d *down) ctx() context.Context { return in(reprise.Execution{Dataset: "d", User: "u"}) }

// call makes a call and holds it to the promise: in time, and either a value
// from after the last clear or the store's error.
func (d *down) call(input int, policy reprise.StoreErrorPolicy) (reprise.Result[int64], error) {
	d.t.Helper()
	began, from := time.Now(), d.last[input]
	r, err := d.f.Do(d.ctx(), input)
	if took := time.Since(began); took > patience {
		d.t.Errorf("a call took %v, at most %v are promised (%v, %v)", took, patience, r.Outcome, r.Reason)
	}
	switch {
	case err == nil && r.Value <= from:
		d.t.Errorf("a call got the value of event %d, which was cleared at event %d (%v)", r.Value, from, r.Outcome)
	case err != nil && (policy == reprise.FailOpen || !errors.Is(err, reprise.ErrStore)):
		d.t.Errorf("a call under %v: %v", policy, err)
	}
	return r, err
}

// act does an explicit operation, which ends with its ctx.
func (d *down) act(input int, op func(ctx context.Context) error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx(), patience)
	defer cancel()
	event, began := d.events.next(), time.Now()
	err := op(ctx)
	// After the operation the cache looks at what changed.
	if took := time.Since(began); took > patience+storeTimeout {
		d.t.Errorf("an operation took %v", took)
	}
	if err == nil {
		d.last[input] = event - 1
	}
}

// storm is what programs do while the store is ill.
func (d *down) storm(policy reprise.StoreErrorPolicy) {
	for round := range 3 {
		for _, input := range []int{1, 2, 100 + round} {
			_, _ = d.call(input, policy) // judged there
		}
		d.act(1, func(ctx context.Context) error { return d.f.Clear(ctx, 1) })
		_, _ = d.call(1, policy)
		d.act(2, func(ctx context.Context) error { return d.f.Set(ctx, 2, d.events.next()) })
		_, _ = d.call(2, policy)
		d.act(2, func(ctx context.Context) error { return second(d.f.ClearAll(ctx, nil)) })
		_, _ = d.call(2, policy)
		time.Sleep(300 * time.Millisecond)
	}
}

// recovers expects hits from memory soon after the store is well again.
func (d *down) recovers() {
	d.t.Helper()
	d.faults.Heal()
	time.Sleep(16 * time.Second) // the longest that a store is left in peace
	for i := range 2 {
		if _, err := d.f.Call(d.ctx(), 7); err != nil {
			d.t.Errorf("call %d after the store is back: %v", i, err)
		}
	}
	r, err := d.f.Do(d.ctx(), 7)
	if err != nil || !r.Outcome.Hit() || r.Reason != reprise.NoReason {
		d.t.Errorf("after the store is back: %v (%v), %v, %v", r.Outcome, r.Reason, r.Err, err)
	}
	if r, err := d.f.Peek(d.ctx(), 7); err != nil {
		d.t.Errorf("peek: %v, %v", r.Reason, err)
	}
	if s := d.cache.Stats(); s.StoreFailing {
		d.t.Errorf("Stats still say that the store fails: %v", s.StoreError)
	}
}

// faults are the ways in which an operation fails.
var faults = map[string]func(*storetest.Faulty, storetest.Method){
	"fails":         func(f *storetest.Faulty, m storetest.Method) { f.Fail(m, 0, errDown) },
	"hangs":         func(f *storetest.Faulty, m storetest.Method) { f.Hang(m, 0) },
	"loses replies": func(f *storetest.Faulty, m storetest.Method) { f.LoseReply(m, 0, errDown) },
	"fails every time but one": func(f *storetest.Faulty, m storetest.Method) {
		for range 50 {
			f.Fail(m, 2, errDown)
			f.Inject(m, storetest.Fault{Times: 1})
		}
	},
}

var everyMethod = []storetest.Method{storetest.MethodInfo, storetest.MethodGet, storetest.MethodPut,
	storetest.MethodChanges, storetest.MethodClear, storetest.MethodBump}

// TestGuarantee11_StoreDown: whatever step the store fails at, and however,
// calls give right values in time, or under FailClosed the store's error, and
// go back to normal without a restart.
func TestGuarantee11_StoreDown(t *testing.T) {
	steps := map[string][]storetest.Method{"everyMethod": everyMethod}
	for _, m := range everyMethod {
		steps[string(m)] = []storetest.Method{m}
	}
	for step, methods := range steps {
		for how, inject := range faults {
			t.Run(step+" "+how, func(t *testing.T) {
				for _, policy := range []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed} {
					for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient} {
						for _, early := range []bool{false, true} {
							synctest.Test(t, func(t *testing.T) {
								outage(t, memstore.New(nil), policy, r, early, methods, inject)
							})
						}
					}
				}
			})
		}
	}
}

// outage has the store ill from the begin or after some calls, then well.
func outage(t *testing.T, inner store.Store, policy reprise.StoreErrorPolicy, r reprise.Residency, early bool,
	methods []storetest.Method, inject func(*storetest.Faulty, storetest.Method)) {
	d := newDown(t, inner, false, policy, r)
	defer closeNow(t, d.cache)
	if !early {
		_, _ = d.call(1, policy)
		_, _ = d.call(2, policy)
	}
	for _, m := range methods {
		inject(d.faults, m)
	}
	d.storm(policy)
	d.recovers()
}

// TestGuarantee11_SQLiteDown is the same over a file, for the faults that a
// file has: it fails, it does not hang.
func TestGuarantee11_SQLiteDown(t *testing.T) {
	for _, m := range everyMethod {
		t.Run(string(m), func(t *testing.T) {
			for _, policy := range []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed} {
				synctest.Test(t, func(t *testing.T) {
					inner, err := sqlitestore.Open(t.Context(), database(file(t)), nil)
					if err != nil {
						t.Fatal(err)
					}
					d := newDown(t, inner, true, policy, reprise.Hybrid)
					defer closeNow(t, d.cache)
					_, _ = d.call(1, policy)
					d.faults.Fail(m, 0, errDown)
					d.storm(policy)
					d.recovers()
				})
			}
		})
	}
}

// TestGuarantee11_FailClosedDoesNotRun: a function that must not run uncached
// does not.
func TestGuarantee11_FailClosedDoesNotRun(t *testing.T) {
	for _, m := range []storetest.Method{storetest.MethodInfo, storetest.MethodGet} {
		synctest.Test(t, func(t *testing.T) {
			f := storetest.NewFaulty(memstore.New(nil))
			f.Fail(m, 0, errDown)
			fn, runs := counting[int]()
			g := wrap(t, over(t, f.Store(), nil), fn, reprise.Options[int, int]{OnStoreError: reprise.FailClosed, Scope: reprise.ByUser})
			for i := range 10 {
				r, err := g.Do(in(reprise.Execution{Dataset: "d", User: "u"}), i)
				if !errors.Is(err, reprise.ErrStore) || !errors.Is(err, errDown) || r.Outcome != reprise.Failed {
					t.Errorf("%s fails: %v, %v", m, r.Outcome, err)
				}
				says(t, err, "call", "connection refused")
			}
			if n := runs.count(); n != 0 {
				t.Errorf("%s fails: %d runs", m, n)
			}
		})
	}
}

// TestGuarantee11_FailingStoreIsLeftInPeace: after three failures no call asks
// the store until a pause is over, then one does; the pauses double to 15 s.
func TestGuarantee11_FailingStoreIsLeftInPeace(t *testing.T) {
	for m, r := range map[storetest.Method]reprise.Residency{
		storetest.MethodGet: reprise.Transient, storetest.MethodPut: reprise.Transient, storetest.MethodChanges: reprise.Hybrid,
	} {
		for how, inject := range faults {
			if how == "fails every time but one" {
				continue // each success is the end of an outage
			}
			t.Run(fmt.Sprint(m, " ", how), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDown(t, memstore.New(nil), false, reprise.FailOpen, r)
					defer closeNow(t, d.cache)
					_, _ = d.call(0, reprise.FailOpen)
					time.Sleep(time.Minute) // nobody looks for changes any more
					inject(d.faults, m)
					before, began := d.faults.Calls(m), time.Now()
					for i := 1; time.Since(began) < time.Minute; i++ {
						_, _ = d.call(i, reprise.FailOpen)
						time.Sleep(50 * time.Millisecond)
					}
					// Three to open, then after 0.25, 0.5, 1, 2, 4, 8, 15, 15 and 15 s.
					if n := d.faults.Calls(m) - before; n > 3+9 {
						t.Errorf("%d calls of %s in a minute", n, m)
					}
				})
			})
		}
	}
}

// TestGuarantee11_ManyCallersOfAHangingStore: a crowd waits no longer than one
// caller does.
func TestGuarantee11_ManyCallersOfAHangingStore(t *testing.T) {
	for _, m := range []storetest.Method{storetest.MethodGet, storetest.MethodPut, storetest.MethodChanges, storetest.MethodInfo} {
		for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient} {
			synctest.Test(t, func(t *testing.T) {
				d := newDown(t, memstore.New(nil), false, reprise.FailOpen, r)
				defer closeNow(t, d.cache)
				time.Sleep(time.Minute) // memory is trusted no more
				d.faults.Hang(m, 0)
				var crowd sync.WaitGroup
				for i := range 50 {
					crowd.Go(func() { _, _ = d.call(i, reprise.FailOpen) })
				}
				crowd.Wait()
			})
		}
	}
}

// TestGuarantee11_ACallerNeedNotWait: whose ctx ends does not wait for a
// hanging store.
func TestGuarantee11_ACallerNeedNotWait(t *testing.T) {
	for _, m := range []storetest.Method{storetest.MethodGet, storetest.MethodChanges} {
		synctest.Test(t, func(t *testing.T) {
			d := newDown(t, memstore.New(nil), false, reprise.FailOpen, reprise.Hybrid)
			defer closeNow(t, d.cache)
			time.Sleep(time.Minute)
			d.faults.Hang(m, 0)
			var crowd sync.WaitGroup
			for i := range 10 {
				crowd.Go(func() {
					ctx, cancel := context.WithTimeout(d.ctx(), time.Millisecond)
					defer cancel()
					began := time.Now()
					if _, err := d.f.Call(ctx, i); err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					if took := time.Since(began); took > time.Millisecond {
						t.Errorf("%s hangs: a caller with 1 ms waited %v", m, took)
					}
				})
			}
			crowd.Wait()
		})
	}
}
