package reprise_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Some promises are about several processes. For those the test binary starts
// itself again as a child: an environment variable names a function that then
// runs instead of the tests. Parent and child talk in lines over the child's
// standard input and output.

const (
	childVar  = "REPRISE_TEST_CHILD"
	tortureIs = "REPRISE_TORTURE" // 1: the sizes of a nightly run
)

// children are what the test binary can be; filled before any init runs.
var children = make(map[string]func(args []string) error)

// asChild registers a child. It is called from package variables.
func asChild(name string, run func(args []string) error) struct{} {
	children[name] = run
	return struct{}{}
}

func init() {
	name := os.Getenv(childVar)
	if name == "" {
		return
	}
	run := children[name]
	if run == nil {
		run = func([]string) error { return fmt.Errorf("no child %q", name) }
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// tell writes one line to the parent.
func tell(format string, args ...any) { fmt.Fprintf(os.Stdout, format+"\n", args...) }

// told reads lines from the parent; closed when it has no more.
func told() <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	return lines
}

// torture is small by default and large in a nightly run.
func torture(small, large int) int {
	if os.Getenv(tortureIs) == "1" {
		return large
	}
	return small
}

// process is a child under way.
type process struct {
	tb     testing.TB
	cmd    *exec.Cmd
	out    *bufio.Scanner
	in     io.WriteCloser
	errs   bytes.Buffer
	ended  bool
	status error
}

// child starts this test binary as one of children.
func child(tb testing.TB, name string, args ...string) *process {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return childOf(tb, exec.Command(self, args...), name)
}

// childOf starts a command that runs a copy of this test binary.
func childOf(tb testing.TB, cmd *exec.Cmd, name string) *process {
	tb.Helper()
	p := &process{tb: tb, cmd: cmd}
	cmd.Env = append(os.Environ(), childVar+"="+name, "REPRISE_MODE=",
		"GORACE=atexit_sleep_ms=0") // else the race detector waits a second at the end
	cmd.Stderr = &p.errs
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		p.in, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 1<<20)
	tb.Cleanup(func() { p.kill() })
	return p
}

// hear is the child's next line; false where it has ended.
func (p *process) hear() (string, bool) {
	if p.out.Scan() {
		return p.out.Text(), true
	}
	return "", false
}

// expect reads the child's next line, which must begin so, and returns the
// rest.
func (p *process) expect(begin string) string {
	p.tb.Helper()
	line, ok := p.hear()
	rest, begins := strings.CutPrefix(line, begin)
	if !ok || !begins {
		p.end()
		p.tb.Fatalf("child said %q (ended: %t), want %q; its errors:\n%s", line, !ok, begin, p.errs.String())
	}
	return strings.TrimSpace(rest)
}

func (p *process) say(line string) {
	p.tb.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.end()
		p.tb.Fatalf("%v; the child's errors:\n%s", err, p.errs.String())
	}
}

// wait lets the child end by itself, and well.
func (p *process) wait() {
	p.tb.Helper()
	p.in.Close()
	for p.out.Scan() { // what nobody asked for
	}
	if err := p.reap(); err != nil {
		p.tb.Fatalf("child: %v; its errors:\n%s", err, p.errs.String())
	}
}

// kill ends the child as kill -9 does. It may have ended before.
func (p *process) kill() {
	if !p.ended {
		p.end()
	}
}

func (p *process) end() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Error(err)
	}
	for p.out.Scan() {
	}
	_ = p.reap() // it was killed
}

func (p *process) reap() error {
	if !p.ended {
		p.ended = true
		p.status = p.cmd.Wait()
	}
	return p.status
}

// signal sends the child a signal.
func (p *process) signal(s syscall.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Fatal(err)
	}
}
