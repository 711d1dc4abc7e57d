package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// counted is a Spec that notes each run outside of what counts.
func (r *rig) counted(script string) *Spec {
	r.t.Helper()
	return r.sh("printf x >> " + r.countFile() + "; " + script)
}

func (r *rig) countFile() string {
	return filepath.Join(filepath.Dir(r.dir), filepath.Base(r.dir)+".count")
}

// runs counts how often counted scripts ran.
func (r *rig) runs() int {
	b, err := os.ReadFile(r.countFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	return len(b)
}

func TestModes(t *testing.T) {
	r := newRig(t, nil)
	s := r.counted("echo hi; echo x > o")
	s.Outputs = []string{"o"}
	in := func(m reprise.Mode) *Spec { return with(s, func(s *Spec) { s.Mode = m }) }
	step := func(m reprise.Mode, want reprise.Outcome, runs int) {
		t.Helper()
		got := r.run(in(m))
		if got.Outcome != want || r.runs() != runs || got.out != "hi\n" || got.Err != nil {
			t.Errorf("mode %v: outcome %v (%v, %v) after %d runs; want %v after %d", m, got.Outcome, got.Reason, got.Err, r.runs(), want, runs)
		}
	}
	step(reprise.Off, reprise.Bypassed, 1)
	step(reprise.ReadOnly, reprise.Bypassed, 2)
	if n := r.pieces(nil); n != 0 {
		t.Errorf("%d pieces although nothing was to be stored", n)
	}
	step(reprise.Use, reprise.Populated, 3)
	step(reprise.ReadOnly, reprise.HitStore, 3)
	step(reprise.Refresh, reprise.Refreshed, 4)
	step(reprise.WriteOnly, reprise.Populated, 5)
	step(reprise.Off, reprise.Bypassed, 6)
	step(reprise.Use, reprise.HitStore, 6)
	// What the ctx says counts where the Spec says nothing.
	if got, err := r.try(reprise.WithMode(t.Context(), reprise.Off), s, IO{}); err != nil || got.Outcome != reprise.Bypassed {
		t.Errorf("%+v, %v", got, err)
	}
	// Without the cache nothing is looked at that only the cache needs.
	if got := r.run(with(in(reprise.Off), func(s *Spec) { s.Inputs = []string{"missing"} })); got.Outcome != reprise.Bypassed {
		t.Errorf("%+v", got)
	}
}

func TestTTLAndStale(t *testing.T) {
	r := newRig(t, nil)
	s := r.counted("echo hi")
	s.Stale = time.Nanosecond
	if got := r.run(s).ran(t); got.Stale {
		t.Error("a run is stale")
	}
	if got := r.run(s).hit(t); !got.Stale || got.Age <= 0 || got.Cost <= 0 || got.Created.IsZero() {
		t.Errorf("%+v", got.Result)
	}
	s.Stale = time.Hour
	if got := r.run(s).hit(t); got.Stale {
		t.Error("stale after less than an hour")
	}
	short := r.counted("echo short")
	short.TTL = time.Millisecond
	got := r.run(short).ran(t)
	soon(t, "it expires", func() bool { return time.Now().After(got.Expires) })
	if again := r.run(short); !again.Ran || again.Reason != reprise.Expired {
		t.Errorf("%+v", again)
	}
}

func TestScopesAndDatasets(t *testing.T) {
	r := newRig(t, nil)
	for_ := func(e reprise.Execution, scope reprise.Scope) *Spec {
		s := r.counted("echo hi")
		s.Execution, s.Scope = e, scope
		return s
	}
	ann, bob := reprise.Execution{User: "ann"}, reprise.Execution{User: "bob"}
	r.run(for_(ann, reprise.ByUser)).ran(t)
	r.run(for_(ann, reprise.ByUser)).hit(t)
	r.run(for_(bob, reprise.ByUser)).ran(t)
	if got := r.run(for_(reprise.Execution{}, reprise.ByUser)); got.Outcome != reprise.Skipped || got.Reason != reprise.ScopeMissing || !got.Ran {
		t.Errorf("%+v", got)
	}
	one, two := reprise.Execution{Dataset: "one"}, reprise.Execution{Dataset: "two"}
	r.run(for_(one, 0)).ran(t)
	r.run(for_(one, 0)).hit(t)
	r.run(for_(two, 0)).ran(t)
	if n, err := r.cache.DeleteDataset(t.Context(), "one"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	r.run(for_(one, 0)).ran(t)
	r.run(for_(two, 0)).hit(t)
}

func TestTags(t *testing.T) {
	r := newRig(t, nil)
	s := r.counted("echo hi")
	s.Tags = []string{"b", "a"}
	r.run(s).ran(t)
	if n, err := r.cache.InvalidateTag(t.Context(), "a"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	r.run(s).ran(t)
}

// Identical calls at a time share one run, and each gets all of it. The one who
// leaves takes nothing from the others.
func TestCallsThatJoin(t *testing.T) {
	r := newRig(t, nil)
	s := r.counted("echo out; echo err >&2; while [ ! -e go ]; do sleep 0.01; done; echo x > o; echo end; [ ! -e fail ]")
	s.Outputs = []string{"o"}
	for _, fails := range []bool{false, true} {
		_ = os.Remove(filepath.Join(r.dir, "go"))
		if fails {
			s = with(s, func(s *Spec) { s.Salt = "failing" })
			r.write("fail", "")
		}
		before := r.runs()
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		gone := make(chan error, 1)
		go func() {
			_, err := r.try(ctx, s, IO{})
			gone <- err
		}()
		soon(t, "the run begins", func() bool { return r.runs() > before })
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				got := r.run(s)
				if got.all != "1:out\n2:err\n1:end\n" || (got.ExitCode != 0) != fails {
					t.Errorf("%+v", got)
				}
			})
		}
		soon(t, "the others join", func() bool { return joined(r) >= 5 })
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who leaves gets %v", err)
		}
		r.write("go", "")
		wg.Wait()
		if n := r.runs() - before; n != 1 {
			t.Errorf("%d runs", n)
		}
	}
}

