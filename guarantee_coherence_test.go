package reprise_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
	"github.com/reprise-go/reprise/store/storetest"
)

// TestGuarantee19_MemoryGoesStaleForABoundedTime: two handles on one file, by
// polling alone. One clears; the other, whose memory holds the
// result, gives none older than the bound, also while it cannot look.
func TestGuarantee19_MemoryGoesStaleForABoundedTime(t *testing.T) {
	for name, cut := range map[string]func(*storetest.Faulty){
		"connected": func(*storetest.Faulty) {},
		"disconnecting": func(f *storetest.Faulty) {
			f.Fail(storetest.MethodChanges, 0, errDown)
			f.Fail(storetest.MethodGet, 0, errDown)
		},
		"hanging": func(f *storetest.Faulty) { f.Hang(storetest.MethodChanges, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := database(file(t))
				open := func() store.Store {
					s, err := sqlitestore.Open(t.Context(), path, nil)
					if err != nil {
						t.Fatal(err)
					}
					return s
				}
				faults := storetest.NewFaulty(open()) // which does not push changes
				staleness(t, over(t, open(), nil), over(t, faults, nil), faults, cut)
			})
		})
	}
}

// staleness clears in one cache and calls in the other, whose connection is
// cut ten times.
func staleness(t *testing.T, clearer, reader *reprise.Cache, faults *storetest.Faulty, cut func(*storetest.Faulty)) {
	var now events
	fn := func(context.Context, int) (int64, error) { return now.next(), nil }
	o := reprise.Options[int, int64]{Name: "f"}
	f, g := wrap(t, clearer, fn, o), wrap(t, reader, fn, o)
	r := rand.New(rand.NewPCG(19, 0))
	var longest time.Duration
	hits := 0
	rounds := torture(100, 1000)
	for round := range rounds {
		if every := rounds / 10; round%every == every/2 {
			cut(faults)
		} else if round%every == every/2+3 {
			faults.Heal()
		}
		before := call(t, t.Context(), g, 1)
		time.Sleep(time.Duration(r.IntN(700)) * time.Millisecond)
		if err := f.Clear(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		cleared := time.Now()
		for since := time.Duration(0); since < 1200*time.Millisecond; since = time.Since(cleared) {
			got, err := g.Do(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if got.Value <= before {
				longest = max(longest, since)
				if since > bound {
					t.Fatalf("round %d: %v after the clear the value from before it (%v)", round, since, got.Outcome)
				}
			}
			if got.Outcome == reprise.HitMemory {
				hits++
			}
			time.Sleep(time.Duration(20+r.IntN(200)) * time.Millisecond)
		}
	}
	if hits == 0 || longest == 0 {
		t.Errorf("%d hits in memory, stale for at most %v: the test shows little", hits, longest)
	}
	t.Logf("stale for at most %v after %d clears; %d hits in memory", longest, rounds, hits)
}

// The child clears whenever it is told to.
var _ = asChild("clears", func(args []string) error {
	c, err := reprise.Open(context.Background(), args[0], &reprise.Config{OnStoreError: reprise.FailClosed})
	if err != nil {
		return err
	}
	f, err := reprise.Wrap(c, func(context.Context, int) (int, error) { return 0, nil },
		&reprise.Options[int, int]{Name: "f", Version: "1"})
	if err != nil {
		return err
	}
	for line := range told() {
		if strings.HasPrefix(line, "clear") {
			if err := f.Clear(context.Background(), 1); err != nil {
				return err
			}
			tell("cleared")
		}
	}
	return c.Close()
})

// TestGuarantee19_AnotherProcessClears is the same with a real process and in
// real time: once a call gives a new value, none gives an old one, and each
// clear is noticed.
func TestGuarantee19_AnotherProcessClears(t *testing.T) {
	url := file(t)
	fn, _ := counting[int]()
	f := wrap(t, open(t, url), fn, reprise.Options[int, int]{Name: "f"})
	p := child(t, "clears", url)
	last := 0
	for round := range torture(10, 100) {
		before := call(t, t.Context(), f, 1)
		if before < last {
			t.Fatalf("round %d: run %d after run %d", round, before, last)
		}
		p.say("clear " + strconv.Itoa(round))
		p.expect("cleared")
		for last = before; last == before; {
			last = call(t, t.Context(), f, 1)
		}
		if last != before+1 {
			t.Errorf("round %d: run %d, want %d", round, last, before+1)
		}
	}
	p.wait()
}
