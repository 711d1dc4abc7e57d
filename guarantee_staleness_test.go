//go:build unix

package reprise_test

import (
	"context"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// relayed are stores on servers, each with a way to it that can be cut.
var relayed = map[string]func(t *testing.T) (direct, through string, relays []*servertest.Relay){
	"redis": func(t *testing.T) (string, string, []*servertest.Relay) {
		direct := prefixed(servertest.SharedRedis(t).URL())
		through, relay := detour(t, direct)
		return direct, through, []*servertest.Relay{relay}
	},
	"cluster": func(t *testing.T) (string, string, []*servertest.Relay) {
		c, relays := servertest.RelayedRedisCluster(t)
		return c.URL(), "redis://" + relays[0].Addr(), relays
	},
	"postgres": func(t *testing.T) (string, string, []*servertest.Relay) {
		direct := schema(servertest.Postgres(t).Database(t))
		through, relay := detour(t, direct)
		return direct, through, []*servertest.Relay{relay}
	},
}

// detour is a URL whose connections go through a relay.
func detour(t *testing.T, direct string) (string, *servertest.Relay) {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	relay := servertest.NewRelay(t, u.Host)
	u.Host = relay.Addr()
	return u.String(), relay
}

// TestGuarantee19_ServersPushChanges: one cache clears on a real server;
// another, whose connections break ten times, hears of it while it serves from
// memory.
func TestGuarantee19_ServersPushChanges(t *testing.T) {
	for name, start := range relayed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct, through, relays := start(t)
			staleOnServer(t, open(t, direct), openWith(t, through, nil), relays)
		})
	}
}

// staleOnServer measures for how long the reader gives what was cleared.
func staleOnServer(t *testing.T, clearer, reader *reprise.Cache, relays []*servertest.Relay) {
	var now atomic.Int64
	fn := func(context.Context, int) (int64, error) { return now.Add(1), nil }
	o := reprise.Options[int, int64]{Name: "f"}
	f, g := wrap(t, clearer, fn, o), wrap(t, reader, fn, o)
	rounds, hits := torture(100, 1000), 0
	var connected, cut []time.Duration
	for round := range rounds {
		breaks := round%(rounds/10) == rounds/20
		before, memory := remembered(t, g)
		hits += memory
		if breaks {
			for _, r := range relays {
				r.Break()
			}
		}
		if err := f.Clear(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		cleared := time.Now()
		for call(t, t.Context(), g, 1) <= before {
			if since := time.Since(cleared); since > 2*bound {
				t.Fatalf("round %d: %v after the clear the value from before it", round, since)
			}
		}
		if took := time.Since(cleared); breaks {
			cut = append(cut, took)
		} else {
			connected = append(connected, took)
		}
	}
	if hits < rounds {
		t.Errorf("%d hits in memory: the test shows little", hits)
	}
	slices.Sort(connected)
	slices.Sort(cut)
	t.Logf("stale for %v in the middle, %v in 99 of 100 cases, %v at most; when disconnected for %v at most (%d clears, %d breaks)",
		connected[len(connected)/2], connected[len(connected)*99/100], connected[len(connected)-1], cut[len(cut)-1], rounds, len(cut))
}

// remembered calls until memory answers, which it does soon after the
// connection is back, and returns what it answers.
func remembered(t *testing.T, g *reprise.Func[int, int64]) (value int64, hits int) {
	t.Helper()
	for began := time.Now(); ; {
		r, err := g.Do(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if r.Outcome == reprise.HitMemory {
			return r.Value, 1
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("memory does not answer: %v (%v), %v", r.Outcome, r.Reason, r.Err)
		}
	}
}

// TestGuarantee19_BrokenWatchIsNotTrusted: while a reader's connections are
// cut, what its memory holds is not given out, and calls are not held up.
func TestGuarantee19_BrokenWatchIsNotTrusted(t *testing.T) {
	for name, start := range relayed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct, through, relays := start(t)
			clearer := open(t, direct)
			reader := openWith(t, through, &reprise.Config{StoreTimeout: 500 * time.Millisecond})
			var now atomic.Int64
			fn := func(context.Context, int) (int64, error) { return now.Add(1), nil }
			o := reprise.Options[int, int64]{Name: "f"}
			f, g := wrap(t, clearer, fn, o), wrap(t, reader, fn, o)
			before, _ := remembered(t, g)
			for _, r := range relays {
				r.Cut()
			}
			if err := f.Clear(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			cleared := time.Now()
			for calls, since := 0, time.Duration(0); calls < 10 || since < 2*bound; calls++ {
				value := call(t, t.Context(), g, 1)
				if since = time.Since(cleared); value <= before && since > 2*bound {
					t.Fatalf("%v after the clear the value from before it", since)
				}
			}
			for _, r := range relays {
				r.Pass()
			}
			if value, _ := remembered(t, g); value <= before {
				t.Errorf("afterwards memory answers %d, from before the clear", value)
			}
		})
	}
}
