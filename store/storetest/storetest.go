// Package storetest is the conformance suite of the port in package store.
// A driver's test file is a Harness and a call of Run:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, storetest.Harness{Open: func(t testing.TB) store.Store { … }})
//	}
//
// Bench is the benchmark set that compares drivers, and Faulty wraps a store to
// inject faults into whatever uses it.
//
// The suite reads time from the store under test only, so a server's clock may
// differ from ours, and it never sleeps: it moves the clock where the harness
// can, and else polls until the store's clock has come far enough.
package storetest

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise/store"
)

// Harness is what a driver gives the suite. Only Open is required; checks that
// need more are skipped with a line that names what is missing.
type Harness struct {
	// Open returns a fresh, empty store that nobody else uses. The suite
	// closes it.
	Open func(t testing.TB) store.Store

	// Reopen closes s, which came from Open, and opens the same data again.
	// Nil where nothing persists.
	Reopen func(t testing.TB, s store.Store) store.Store

	// Second opens another handle to the data of s, as another process would.
	// The suite closes it. Nil where that is impossible.
	Second func(t testing.TB, s store.Store) store.Store

	// Advance moves the clock of all the harness's stores forward. Nil where
	// the clock cannot be moved: the suite then uses short real times and
	// polls.
	Advance func(d time.Duration)

	// Corrupt damages the value stored under key, at rest. It calls t.Skip for
	// a kind of damage that cannot happen to the driver. Nil where no value
	// can be reached.
	Corrupt func(t testing.TB, s store.Store, key store.Key, how Corruption)

	// Quota returns a fresh store whose byte quota is bytes. The suite closes
	// it. Nil where the driver has no quota.
	Quota func(t testing.TB, bytes int64) store.Store
}

// Corruption is a kind of damage to a stored value.
type Corruption uint8

const (
	// FlipBit inverts one bit of the value.
	FlipBit Corruption = iota
	// Truncate cuts the value short.
	Truncate
	// Lose removes the value and leaves its entry, as where the file of a
	// large value was deleted.
	Lose
)

// String names the kind of damage.
func (c Corruption) String() string {
	return [...]string{"flip a bit", "truncate", "lose"}[c%3]
}

// patience bounds every wait for something that should happen at once. It is
// long because reaching it is a failure.
var patience = 30 * time.Second

// topic is a group of checks; each runs on a fresh store.
type topic struct {
	name   string
	checks []check
}

type check struct {
	name string
	run  func(*env)
}

func topics() []topic {
	return []topic{
		getPutTopic(), expiryTopic(), generationsTopic(), clearTopic(), putModesTopic(), updateTopic(),
		listTopic(), pagingTopic(), countTopic(), purgeTopic(), sweepTopic(), quotaTopic(), infoTopic(),
		closeTopic(), concurrencyTopic(), hostileTopic(), damageTopic(), persistenceTopic(),
		leaseTopic(), publishTopic(), watchTopic(), cancellationTopic(), modelTopic(),
	}
}

// Run checks everything that the contract of package store promises, one
// subtest a topic and check. Run it with -race too. The model's number of
// random runs is rapid's: -rapid.checks, 100 by default.
func Run(t *testing.T, h Harness) {
	for _, topic := range topics() {
		t.Run(topic.name, func(t *testing.T) {
			for _, c := range topic.checks {
				t.Run(c.name, func(t *testing.T) { c.run(newEnv(t, h)) })
			}
		})
	}
}

// env is one check's surroundings: who hears of failures, the harness, and a
// fresh store.
type env struct {
	reporter
	T   *testing.T // of the check, for the harness
	h   Harness
	s   store.Store
	ctx context.Context
}

// reporter is what *testing.T and *rapid.T have in common.
type reporter interface {
	rapid.TB
	Cleanup(func())
}

func newEnv(t *testing.T, h Harness) *env {
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(cancel)
	e := &env{reporter: t, T: t, h: h, s: h.Open(t), ctx: ctx}
	t.Cleanup(func() {
		if err := e.s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// needs skips the check where the driver lacks a capability.
func (e *env) needs(has bool, capability string) {
	e.Helper()
	if !has {
		e.Skipf("skipped: the driver or its harness lacks %s", capability)
	}
}
