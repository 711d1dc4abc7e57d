//go:build unix

package reprise_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/store"
)

// These tests alter what a server keeps behind the cache's back, as the tests
// of SQLite files do.

// TestGuarantee07_DamagedValuesOnServers: whatever becomes of the bytes of a
// value on a server, the call gets the right value, says that the record was
// corrupt, and replaces it.
func TestGuarantee07_DamagedValuesOnServers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, url string) {
		const size = 4 << 10
		m := mediumOf(t, url)
		f := wrap(t, open(t, url), sized(size), reprise.Options[int, []byte]{Residency: reprise.Transient})
		key := does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent).Key
		for how, bad := range damages(m.sealed(t, key)) {
			for _, honest := range []bool{false, true} {
				m.plant(t, key, bad, honest)
				got := does(t, t.Context(), f, 1, reprise.Populated, reprise.Corrupt)
				again := does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
				if !bytes.Equal(got.Value, noise(1, size)) || !bytes.Equal(again.Value, noise(1, size)) {
					t.Fatalf("%s: a wrong value", how)
				}
			}
		}
	})
}

// TestGuarantee07_DamagedEntriesOnServers: whatever becomes of the parts of an
// entry that are the driver's own, the call gets the right value. Where that
// is no hit it says why, and the next is.
func TestGuarantee07_DamagedEntriesOnServers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, url string) {
		t.Parallel()
		m := mediumOf(t, url)
		writer, reader := open(t, url), open(t, url) // who has not seen the entry before
		all := append(m.flips(), m.losses()...)
		for _, h := range m.flips() {
			all = append(all, harm{h.name + " beside a value that is cut", func(t *testing.T, key store.Key) {
				m.plant(t, key, m.sealed(t, key)[:100], false)
				h.do(t, key)
			}})
		}
		misses := 0
		for i, h := range all {
			first := survives(t, writer, reader, fmt.Sprint("f", i), h)
			if first != reprise.HitStore {
				misses++
			} else if strings.Contains(h.name, "cut") {
				t.Errorf("%s: a hit", h.name)
			}
		}
		t.Logf("%d damages, %d of them misses", len(all), misses)
		if misses < len(all)/2 {
			t.Errorf("%d of %d damages were noticed: the test shows little", misses, len(all))
		}
	})
}

// survives has one cache populate a function of a name of its own, does it
// harm, and expects that another cache's calls and clears do not mind. It
// returns the outcome of the first call.
func survives(t *testing.T, writer, reader *reprise.Cache, name string, h harm) reprise.Outcome {
	t.Helper()
	o := reprise.Options[int, []byte]{Name: name, Residency: reprise.Transient, Serialize: strings.Contains(h.name, "lease")}
	f, g := wrap(t, writer, sized(500), o), wrap(t, reader, sized(500), o)
	if err := f.Set(t.Context(), 1, nil); err != nil { // which the store keeps a log of
		t.Fatalf("%s: %v", h.name, err)
	}
	r, err := f.Do(reprise.WithMode(t.Context(), reprise.Refresh), 1)
	if err != nil || r.Outcome != reprise.Refreshed {
		t.Fatalf("%s: outcome %v (%v): %v, %v", h.name, r.Outcome, r.Reason, r.Err, err)
	}
	h.do(t, r.Key)
	first := rightly(t, h.name, g, reprise.HitStore, reprise.Populated)
	rightly(t, h.name+", again", g, reprise.HitStore)
	if err := g.Clear(t.Context(), 1); err != nil {
		t.Errorf("%s: %v", h.name, err)
	}
	rightly(t, h.name+", cleared", f, reprise.Populated)
	rightly(t, h.name+", cleared, again", g, reprise.HitStore)
	return first
}

// rightly expects a right value and one of some outcomes.
func rightly(t *testing.T, when string, f *reprise.Func[int, []byte], outcomes ...reprise.Outcome) reprise.Outcome {
	t.Helper()
	r, err := f.Do(t.Context(), 1)
	if err != nil || !bytes.Equal(r.Value, noise(1, 500)) {
		t.Errorf("%s: %v, a value of %d bytes", when, err, len(r.Value))
	}
	if !slices.Contains(outcomes, r.Outcome) || r.Outcome == reprise.Populated && r.Reason == reprise.NoReason {
		t.Errorf("%s: outcome %v (%v), want %v: %v", when, r.Outcome, r.Reason, outcomes, r.Err)
	}
	return r.Outcome
}

