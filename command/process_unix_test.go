//go:build unix

package command

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprise-go/reprise"
)

// A listener calls a function once a stream has said something.
type listener struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	what string
	once sync.Once
	call func()
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(p)
	if strings.Contains(l.buf.String(), l.what) {
		l.once.Do(l.call)
	}
	return len(p), nil
}

func (l *listener) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// during runs a command and does something when it has said "ready".
func (r *rig) during(s *Spec, do func(signals chan<- os.Signal, cancel func())) (Result, string, error) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	signals := make(chan os.Signal, 4)
	out := &listener{what: "ready", call: func() { do(signals, cancel) }}
	res, err := r.Run(ctx, s, IO{Stdout: out, Signals: signals})
	return res, out.String(), err
}

// patient is a script that says it is ready and then waits to be ended. The
// wait of sh, unlike its other commands, a trap interrupts.
const patient = "echo $$ > group; sleep 1000 >/dev/null 2>&1 & echo ready; wait"

func (r *rig) group() int {
	d := desk{t: r.t, dir: r.dir}
	return d.number("group")
}

// Each signal reaches the command, and what it does with it is its own affair.
func TestSignalsArePassedOn(t *testing.T) {
	for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGCONT} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			r := newRig(t, nil)
			name := strings.TrimPrefix(unix.SignalName(sig), "SIG")
			s := r.sh("trap 'echo got " + name + "; exit 0' " + name + "; " + patient)
			res, out, err := r.during(s, func(signals chan<- os.Signal, _ func()) { signals <- sig })
			if err != nil || res.ExitCode != 0 || res.Signal != 0 || !strings.Contains(out, "got "+name) {
				t.Errorf("%+v, %q, %v", res, out, err)
			}
			asks := asksToEnd(sig)
			if stored := res.Outcome == reprise.Populated; stored == asks {
				t.Errorf("outcome %v, %v: what was told to end must not be stored, what was not must", res.Outcome, res.Err)
			}
		})
	}
}

// A signal while no command runs ends the call, as it would end a program.
func TestSignalsBeforeTheCommand(t *testing.T) {
	r := newRig(t, nil)
	signals := make(chan os.Signal, 1)
	s := r.sh("echo no")
	s.Stdin = true
	in, w := io.Pipe()
	defer w.Close()
	go func() {
		_, _ = w.Write([]byte("x")) // it reads now
		signals <- unix.SIGTERM
	}()
	time.AfterFunc(30*time.Second, func() { _ = w.Close() })
	res, err := r.Run(t.Context(), s, IO{Stdin: readOnce{in, w, signals}, Signals: signals})
	if err != nil || res.ExitCode != 143 || res.Signal != 15 || res.Ran {
		t.Errorf("%+v, %v", res, err)
	}
}

// readOnce is a reader that ends when the signal has been taken.
type readOnce struct {
	io.Reader
	w       *io.PipeWriter
	signals chan os.Signal
}

func (r readOnce) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	for len(r.signals) > 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // until it has come into effect; nothing fails where not
	_ = r.w.Close()
	return n, err
}

// Time-outs tell the command to end, and kill it where it does not listen.
func TestTimeout(t *testing.T) {
	for name, script := range map[string]string{"ends": patient, "listens": "trap 'exit 3' TERM; " + patient, "deaf": "trap '' TERM; echo $$ > group; echo ready; while :; do sleep 0.01; done"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, &Options{Grace: 100 * time.Millisecond})
			s := r.sh(script)
			s.Timeout, s.CacheFailures = 300*time.Millisecond, true
			got := r.run(s)
			if !got.TimedOut || got.ExitCode != ExitTimeout || got.Outcome != reprise.Failed {
				t.Errorf("%+v", got.Result)
			}
			group := r.group()
			soon(t, "the group ends", func() bool { return groupGone(group) })
			if _, err := r.Peek(t.Context(), s, IO{}); !errors.Is(err, reprise.ErrMiss) {
				t.Errorf("a run that was cut short is stored: %v", err)
			}
		})
	}
}

// A ctx that ends ends the command before Run returns.
func TestCancel(t *testing.T) {
	r := newRig(t, nil)
	s := r.sh(patient)
	res, _, err := r.during(s, func(_ chan<- os.Signal, cancel func()) { cancel() })
	if !errors.Is(err, context.Canceled) || !res.Ran {
		t.Errorf("%+v, %v", res, err)
	}
	if group := r.group(); !groupGone(group) {
		t.Errorf("group %d goes on", group)
	}
	if _, err := r.Peek(t.Context(), s, IO{}); !errors.Is(err, reprise.ErrMiss) {
		t.Errorf("a run that was cut short is stored: %v", err)
	}
}

// A run whose lease was lost goes on: its result is refused, and its caller
// wants it all the same.
func TestLostLease(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var out bytes.Buffer
	ran := task{
		path: "/bin/sh", args: []string{"sh", "-c", "echo ready; sleep 0.1; echo end"}, dir: t.TempDir(), grace: time.Millisecond, linger: time.Second,
		take: func(_ int, b []byte) error {
			cancel(reprise.ErrLeaseLost)
			out.Write(b)
			return nil
		},
	}
	end, err := ran.run(ctx)
	if err != nil || end.code != 0 || end.signal != 0 || out.String() != "ready\nend\n" {
		t.Errorf("%+v, %q, %v", end, out.String(), err)
	}
}

