//go:build unix

package reprise_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/pgstore"
	"github.com/reprise-go/reprise/store/redisstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
	"github.com/reprise-go/reprise/store/storetest"
)

// driverAt opens the store at a URL as Open does, for tests that put something
// between a store and its cache.
func driverAt(tb testing.TB, url string) store.Store {
	tb.Helper()
	var s store.Store
	var err error
	switch scheme, _, _ := strings.Cut(url, ":"); scheme {
	case "redis":
		s, err = redisstore.Open(context.Background(), url, nil)
	case "postgres":
		s, err = pgstore.Open(context.Background(), url, nil)
	default:
		s, err = sqlitestore.Open(context.Background(), database(url), nil)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// faultyCache is a cache over a real store, between which the test may hold,
// disturb and count what happens.
type faultyCache struct {
	*reprise.Cache
	faults *storetest.Faulty
}

func openFaulty(tb testing.TB, url string, cfg *reprise.Config) *faultyCache {
	tb.Helper()
	faults := storetest.NewFaulty(driverAt(tb, url))
	return &faultyCache{over(tb, faults.Store(), cfg), faults}
}

// leaseCalls is how often this cache asked for a lease.
func (c *faultyCache) leaseCalls() int { return c.faults.Calls(storetest.MethodAcquire) }

// longEnough is how long tests wait for what real servers do at once as a rule.
const longEnough = 30 * time.Second

// awaitCondition polls until a condition holds. It is for what no channel tells.
func awaitCondition(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.Now().Add(longEnough)
	for !holds() {
		if time.Now().After(deadline) {
			tb.Fatalf("after %v still not: %s", longEnough, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// awaitChannel waits for a channel, but not for ever.
func awaitChannel[T any](tb testing.TB, what string, c <-chan T) (v T) {
	tb.Helper()
	select {
	case v = <-c:
	case <-time.After(longEnough):
		tb.Fatalf("after %v still not: %s", longEnough, what)
	}
	return v
}

// started runs f and closes a channel when it has returned.
func started(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}
