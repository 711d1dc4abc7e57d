//go:build unix

package reprise_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store/sqlitestore"
	"github.com/reprise-go/reprise/store/storetest"
)

// pollMost is the longest pause between two looks of a waiter: at a file, and
// over a network.
func pollMost(url string) time.Duration {
	if strings.HasPrefix(url, "sqlite") {
		return 80 * time.Millisecond
	}
	return time.Second
}

// watched opens a store for callers that wait, and counts what they ask.
func watched(t *testing.T, url string) (*reprise.Cache, *storetest.Faulty) {
	t.Helper()
	var f *storetest.Faulty
	if strings.HasPrefix(url, "sqlite") {
		s, err := sqlitestore.Open(t.Context(), database(url), nil)
		if err != nil {
			t.Fatal(err)
		}
		f = storetest.NewFaulty(s)
	} else {
		f = storetest.NewFaulty(driver(t, url))
	}
	return over(t, f.Store(), nil), f
}

// wakings has keys executed in one cache and waited for in another until each
// waiter pauses as long as ever, ends the executions one after the other, and
// returns how long after that each waiter had its result.
func wakings(t *testing.T, owner, waiter *reprise.Cache, faults *storetest.Faulty, keys int) []time.Duration {
	t.Helper()
	o := reprise.Options[int, int]{Name: "awaited", Version: "1", Serialize: true, LeaseTTL: time.Hour}
	ends := make([]chan struct{}, keys)
	for i := range ends {
		ends[i] = make(chan struct{})
	}
	running := make(chan struct{})
	own := wrap(t, owner, func(_ context.Context, n int) (int, error) { running <- struct{}{}; <-ends[n]; return n, nil }, o)
	wait := wrap(t, waiter, func(_ context.Context, n int) (int, error) { t.Errorf("%d runs twice", n); return n, nil }, o)
	published, woken := make(chan time.Time, 1), make(chan time.Time, 1)
	for n := range keys {
		go func() {
			if r, err := own.Do(t.Context(), n); err != nil || r.Outcome != reprise.Populated {
				t.Errorf("the owner of %d: %v, %v, %v", n, r.Outcome, r.Err, err)
			}
			published <- time.Now()
		}()
		<-running
		go func() {
			if r, err := wait.Do(t.Context(), n); err != nil || r.Value != n || r.Outcome != reprise.Waited {
				t.Errorf("the waiter for %d: %d (%v), %v, %v", n, r.Value, r.Outcome, r.Err, err)
			}
			woken <- time.Now()
		}()
	}
	// Pauses double from a twentieth of the longest.
	eventually(t, "all pause for long", func() bool { return faults.Calls(storetest.MethodAcquire) >= 6*keys })
	took := make([]time.Duration, keys)
	for n := range keys {
		close(ends[n])
		at := <-published
		took[n] = max(0, (<-woken).Sub(at)) // who is woken may be the quicker of the two
	}
	return took
}

// eventually polls until something holds, for a minute.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// percentile is of a list that it sorts.
func percentile(took []time.Duration, p int) time.Duration {
	slices.Sort(took)
	return took[(len(took)-1)*p/100]
}

func logWakings(t *testing.T, took []time.Duration) {
	t.Helper()
	t.Logf("woken after the owner's call had returned: p50 %v, p99 %v, max %v of %d",
		percentile(took, 50).Round(10*time.Microsecond), percentile(took, 99).Round(10*time.Microsecond), percentile(took, 100).Round(10*time.Microsecond), len(took))
}

// busy is what a busy machine may add to a pause before anybody runs.
const busy = 2 * time.Second

// TestGuarantee06_WithoutWakeUps drops every notification: a waiter has its
// result within two pauses, not when the lease expires.
func TestGuarantee06_WithoutWakeUps(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryStore(t, func(t *testing.T, url string) {
		waiter, faults := watched(t, url)
		faults.DropEvents(true)
		took := wakings(t, open(t, url), waiter, faults, torture(5, 20))
		logWakings(t, took)
		if most := percentile(took, 100); most > 2*pollMost(url)+busy {
			t.Errorf("a waiter looked %v after the publish, its pauses last %v", most, pollMost(url))
		}
	})
}

// TestGuarantee06_DeafConnections is the same on the wire: the waiter's
// subscription is never answered.
func TestGuarantee06_DeafConnections(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryWire(t, func(t *testing.T, w *wire) {
		w.each(func(r *servertest.Relay) {
			r.Judge(func(request []byte) servertest.Verdict {
				if bytes.Contains(request, []byte("SUBSCRIBE")) || bytes.Contains(request, []byte("LISTEN")) {
					return servertest.Deafen
				}
				return servertest.Pass
			})
		})
		waiter, faults := watched(t, w.relayed)
		took := wakings(t, open(t, w.direct), waiter, faults, torture(5, 20))
		logWakings(t, took)
		if most := percentile(took, 100); most > 2*pollMost(w.direct)+busy {
			t.Errorf("a waiter looked %v after the publish, its pauses last %v", most, pollMost(w.direct))
		}
	})
}

// TestGuarantee06_WakeUps tells how soon waiters have their results where
// notifications arrive. It asserts no more than that they help: most waiters
// are woken long before the pause is over that they are in. For a file there is
// no notification, but the pauses are short.
func TestGuarantee06_WakeUps(t *testing.T) {
	for name, start := range stores { // one after the other, and nothing beside
		t.Run(name, func(t *testing.T) {
			url := start(t)
			// At a file a hundred waiters would keep a processor busy.
			batch, most := torture(20, 100), pollMost(url)/5
			if name == "sqlite" {
				batch, most = 10, 5*pollMost(url)
			}
			var took []time.Duration
			for len(took) < torture(20, 300) {
				owner := open(t, url)
				waiter, faults := watched(t, url)
				took = append(took, wakings(t, owner, waiter, faults, batch)...)
				forget(t, owner)
			}
			logWakings(t, took)
			if m := percentile(took, 50); m > most {
				t.Errorf("half of the waiters had to wait %v", m)
			}
		})
	}
}

// forget empties a store for the next round.
func forget(t *testing.T, c *reprise.Cache) {
	t.Helper()
	if _, err := c.ClearAll(t.Context()); err != nil {
		t.Fatal(err)
	}
}
