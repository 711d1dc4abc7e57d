package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

func TestMain(m *testing.M) {
	if play := os.Getenv("COMMAND_TEST_PLAY"); play != "" {
		os.Exit(plays[play](os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// plays are what this binary does as a child.
var plays = map[string]func(args []string) int{}

// A rig is a runner over a store of its own, and a directory to run in.
type rig struct {
	*Runner
	t   *testing.T
	dir string
}

func newRig(t *testing.T, o *Options) *rig {
	t.Helper()
	return rigOver(t, memstore.New(nil), o)
}

func rigOver(t *testing.T, s store.Store, o *Options) *rig {
	t.Helper()
	cache, err := reprise.New(s, &reprise.Config{LedgerInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	})
	if o == nil {
		o = &Options{}
	}
	if o.StateDir == "" {
		o.StateDir = t.TempDir()
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &rig{New(cache, s, o), t, dir}
}

// sh is a Spec that runs a script.
func (r *rig) sh(script string) *Spec { return &Spec{Args: []string{"sh", "-c", script}, Dir: r.dir} }

// said is what a call gave.
type said struct {
	Result
	all      string // both streams in the order of their chunks, as "1:…" and "2:…"
	out, err string
}

// both is a writer for two streams that keeps their order.
type both struct {
	mu          sync.Mutex
	all         strings.Builder
	out, errors bytes.Buffer
	last        int
}

type one struct {
	b      *both
	stream int
}

func (o one) Write(p []byte) (int, error) {
	o.b.mu.Lock()
	defer o.b.mu.Unlock()
	if o.b.last != o.stream {
		o.b.all.WriteString([]string{"", "1:", "2:"}[o.stream])
		o.b.last = o.stream
	}
	o.b.all.Write(p)
	if o.stream == 1 {
		return o.b.out.Write(p)
	}
	return o.b.errors.Write(p)
}

func (r *rig) run(s *Spec) said {
	r.t.Helper()
	got, err := r.try(r.t.Context(), s, IO{})
	if err != nil {
		r.t.Fatalf("%q: %v", s.Args, err)
	}
	return got
}

func (r *rig) try(ctx context.Context, s *Spec, io IO) (said, error) {
	var b both
	io.Stdout, io.Stderr = one{&b, 1}, one{&b, 2}
	res, err := r.Run(ctx, s, io)
	return said{res, b.all.String(), b.out.String(), b.errors.String()}, err
}

// ran and hit say what a call must have been.
func (s said) ran(t *testing.T) said {
	t.Helper()
	if !s.Ran || s.Outcome != reprise.Populated {
		t.Errorf("outcome %v (%v, %v), ran %t; want a run that is stored", s.Outcome, s.Reason, s.Err, s.Ran)
	}
	return s
}

func (s said) hit(t *testing.T) said {
	t.Helper()
	if s.Ran || s.Outcome != reprise.HitStore {
		t.Errorf("outcome %v (%v, %v), ran %t; want a hit", s.Outcome, s.Reason, s.Err, s.Ran)
	}
	return s
}

func (s said) unstored(t *testing.T, why reprise.Reason, text string) said {
	t.Helper()
	if !s.Ran || s.Outcome != reprise.PutFailed || s.Reason != why || s.Err == nil || !strings.Contains(s.Err.Error(), text) {
		t.Errorf("outcome %v (%v, %v), ran %t; want a run that is not stored: %v, %q", s.Outcome, s.Reason, s.Err, s.Ran, why, text)
	}
	return s
}

// write makes a file in the rig's directory, old enough to be remembered.
func (r *rig) write(name, content string) {
	r.t.Helper()
	p := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// own is the error of this package with a code.
func own(t *testing.T, err error, code int, text string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (code %d); want code %d and %q", err, codeOf(e), code, text)
	}
}

func codeOf(e *Error) int {
	if e == nil {
		return -1
	}
	return e.Code
}

// soon waits for a condition that somebody else brings about.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// torture asks for the large size of tests.
func torture() bool { return os.Getenv("REPRISE_TORTURE") == "1" }

// stacks writes what all goroutines do.
func stacks(buf []byte) int { return runtime.Stack(buf, true) }