// joined counts goroutines that wait for a run of another call.
func joined(r *rig) int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:stacks(buf)]), "command.(*call).serve(") - 1
}

// A store that fails costs the cache, and nothing of the command.
func TestFailingStore(t *testing.T) {
	s, f := failingRig(t)
	boom := errors.New("boom")
	for _, m := range []storetest.Method{storetest.MethodGet, storetest.MethodPut} {
		f.Fail(m, 0, boom)
		spec := s.counted(fmt.Sprintf("echo hi %v; exit 0", m))
		spec.Outputs = nil
		got := s.run(spec)
		if got.ExitCode != 0 || !got.Ran || got.Err == nil || !strings.HasPrefix(got.out, "hi") || got.Outcome != reprise.LookupFailed && got.Outcome != reprise.PutFailed {
			t.Errorf("%+v", got)
		}
		f.Heal()
	}
	made := s.sh("echo x > o")
	made.Outputs = []string{"o"}
	f.Fail(storetest.MethodPut, 1, boom) // of the piece
	if got := s.run(made); !got.Ran || got.ExitCode != 0 || got.Outcome != reprise.PutFailed || !errors.Is(got.Err, boom) {
		t.Errorf("%+v", got)
	}
	f.Fail(storetest.MethodGet, 0, boom)
	closed := s.sh("echo hi > closed")
	closed.FailClosed = true
	_, err := s.try(t.Context(), closed, IO{})
	own(t, err, ExitFailure, "boom")
	if _, err := os.Stat(filepath.Join(s.dir, "closed")); err == nil {
		t.Error("the command ran")
	}
}

func failingRig(t *testing.T) (*rig, *storetest.Faulty) {
	t.Helper()
	f := storetest.NewFaulty(memstore.New(nil))
	return rigOver(t, f.Store(), nil), f
}

