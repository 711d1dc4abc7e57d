//go:build unix

package reprise_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
)

// The child calls for every key in some order, in several goroutines. Its
// function gives the id of its process and tells when it starts.
var _ = asChild("calls everything", func(args []string) error {
	goroutines, _ := strconv.Atoi(args[1]) // the parent counts
	keys, _ := strconv.Atoi(args[2])
	s, err := openStore(context.Background(), args[0])
	if err != nil {
		return err
	}
	// All processes begin at once, on a machine that may have few processors:
	// how long that takes is not the matter here.
	c, err := reprise.New(s, &reprise.Config{StoreTimeout: time.Minute})
	if err != nil {
		return err
	}
	fn := func(_ context.Context, in int) (int, error) {
		tell("start %d", in)
		time.Sleep(rand.N(5 * time.Millisecond))
		return os.Getpid(), nil
	}
	f, err := reprise.Wrap(c, fn, &reprise.Options[int, int]{Name: "serialized", Version: "1", Serialize: true,
		Residency: reprise.Transient, OnStoreError: reprise.FailClosed})
	if err != nil {
		return err
	}
	tell("ready")
	<-told()
	var all sync.WaitGroup
	for range goroutines {
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
	processes, goroutines := torture(8, 64), torture(4, 16)
	binary := lean(t)
	for name, start := range stores { // one after the other: each load fills the machine
		t.Run(name, func(t *testing.T) {
			url := start(t)
			if name == "postgres" {
				// The server takes 300 connections, which all come at once.
				url += "&pool_max_conns=3&connect_timeout=60"
			}
			crowd := newCallers(t, binary, url, processes, goroutines, 20)
			began := time.Now()
			crowd.run()
			t.Logf("%d processes × %d goroutines × %d keys: %d executions, %d answers, %v",
				processes, goroutines, crowd.keys, crowd.executions(), crowd.answers, time.Since(began).Round(time.Millisecond))
			crowd.check(processes * goroutines)
		})
	}
}

// lean is a binary for very many children: in the large size, and where the
// race detector is on, one without it, which takes a tenth of the time.
func lean(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err == nil && raceEnabled && torture(0, 1) == 1 {
		self = filepath.Join(t.TempDir(), "lean.test")
		var out []byte
		if out, err = exec.Command("go", "test", "-c", "-o", self, ".").CombinedOutput(); err != nil {
			t.Log(string(out))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// callers are processes that call for all keys at once.
type callers struct {
	t         *testing.T
	keys      int
	processes []*process
	starts    map[string]int
	values    map[string]string
	answers   int
}

func newCallers(t *testing.T, binary, url string, processes, goroutines, keys int) *callers {
	t.Helper()
	c := &callers{t: t, keys: keys, starts: map[string]int{}, values: map[string]string{}}
	for range processes {
		cmd := exec.Command(binary, url, strconv.Itoa(goroutines), strconv.Itoa(keys))
		c.processes = append(c.processes, childOf(t, cmd, "calls everything"))
	}
	for _, p := range c.processes {
		p.expect("ready")
	}
	return c
}

func (c *callers) run() {
	c.t.Helper()
	for _, p := range c.processes {
		p.say("go")
	}
	for _, p := range c.processes {
		for line, ok := p.hear(); ok && line != "over"; line, ok = p.hear() {
			c.hear(strings.Fields(line))
		}
		p.wait()
	}
}

func (c *callers) hear(words []string) {
	c.t.Helper()
	switch {
	case words[0] == "start":
		c.starts[words[1]]++
	case len(words) != 5 || words[3] != "<nil>" || words[4] != "<nil>":
		c.t.Errorf("a caller: %v", words)
	case c.values[words[1]] != "" && c.values[words[1]] != words[2]:
		c.t.Errorf("key %s has the values %s and %s", words[1], c.values[words[1]], words[2])
	default:
		c.values[words[1]] = words[2]
		c.answers++
	}
}

func (c *callers) executions() int {
	n := 0
	for _, starts := range c.starts {
		n += starts
	}
	return n
}

func (c *callers) check(callers int) {
	c.t.Helper()
	if len(c.starts) != c.keys || c.answers != callers*c.keys {
		c.t.Errorf("%d keys started, want %d; %d answers, want %d", len(c.starts), c.keys, c.answers, callers*c.keys)
	}
	for key, n := range c.starts {
		if n != 1 {
			c.t.Errorf("key %s: %d executions", key, n)
		}
	}
}
