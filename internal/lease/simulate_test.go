package lease_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
)

// seeds and nodes of the simulation; many more where REPRISE_TORTURE is set.
func simulationSize() (seeds, nodes int) {
	if os.Getenv("REPRISE_TORTURE") != "" {
		return 100, 1000
	}
	return 6, 200
}

// 200 processes want 20 results. They crash, pause and lose messages, their
// clocks run up to 5 % fast or slow, and results are cleared meanwhile.
func TestSimulation(t *testing.T) {
	seeds, nodes := simulationSize()
	onEach(t, func(t *testing.T, fresh func() backend) {
		var sum tally
		for seed := range uint64(seeds) {
			sc := randomScenario(rand.New(rand.NewPCG(seed, 1)), nodes, 20)
			s := sc.play(t, fresh())
			for _, w := range s.wrong {
				t.Errorf("seed %d: %s", seed, w)
			}
			for _, n := range s.tallies {
				sum.add(n)
			}
		}
		t.Logf("%d seeds of %d nodes: %+v", seeds, nodes, sum)
		if sum.lost == 0 || sum.failed == 0 || sum.superseded == 0 || sum.published == 0 {
			t.Error("something never happened: the simulation tests too little")
		}
	})
}

func (t *tally) add(o *tally) {
	t.starts += o.starts
	t.published += o.published
	t.failed += o.failed
	t.superseded += o.superseded
	t.lost += o.lost
}

// Where nothing fails, each result is computed once, with or without wakes.
func TestSimulationWithoutFaults(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		for seed := range uint64(5) {
			sc := randomScenario(rand.New(rand.NewPCG(seed, 2)), 200, 20)
			keys := map[store.Key]bool{}
			for i := range sc.nodes {
				n := &sc.nodes[i]
				n.end, n.fates = succeeds, nil
				keys[n.key] = true
			}
			sc.clears = nil
			s := sc.play(t, fresh())
			starts := 0
			for _, n := range s.tallies {
				starts += n.starts
			}
			if len(s.wrong) > 0 || starts != len(keys) {
				t.Errorf("seed %d: %d executions of %d keys; %v", seed, starts, len(keys), s.wrong)
			}
		}
	})
}

func randomScenario(r *rand.Rand, nodes, keys int) *scenario {
	upTo := func(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
	sc := &scenario{opts: lease.Options{TTL: 2 * time.Second, Timeout: 500 * time.Millisecond}}
	for range nodes {
		n := node{
			key:    store.Key{byte(r.IntN(keys))},
			start:  upTo(10 * time.Second),
			run:    upTo(5 * time.Second),
			pause:  upTo(5 * time.Second),
			skew:   0.95 + 0.1*r.Float64(),
			wakes:  r.IntN(2) == 0,
			delay:  upTo(4 * time.Second),
			jitter: r.Float64(),
		}
		if r.IntN(2) == 0 {
			n.end = ending(r.IntN(int(endings)))
		}
		for range r.IntN(40) {
			h := arrives
			if r.IntN(4) == 0 {
				h = hazard(r.IntN(int(hazards)))
			}
			n.fates = append(n.fates, h)
		}
		sc.nodes = append(sc.nodes, n)
	}
	for range keys {
		sc.clears = append(sc.clears, clearing{upTo(30 * time.Second), store.Key{byte(r.IntN(keys))}})
	}
	return sc
}

// The same of few nodes at close quarters, which rapid makes smaller where it
// finds one that breaks a promise.
func TestSimulationProperty(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		rapid.Check(t, func(rt *rapid.T) {
			sc := drawScenario(rt)
			for _, w := range sc.play(t, fresh()).wrong {
				rt.Error(w)
			}
		})
	})
}

func drawScenario(t *rapid.T) *scenario {
	upTo := func(name string, ms int) time.Duration {
		return time.Duration(rapid.IntRange(0, ms).Draw(t, name)) * time.Millisecond
	}
	sc := &scenario{opts: lease.Options{
		TTL:      time.Second + upTo("ttl", 2000),
		Timeout:  100*time.Millisecond + upTo("timeout", 1000),
		Cooldown: time.Millisecond + upTo("cooldown", 300),
	}}
	for range rapid.IntRange(1, 6).Draw(t, "nodes") {
		sc.nodes = append(sc.nodes, node{
			key:    store.Key{1},
			start:  upTo("start", 2000),
			run:    upTo("run", 4000),
			end:    ending(rapid.IntRange(0, int(endings)-1).Draw(t, "end")),
			pause:  upTo("pause", 4000),
			skew:   rapid.Float64Range(0.95, 1.05).Draw(t, "skew"),
			wakes:  rapid.Bool().Draw(t, "wakes"),
			fates:  rapid.SliceOfN(rapid.Map(rapid.IntRange(0, int(hazards)-1), func(i int) hazard { return hazard(i) }), 0, 12).Draw(t, "fates"),
			delay:  upTo("delay", 4000),
			jitter: rapid.Float64Range(0, 0.999).Draw(t, "jitter"),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "clears") {
		sc.clears = append(sc.clears, clearing{upTo("clear", 5000), store.Key{1}})
	}
	return sc
}
