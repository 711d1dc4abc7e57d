//go:build unix

package reprise_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/sqlitestore"
	"github.com/reprise-go/reprise/store/storetest"
)

// serialized is a cache over a file and a function of which one execution runs
// among all processes. It gives the id of its process and tells when it starts.
func serialized(path string, ttl time.Duration, during func()) (*reprise.Cache, *storetest.Faulty, *reprise.Func[int, int], error) {
	s, err := sqlitestore.Open(context.Background(), path, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	faults := storetest.NewFaulty(s)
	c, err := reprise.New(faults.Store(), nil)
	if err != nil {
		return nil, nil, nil, err
	}
	fn := func(_ context.Context, in int) (int, error) {
		tell("start %d", in)
		during()
		return os.Getpid(), nil
	}
	f, err := reprise.Wrap(c, fn, &reprise.Options[int, int]{Name: "serialized", Version: "1", Serialize: true,
		LeaseTTL: ttl, Residency: reprise.Transient, OnStoreError: reprise.FailClosed})
	return c, faults, f, err
}

// The child calls for every key in some order, in several goroutines.
var _ = asChild("calls everything", func(args []string) error {
	keys, _ := strconv.Atoi(args[1]) // the parent counts
	c, _, f, err := serialized(args[0], 0, func() { time.Sleep(rand.N(5 * time.Millisecond)) })
	if err != nil {
		return err
	}
	tell("ready")
	<-told()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for _, key := range rand.Perm(keys) {
				r, err := f.Do(context.Background(), key)
				tell("got %d %d %v %v", key, r.Value, err, r.Err)
			}
		})
	}
	all.Wait()
	tell("over")
	return c.Close()
})

// TestGuarantee01_OneExecutionAmongProcesses: where nothing fails, many
// processes with many callers run the function once for each key.
func TestGuarantee01_OneExecutionAmongProcesses(t *testing.T) {
	processes, keys := torture(8, 16), torture(20, 200)
	path := database(file(t))
	var children []*process
	for range processes {
		children = append(children, child(t, "calls everything", path, strconv.Itoa(keys)))
	}
	for _, p := range children {
		p.expect("ready")
	}
	for _, p := range children {
		p.say("go")
	}
	starts, values, answers := map[string]int{}, map[string]string{}, 0
	for _, p := range children {
		for line, ok := p.hear(); ok && line != "over"; line, ok = p.hear() {
			words := strings.Fields(line)
			switch {
			case words[0] == "start":
				starts[words[1]]++
			case len(words) != 5 || words[3] != "<nil>" || words[4] != "<nil>":
				t.Errorf("a caller: %s", line)
			case values[words[1]] != "" && values[words[1]] != words[2]:
				t.Errorf("key %s has the values %s and %s", words[1], values[words[1]], words[2])
			default:
				values[words[1]] = words[2]
				answers++
			}
		}
		p.wait()
	}
	if len(starts) != keys || answers != 4*processes*keys {
		t.Errorf("%d keys started, want %d; %d answers, want %d", len(starts), keys, answers, 4*processes*keys)
	}
	for key, n := range starts {
		if n != 1 {
			t.Errorf("key %s: %d executions", key, n)
		}
	}
}

// The child calls once and stops at a point, until it is told to go on.
var _ = asChild("calls once", func(args []string) error {
	ttl, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	orders := told()
	at := func(point string) {
		if point == args[2] {
			tell("at %s", point)
			<-orders
		}
	}
	c, faults, f, err := serialized(args[0], ttl, func() { at("running") })
	if err != nil {
		return err
	}
	switch args[2] {
	case "acquired": // the second look is the one under the lease
		faults.Inject(storetest.MethodGet, storetest.Fault{Times: 1})
		gate := faults.Hold(storetest.MethodGet, 1)
		go func() { <-gate.Arrived(); at("acquired"); gate.Open() }()
	case "publishing":
		gate := faults.Hold(storetest.MethodPublish, 1)
		go func() { <-gate.Arrived(); at("publishing"); gate.Open() }()
	}
	tell("calling")
	r, err := f.Do(context.Background(), 1)
	tell("got %d %v %v %v", r.Value, r.Outcome, r.Reason, err)
	at("committed")
	return c.Close()
})

// TestGuarantee02_LostOwners: an owner is killed, or stopped for longer than
// its lease lasts, before it runs, while it runs, before it publishes and after
// that. Another takes over where there is no result yet; a stopped owner that
// goes on does not replace that one's result.
func TestGuarantee02_LostOwners(t *testing.T) {
	for point, c := range map[string]struct{ starts, late string }{
		"acquired":   {"heir", "waited"},
		"running":    {"victim heir", "put-failed superseded"},
		"publishing": {"victim heir", "put-failed superseded"},
		"committed":  {"victim", ""},
	} {
		for _, how := range []string{"killed", "stopped"} {
			t.Run(point+" "+how, func(t *testing.T) {
				t.Parallel()
				loseOwner(t, point, how, c.starts, c.late)
			})
		}
	}
}

func loseOwner(t *testing.T, point, how, wantStarts, wantLate string) {
	const ttl = "2s"
	url := file(t)
	var starts []string
	victim := child(t, "calls once", database(url), ttl, point)
	victim.expect("calling")
	late := ""
	for line, _ := victim.hear(); line != "at "+point; line, _ = victim.hear() {
		switch {
		case strings.HasPrefix(line, "start"):
			starts = append(starts, "victim")
		case strings.HasPrefix(line, "got"):
		default:
			t.Fatalf("the victim said %q; its errors:\n%s", line, victim.errs.String())
		}
	}
	if how == "killed" {
		victim.kill()
	} else {
		victim.signal(syscall.SIGSTOP)
	}
	heir := child(t, "calls once", database(url), ttl, "nowhere")
	heir.expect("calling")
	line, _ := heir.hear()
	if strings.HasPrefix(line, "start") {
		starts = append(starts, "heir")
		line, _ = heir.hear()
	}
	value, outcome, _ := strings.Cut(strings.TrimPrefix(line, "got "), " ")
	if !strings.HasSuffix(outcome, "<nil>") {
		t.Errorf("the heir: %q", line)
	}
	heir.wait()
	if how == "stopped" {
		victim.signal(syscall.SIGCONT)
		victim.say("go on")
		for line, ok := victim.hear(); ok; line, ok = victim.hear() {
			late = line
			if strings.HasPrefix(line, "start") {
				starts = append(starts, "victim")
			}
		}
		victim.wait()
		if !strings.Contains(late, wantLate) {
			t.Errorf("the stopped owner ended with %q, want %q", late, wantLate)
		}
	}
	if got := strings.Join(starts, " "); got != wantStarts {
		t.Errorf("executions by %s, want by %s", got, wantStarts)
	}
	checkPublished(t, url, value)
}

// checkPublished expects the one result that everybody sees from now on.
func checkPublished(t *testing.T, url, value string) {
	t.Helper()
	c, _, f, err := serialized(database(url), time.Second, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer closeNow(t, c)
	r := does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
	if fmt.Sprint(r.Value) != value {
		t.Errorf("the store has the result of %d, want of %s", r.Value, value)
	}
}
