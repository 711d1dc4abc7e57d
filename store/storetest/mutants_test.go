package storetest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// mutantVariable names, for the process of TestBrokenStore, the broken store
// that it runs the suite against.
const mutantVariable = "STORETEST_MUTANT"

// TestSuiteCatches holds that the suite fails on stores that break the
// contract. The suite runs in a process of its own, because a testing.T that
// failed cannot be made whole again.
func TestSuiteCatches(t *testing.T) {
	for _, m := range mutants {
		for _, check := range m.caughtBy {
			t.Run(m.name+"/"+check, func(t *testing.T) {
				if out, failed := runSuite(t, m.name, check); !failed {
					t.Errorf("the suite passed a store that %s:\n%s", m.name, out)
				}
			})
		}
	}
}

// TestSuitePassesSoundStore holds that those very checks pass where nothing is
// broken, so that their failing means something.
func TestSuitePassesSoundStore(t *testing.T) {
	var topics []string
	for _, m := range mutants {
		for _, check := range m.caughtBy {
			topic, _, _ := strings.Cut(check, "/")
			topics = append(topics, topic)
		}
	}
	out, failed := runSuite(t, sound, "("+strings.Join(topics, "|")+")")
	if failed || !strings.Contains(out, "--- PASS: TestBrokenStore") {
		t.Errorf("the suite failed the sound store:\n%s", out)
	}
}

// runSuite runs one check of the suite against a mutant in another process and
// tells whether that check failed.
func runSuite(t *testing.T, mutant, check string) (output string, failed bool) {
	t.Helper()
	parts := strings.Split(strings.ReplaceAll(check, " ", "_"), "/")
	run := "^TestBrokenStore$/^" + strings.Join(parts, "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.run", run, "-test.v", "-test.timeout=60s",
		"-rapid.nofailfile", "-rapid.shrinktime=50ms", "-rapid.seed=1")
	cmd.Env = append(os.Environ(), mutantVariable+"="+mutant)
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "=== RUN   TestBrokenStore/") {
		t.Fatalf("no check %q was run: %v\n%s", check, err, out)
	}
	failure := regexp.MustCompile(`--- FAIL: TestBrokenStore/` + regexp.QuoteMeta(strings.Join(parts, "/")) + ` `)
	return string(out), failure.Match(out) || mutant == sound && err != nil
}

// TestBrokenStore is the other process.
func TestBrokenStore(t *testing.T) {
	name := os.Getenv(mutantVariable)
	if name == "" {
		t.Skip("runs as a child of TestSuiteCatches")
	}
	storetest.SetPatience(2 * time.Second)
	wrap := func(s *memstore.Store) store.Store { return s }
	for _, m := range mutants {
		if m.name == name {
			wrap = m.wrap
		}
	}
	storetest.Run(t, harness(wrap))
}

// harness is that of a memstore inside a wrapper.
func harness(wrap func(*memstore.Store) store.Store) storetest.Harness {
	var mu sync.Mutex
	at := time.Unix(1_700_000_000, 0)
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return at
	}
	return storetest.Harness{
		Open: func(testing.TB) store.Store { return wrap(memstore.New(&memstore.Options{Now: now})) },
		Quota: func(_ testing.TB, n int64) store.Store {
			return wrap(memstore.New(&memstore.Options{Now: now, Quota: n}))
		},
		Advance: func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			at = at.Add(d)
		},
	}
}
