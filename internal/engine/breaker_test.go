package engine

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/memory"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/storetest"
)

func newBreaker() *breaker { return &breaker{clock: memory.NewClock()} }

// try goes through b once and notes err; refused reports that it was not let
// through.
func (b *breaker) try(err error) (refused bool) {
	trial, no := b.enter()
	if no != nil {
		return true
	}
	b.done(trial, err)
	return false
}

func TestBreakerOpensAfterThreeFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		for _, err := range []error{errBoom, errBoom, nil, errBoom, errBoom} {
			if b.try(err) {
				t.Fatal("refused too early")
			}
		}
		if open, _ := b.state(); open {
			t.Fatal("open after two in a row")
		}
		b.try(errBoom)
		if open, last := b.state(); !open || last != errBoom {
			t.Fatalf("open %v, last %v", open, last)
		}
		if _, err := b.enter(); !errors.Is(err, ErrStore) || !errors.Is(err, errBoom) {
			t.Errorf("refused with %v", err)
		}
	})
}

func TestBreakerPausesDouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		for range breakerTrip {
			b.try(errBoom)
		}
		ms := time.Millisecond
		for _, pause := range []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 15000 * ms, 15000 * ms} {
			time.Sleep(pause - 1)
			if !b.try(errBoom) {
				t.Fatalf("let through before %v were over", pause)
			}
			time.Sleep(1)
			if b.try(errBoom) {
				t.Fatalf("refused after %v", pause)
			}
		}
		time.Sleep(15 * time.Second)
		if b.try(nil) {
			t.Fatal("refused after the pause")
		}
		if open, last := b.state(); open || last != nil {
			t.Errorf("open %v, last %v after a success", open, last)
		}
		for range breakerTrip {
			b.try(errBoom)
		}
		time.Sleep(250 * ms)
		if b.try(nil) {
			t.Error("pauses go on where they were before the store was well")
		}
	})
}

func TestBreakerLetsOneTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		for range breakerTrip {
			b.try(errBoom)
		}
		time.Sleep(breakerPauseMin)
		trial, err := b.enter()
		if err != nil || !trial {
			t.Fatalf("trial %v, %v", trial, err)
		}
		if !b.try(nil) {
			t.Error("a second one was let through")
		}
		b.abandon(trial)
		if b.try(nil) {
			t.Error("refused although the trial was given back")
		}
	})
}

// Of many calls that a dying store leaves hanging, only the first three count
// for the opening: the rest say nothing new, neither for the pause nor about
// the call that tries.
func TestBreakerIgnoresStragglers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		for range 20 {
			if trial, err := b.enter(); trial || err != nil {
				t.Fatal(trial, err)
			}
		}
		for range 10 {
			b.done(false, errBoom)
		}
		time.Sleep(breakerPauseMin)
		trial, err := b.enter()
		if err != nil {
			t.Fatalf("the pause grew with every straggler: %v", err)
		}
		for range 9 {
			b.done(false, errBoom)
		}
		b.abandon(false)
		if !b.try(nil) {
			t.Error("a straggler let a second one try")
		}
		b.done(trial, nil)
		if open, _ := b.state(); open {
			t.Error("open after the trial's success")
		}
	})
}

func TestFailingStoreIsLeftInPeace(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.transient(nil)
		c, j := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		synctest.Wait() // for the look that the put brought about
		r.faults.Fail(storetest.MethodGet, 0, errBoom)
		gets := r.faults.Calls(storetest.MethodGet)
		for range 10 {
			r.does(f, c, LookupFailed, StoreError, "v")
		}
		if n := r.faults.Calls(storetest.MethodGet) - gets; n != breakerTrip {
			t.Errorf("asked %d times, want %d", n, breakerTrip)
		}
		if failing, last := r.State(); !failing || !errors.Is(last, errBoom) {
			t.Errorf("state %v, %v", failing, last)
		}
		if n := strings.Count(r.log.String(), "store fails"); n != 1 {
			t.Errorf("%d warnings, want one:\n%s", n, r.log)
		}
		r.faults.Heal()
		r.does(f, c, LookupFailed, StoreError, "v")
		time.Sleep(breakerPauseMin)
		r.does(f, c, HitStore, NoReason, "v")
		if failing, _ := r.State(); failing {
			t.Error("still failing")
		}
		if n := strings.Count(r.log.String(), "answers again"); n != 1 {
			t.Errorf("%d lines, want one:\n%s", n, r.log)
		}
		if j.runs.Load() != 12 {
			t.Errorf("%d runs", j.runs.Load())
		}
	})
}

func TestFailingPutsOpenTheirOwnBreaker(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.transient(nil)
		c, _ := call("k", gives("v"))
		r.faults.Fail(storetest.MethodPut, 0, errBoom)
		for range 5 {
			r.does(f, c, PutFailed, StoreError, "v")
		}
		if n := r.faults.Calls(storetest.MethodPut); n != breakerTrip {
			t.Errorf("%d puts, want %d", n, breakerTrip)
		}
		if failing, _ := r.State(); !failing {
			t.Error("not failing")
		}
	})
}