// What a command leaves in the background may finish what it writes, and is
// killed where it does not let go of the streams.
func TestBackground(t *testing.T) {
	r := newRig(t, nil)
	quick := r.sh("{ sleep 0.2; echo late; } & echo early")
	if got := r.run(quick).ran(t); got.out != "early\nlate\n" {
		t.Errorf("%q", got.out)
	}
	r.run(quick).hit(t)

	r = newRig(t, &Options{Linger: 50 * time.Millisecond})
	holds := r.sh("echo $$ > group; sleep 1000 & echo done")
	got := r.run(holds).unstored(t, reprise.NotKept, "left processes behind")
	if got.out != "done\n" || got.ExitCode != 0 {
		t.Errorf("%+v", got)
	}
	group := r.group()
	soon(t, "the group ends", func() bool { return groupGone(group) })

	silent := r.sh("echo $$ > group; sleep 1000 >/dev/null 2>&1 & echo done")
	r.run(silent).ran(t)
	group = r.group()
	soon(t, "the group ends", func() bool { return groupGone(group) })
}

// Who has left the group and holds the streams is left alone, and nobody waits
// for him.
func TestBackgroundThatLeft(t *testing.T) {
	if _, err := os.Stat("/usr/bin/setsid"); err != nil {
		t.Skip("there is no setsid")
	}
	r := newRig(t, &Options{Linger: 50 * time.Millisecond})
	s := r.sh("setsid sh -c 'echo $$ > group; exec sleep 1000' & while [ ! -s group ]; do sleep 0.01; done; echo done")
	if got := r.run(s).unstored(t, reprise.NotKept, "left processes behind"); got.out != "done\n" {
		t.Errorf("%q", got.out)
	}
	if err := syscall.Kill(r.group(), syscall.SIGKILL); err != nil {
		t.Errorf("the one who left is gone: %v", err)
	}
}

// A reader who leaves ends the command as it would without reprise.
func TestBrokenStream(t *testing.T) {
	r := newRig(t, nil)
	s := r.sh("while echo y; do :; done")
	res, err := r.Run(t.Context(), s, IO{Stdout: failing{}})
	if err != nil || res.Outcome == reprise.Populated || res.ExitCode != 128+int(unix.SIGPIPE) && res.Err == nil {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err := r.Peek(t.Context(), s, IO{}); !errors.Is(err, reprise.ErrMiss) {
		t.Error(err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, unix.EPIPE }

// A command has no terminal and, unless asked for, no input.
func TestNoTerminal(t *testing.T) {
	r := newRig(t, nil)
	if got := r.run(r.sh("cat; (: < /dev/tty) 2>/dev/null && echo tty || echo none")); got.out != "none\n" {
		t.Errorf("%q", got.out)
	}
}

// Exit codes of what does not start are those of shells.
func TestNotStarted(t *testing.T) {
	r := newRig(t, nil)
	r.write("plain", "echo hi\n")
	r.write("noline", "echo hi\n")
	r.write("badline", "#!/no/such/interpreter\n")
	r.write("bin/echo", "not to be executed")
	for _, name := range []string{"noline", "badline"} {
		if err := os.Chmod(filepath.Join(r.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		program, path string
		code          int
		text          string
	}{
		{"no-such-program", "/usr/bin:/bin", ExitNotFound, "command not found"},
		{"plain", "/usr/bin:/bin", ExitNotFound, "command not found"},
		{"./missing", "", ExitNotFound, "no such program"},
		{"./plain", "", ExitNotExecutable, "may not be executed"},
		{"./noline", "", ExitNotExecutable, "exec format error"},
		{"./badline", "", ExitNotExecutable, "interpreter"},
		{".", "", ExitNotFound, "command not found"},
		{"./bin", "", ExitNotExecutable, "directory"},
		{"echo", r.dir + "/bin", ExitNotExecutable, "may not be executed"},
		{"", "", ExitFailure, "empty"},
	} {
		s := &Spec{Args: []string{c.program}, Dir: r.dir, Name: "n", Environ: []string{"PATH=" + c.path}}
		_, err := r.try(t.Context(), s, IO{})
		own(t, err, c.code, c.text)
	}
	_, err := r.try(t.Context(), &Spec{Args: []string{"echo"}, Dir: r.dir + "/none"}, IO{})
	own(t, err, ExitFailure, "working directory")
	// A relative entry of PATH is relative to where the command runs.
	if err := os.Chmod(filepath.Join(r.dir, "bin/echo"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.write("bin/echo", "#!/bin/sh\necho own\n")
	got := r.run(&Spec{Args: []string{"echo", "x"}, Dir: r.dir, Environ: []string{"PATH=bin"}})
	if got.out != "own\n" {
		t.Errorf("%q", got.out)
	}
}