// TestGuarantee07_RuinedStoresOnServers: where the store itself is damaged,
// calls run uncached, and say so.
func TestGuarantee07_RuinedStoresOnServers(t *testing.T) {
	for _, name := range []string{"redis", "cluster", "postgres"} {
		t.Run(name, func(t *testing.T) {
			for i := range mediumOf(t, stores[name](t)).ruins() {
				url := stores[name](t)
				h := mediumOf(t, url).ruins()[i]
				t.Run(h.name, func(t *testing.T) {
					o := reprise.Options[int, []byte]{Name: "f", Residency: reprise.Transient}
					first := wrap(t, openWith(t, url, nil), sized(500), o)
					f := wrap(t, openWith(t, url, nil), sized(500), o)
					h.do(t, does(t, t.Context(), first, 1, reprise.Populated, reprise.Absent).Key)
					noticed := false
					for i := range 5 {
						r, err := f.Do(t.Context(), 1)
						if err != nil || !bytes.Equal(r.Value, noise(1, 500)) {
							t.Errorf("call %d: %v, a value of %d bytes", i, err, len(r.Value))
						}
						if r.Outcome != reprise.HitStore && r.Err == nil && r.Reason != reprise.Corrupt {
							t.Errorf("call %d: outcome %v (%v) without a word", i, r.Outcome, r.Reason)
						}
						noticed = noticed || r.Outcome != reprise.HitStore
					}
					if !noticed {
						t.Error("nothing was noticed: the test shows nothing")
					}
				})
			}
		})
	}
}

// TestGuarantee08_SwappedValuesOnServers: A's sound bytes under B's key are no
// value of B.
func TestGuarantee08_SwappedValuesOnServers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, url string) {
		m := mediumOf(t, url)
		f := wrap(t, open(t, url), sized(1<<10), reprise.Options[int, []byte]{Residency: reprise.Transient})
		a := does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent).Key
		b := does(t, t.Context(), f, 2, reprise.Populated, reprise.Absent).Key
		m.plant(t, b, m.sealed(t, a), true)
		got := does(t, t.Context(), f, 2, reprise.Populated, reprise.Corrupt)
		if !bytes.Equal(got.Value, noise(2, 1<<10)) {
			t.Error("the call for B got a wrong value")
		}
		does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
		does(t, t.Context(), f, 2, reprise.HitStore, reprise.NoReason)
	})
}

// TestGuarantee09_HostileRecordsOnServers: records with right checksums and
// evil content cost neither the value nor much memory.
func TestGuarantee09_HostileRecordsOnServers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, url string) {
		m := mediumOf(t, url)
		fn := func(context.Context, int) (nest, error) { return nest{Kids: []nest{{}, {}}}, nil }
		f := wrap(t, open(t, url), fn, reprise.Options[int, nest]{Residency: reprise.Transient})
		key := does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent).Key
		name, honest := codec.JSON[nest]().Name(), `{"Kids":[]}`
		m.plant(t, key, forge(key, name, 0, uint64(len(honest)), []byte(honest)), true)
		if r := does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason); len(r.Value.Kids) != 0 {
			t.Fatal("a forged record with fair content is not taken: the test forges badly")
		}
		for what, c := range evil(t, key, name, honest) {
			m.plant(t, key, c.sealed, true)
			grown := allocated(func() {
				if r := does(t, t.Context(), f, 1, reprise.Populated, c.why); len(r.Value.Kids) != 2 {
					t.Errorf("%s: the caller got a wrong value", what)
				}
			})
			if grown >= 32<<20 {
				t.Errorf("%s: the call allocated %d MiB", what, grown>>20)
			}
			does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
		}
	})
}

// TestGuarantee09_HostileClaimsOnServers: lengths that the driver's own fields
// claim cost no memory.
func TestGuarantee09_HostileClaimsOnServers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, url string) {
		writer, reader := open(t, url), open(t, url)
		claims := 0
		for i, h := range mediumOf(t, url).losses() {
			if !strings.Contains(h.name, "GiB") && !strings.Contains(h.name, "2^") {
				continue
			}
			claims++
			if grown := allocated(func() { survives(t, writer, reader, fmt.Sprint("f", i), h) }); grown >= 32<<20 {
				t.Errorf("%s: the calls allocated %d MiB", h.name, grown>>20)
			}
		}
		if claims < 3 {
			t.Errorf("%d claims: the test shows little", claims)
		}
	})
}

// TestGuarantee10_ForeignSignaturesOnServers: with a SigningKey a cache takes
// only what that key signed, whoever else can write the store.
func TestGuarantee10_ForeignSignaturesOnServers(t *testing.T) {
	onEveryServer(t, foreignSignatures)
}