// Refusals show a store at work.
func TestAnswersDoNotOpenTheBreaker(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.transient(nil)
		c, _ := call("k", gives("v"))
		for _, err := range []error{store.ErrSuperseded, store.ErrTooLarge, store.ErrLeaseLost, store.ErrBadQuery} {
			r.faults.Fail(storetest.MethodPut, 1, err)
			r.Do(t.Context(), f, c)
		}
		if failing, _ := r.State(); failing {
			t.Error("failing")
		}
	})
}

func TestHangingStoreCostsItsTimeoutThreeTimesAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{remote: true})
		r.faults.Hang(storetest.MethodGet, 0)
		r.faults.Hang(storetest.MethodChanges, 0)
		f := r.transient(nil)
		c, _ := call("k", gives("v"))
		began := time.Now()
		for range 10 {
			r.does(f, c, LookupFailed, StoreError, "v")
		}
		if d := time.Since(began); d < testTimeout || d > breakerTrip*testTimeout {
			t.Errorf("ten calls took %v", d)
		}
	})
}

func TestCallersWhoLeaveSayNothingOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{remote: true})
		f := r.transient(nil)
		c, _ := call("k", gives("v"))
		r.faults.Hang(storetest.MethodGet, 5)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := r.Do(ctx, f, c); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrStore) {
				t.Errorf("left with %v", err)
			}
			cancel()
			synctest.Wait()
		}
		if failing, _ := r.State(); failing {
			t.Error("the breaker opened")
		}
		r.does(f, c, Populated, Absent, "v")
	})
}

// A caller who leaves while he tries the store leaves the trial to its end:
// until then nobody else tries, and a store that hangs is seen to.
func TestTrialOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{remote: true})
		f := r.transient(nil)
		c, _ := call("k", gives("v"))
		r.faults.Fail(storetest.MethodGet, breakerTrip, errBoom)
		for range breakerTrip {
			r.does(f, c, LookupFailed, StoreError, "v")
		}
		time.Sleep(breakerPauseMin)
		r.faults.Hang(storetest.MethodGet, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := r.Do(ctx, f, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		synctest.Wait()
		r.does(f, c, LookupFailed, StoreError, "v")
		time.Sleep(r.cfg.Timeout) // the trial fails
		r.does(f, c, LookupFailed, StoreError, "v")
		time.Sleep(2 * breakerPauseMin)
		synctest.Wait() // for the probe, which comes first after a hang
		r.does(f, c, Populated, Absent, "v")
	})
}

// While a store hangs, one call pays for finding out, and none for finding out
// that it still does. When it answers again, so does the cache.
func TestHangingStoreIsTriedAtNobodysExpense(t *testing.T) {
	for name, ms := range map[string][]storetest.Method{
		"all":   {storetest.MethodGet, storetest.MethodPut, storetest.MethodChanges, storetest.MethodUpdate},
		"reads": {storetest.MethodGet}, "looks": {storetest.MethodChanges},
		"writes": {storetest.MethodPut, storetest.MethodUpdate},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := ready(t, setup{remote: true})
				synctest.Wait()
				for _, m := range ms {
					r.faults.Hang(m, 0)
				}
				f := r.transient(nil)
				var paid []time.Duration
				for i := range 1000 {
					c, _ := call(strconv.Itoa(i), gives("v"))
					began := time.Now()
					if res, err := r.Do(t.Context(), f, c); err != nil || res.Value != "v" {
						t.Fatal(res, err)
					}
					if d := time.Since(began); d > 0 {
						paid = append(paid, d)
					}
					time.Sleep(100 * time.Millisecond)
				}
				if len(paid) > 2 {
					t.Errorf("%d calls of 1,000 waited: %v", len(paid), paid)
				}
				r.faults.Heal()
				time.Sleep(breakerPauseMax)
				synctest.Wait()
				c, _ := call("new", gives("v"))
				r.does(f, c, Populated, Absent, "v")
				r.does(f, c, HitStore, NoReason, "v")
				if failing, last := r.State(); failing {
					t.Errorf("still failing: %v", last)
				}
			})
		})
	}
}

// A probe that hangs ends with the engine.
func TestCloseEndsProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{remote: true})
		r.faults.Hang(storetest.MethodGet, 0)
		f := r.transient(nil)
		c, _ := call("k", gives("v"))
		r.does(f, c, LookupFailed, StoreError, "v")
		for range 2 { // while it waits, and while it asks
			time.Sleep(breakerPauseMin)
			r.does(f, c, LookupFailed, StoreError, "v")
		}
		began := time.Now()
		if err := r.Close(); err != nil || time.Since(began) > 0 {
			t.Errorf("closed after %v, %v", time.Since(began), err)
		}
	})
}
