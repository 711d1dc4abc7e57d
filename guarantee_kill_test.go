package reprise_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/reprise-go/reprise"
)

// killable is the function of the children that are killed: small results and,
// every seventh, one that goes to a file.
func killable(_ context.Context, in int) ([]byte, error) {
	if in%7 == 0 {
		return noise(in, 100<<10), nil
	}
	return noise(in, 500), nil
}

func wrapKillable(c *reprise.Cache) (*reprise.Func[int, []byte], error) {
	return reprise.Wrap(c, killable, &reprise.Options[int, []byte]{Name: "killable", Version: "1", Residency: reprise.Transient})
}

// The child populates from a number on, and acknowledges each result.
var _ = asChild("populates", func(args []string) error {
	c, err := reprise.Open(context.Background(), args[0], &reprise.Config{OnStoreError: reprise.FailClosed})
	if err != nil {
		return err
	}
	f, err := wrapKillable(c)
	if err != nil {
		return err
	}
	from, err := strconv.Atoi(args[1])
	for in := from; err == nil; in++ {
		var r reprise.Result[[]byte]
		if r, err = f.Do(context.Background(), in); err == nil && r.Outcome != reprise.Populated {
			err = fmt.Errorf("call %d: %v (%v): %v", in, r.Outcome, r.Reason, r.Err)
		}
		tell("done %d", in)
	}
	return err
})

// TestGuarantee17_KilledProcessesLoseNothing kills a process that populates, by
// kill -9, again and again. Every result that it acknowledged is a hit with the
// right value, and the database is in order.
func TestGuarantee17_KilledProcessesLoseNothing(t *testing.T) {
	t.Parallel() // with others that wait for processes
	url := file(t)
	killsWriters(t, url, torture(20, 200))
	integrity(t, database(url))
}

// killsWriters kills a process that populates, a number of times, and expects
// what each acknowledged.
func killsWriters(t *testing.T, url string, rounds int) {
	t.Helper()
	next := 0
	first := make([]int, rounds)
	for round := range first {
		p := child(t, "populates", url, strconv.Itoa(next))
		n := 1 + rand.IntN(40)
		for range n {
			in, err := strconv.Atoi(p.expect("done"))
			if err != nil || in != next {
				t.Fatalf("acknowledged %d, want %d", in, next)
			}
			next++
		}
		p.kill()
		first[round] = next - n
		allThere(t, url, next-n, next)
		next += 1000 // what was not acknowledged may be there or not
	}
	for _, from := range first { // the later deaths took nothing either
		allThere(t, url, from, from+1)
	}
}

// allThere expects hits on the results of inputs in [from, to), by a cache that
// opens the store anew.
func allThere(t *testing.T, url string, from, to int) {
	t.Helper()
	c := open(t, url)
	defer closeNow(t, c)
	f, err := wrapKillable(c)
	if err != nil {
		t.Fatal(err)
	}
	for in := from; in < to; in++ {
		r := does(t, t.Context(), f, in, reprise.HitStore, reprise.NoReason)
		if want, _ := killable(t.Context(), in); !bytes.Equal(r.Value, want) {
			t.Errorf("result %d is another one now", in)
		}
	}
}