// A record that is damaged, or that is not for these outputs, is a miss that
// heals itself.
func TestDamagedRecords(t *testing.T) {
	r, f := failingRig(t)
	s := r.counted("echo hi")
	r.run(s).ran(t)
	f.CorruptValues(1, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	if got := r.run(s); !got.Ran || got.Reason != reprise.Corrupt || got.out != "hi\n" {
		t.Errorf("%+v", got)
	}
	r.run(s).hit(t)

	// Somebody files, under the key of a command, a run with other outputs.
	c, err := r.prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	fn, in, err := c.function(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	evil := Run{Outputs: []Output{{Path: "evil", Mode: 0o644, SHA256: emptySum}}}
	if err := fn.Set(t.Context(), in, evil); err != nil {
		t.Fatal(err)
	}
	if got := r.run(s); !got.Ran || got.out != "hi\n" {
		t.Errorf("%+v", got)
	}
	if _, err := os.Lstat(filepath.Join(r.dir, "evil")); err == nil {
		t.Error("an output that was not declared was restored")
	}
	r.run(s).hit(t)
}

var emptySum = digest{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}

// Links in the directory lead no replay out of it.
func TestRestoreThroughLinks(t *testing.T) {
	r := newRig(t, nil)
	outside := t.TempDir()
	s := r.counted("mkdir -p d; echo x > d/f")
	s.Outputs = []string{"d/f"}
	r.run(s).ran(t)
	r.wreck("d")
	if err := os.Symlink(outside, filepath.Join(r.dir, "d")); err != nil {
		t.Fatal(err)
	}
	got := r.run(s) // it cannot be replayed, so it runs
	if !got.Ran {
		t.Errorf("%+v", got)
	}
	if list, _ := os.ReadDir(outside); len(list) != 1 || list[0].Name() != "f" { // what the command itself did
		t.Errorf("%v", list)
	}
}

func TestRerun(t *testing.T) {
	r := newRig(t, nil)
	r.write("state", "1")
	r.write("in", "1")
	again := func(script string, change func(*Spec), then func()) Difference {
		t.Helper()
		r.write("state", "1")
		s := r.sh(script)
		s.Inputs, s.Outputs, s.Env, s.Salt, s.CacheFailures = []string{"in"}, []string{"o"}, []string{"HOME"}, "s", true
		if change != nil {
			change(s)
		}
		got, err := r.try(t.Context(), s, IO{Stdin: strings.NewReader("x")})
		if err != nil || got.Outcome != reprise.Populated {
			t.Fatalf("%+v, %v", got, err)
		}
		r.write("state", "2")
		if then != nil {
			then()
		}
		d, err := r.Rerun(t.Context(), got.Key)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for script, want := range map[string]Difference{
		"echo same > o; echo a; echo b >&2":             {},
		"echo x > o; exit $(cat state)":                 {What: "exit code", Offset: -1, Old: "1", New: "2"},
		"echo x > o; printf '12345%s789' $(cat state)":  {What: "stdout", Offset: 5, Old: "123451789", New: "123452789"},
		"echo x > o; cat state >&2":                     {What: "stderr", Offset: 0, Old: "1", New: "2"},
		"echo x > o; [ $(cat state) = 1 ] || echo more": {What: "stdout", Offset: 0, Old: "(end)", New: "more\n"},
		"echo x > o; if [ $(cat state) = 1 ]; then echo a; echo b >&2; else echo b >&2; echo a; fi": {What: "order", Offset: 0},
		"printf 'x%s' $(cat state) > o":                               {What: "output", Path: "o", Offset: 1, Old: "x1", New: "x2"},
		"echo x > o; [ $(cat state) = 1 ] || chmod 600 o":             {What: "output", Path: "o", Offset: -1, Old: "-rw-r--r-- 2 bytes, SHA-256 73cb3858…", New: "-rw------- 2 bytes, SHA-256 73cb3858…"},
		"rm -rf o; mkdir o; cp state o/$(cat state)":                  {What: "output", Path: "o/1", Offset: -1, Old: "-rw-r--r-- 1 bytes, SHA-256 6b86b273…", New: "(not made)"},
		"rm -rf o; mkdir o; : > o/1; [ $(cat state) = 1 ] || : > o/2": {What: "output", Path: "o/2", Offset: -1, Old: "(not made)", New: "-rw-r--r-- 0 bytes, SHA-256 e3b0c442…"},
		"rm -f o; ln -s $(cat state) o":                               {What: "output", Path: "o", Offset: -1, Old: "link to 1", New: "link to 2"},
		"rm -f o; head -c 9000000 /dev/zero > o; cat state >> o":      {What: "output", Path: "o", Offset: 9000000, Old: strings.Repeat("\x00", 20) + "1", New: strings.Repeat("\x00", 20) + "2"},
	} {
		r.wreck("o")
		if got := again(script, nil, nil); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", script, got, want)
		}
	}
	r.wreck("o")
	if d := again("echo x > o; cat", func(s *Spec) { s.Stdin = true }, nil); d.Skipped != skippedStdin {
		t.Errorf("%+v", d)
	}
	if d := again("echo x > o; : changed", nil, func() { r.write("in", "2") }); d.Skipped != skippedInputs {
		t.Errorf("%+v", d)
	}
	r.write("in", "1")
	if d := again("echo x > o; : gone", nil, func() { r.wreck("in") }); !strings.Contains(d.Skipped, "no such file") {
		t.Errorf("%+v", d)
	}
	_, err := r.Rerun(t.Context(), store.Key{})
	own(t, err, ExitFailure, "run again")
}
