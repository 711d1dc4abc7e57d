//go:build unix

package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

func init() { plays["run"] = playRun }

// playRun is what a program around this package does: it opens a database and
// runs the command that it is given, with signals passed on.
func playRun(args []string) int {
	ctx := context.Background()
	AdoptDetached()
	var s Spec
	if err := json.Unmarshal([]byte(args[2]), &s); err != nil {
		panic(err)
	}
	db, err := sqlitestore.Open(ctx, args[0], nil)
	if err != nil {
		panic(err)
	}
	cache, err := reprise.New(db, &reprise.Config{LedgerInterval: -1})
	if err != nil {
		panic(err)
	}
	signals, stop := Notify()
	defer stop()
	r := New(cache, db, &Options{StateDir: args[1]})
	res, err := r.Run(ctx, &s, IO{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Signals: signals})
	if err := cache.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "close:", err)
	}
	var own *Error
	if errors.As(err, &own) {
		fmt.Fprintln(os.Stderr, own, own.Hint)
		return own.Code
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	fmt.Fprintln(os.Stderr, "outcome", res.Outcome)
	return res.ExitCode
}

// A desk is a place where children run commands over one database.
type desk struct {
	t              *testing.T
	db, state, dir string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t, filepath.Join(dir, "cache.db"), filepath.Join(dir, "state"), filepath.Join(dir, "work")}
	if err := os.Mkdir(d.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

// A kid is a child that runs a command.
type kid struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner // of its standard output
	errs  strings.Builder
}

// start begins a child with a Spec, and with more variables.
func (d *desk) start(s Spec, env ...string) *kid {
	d.t.Helper()
	return d.startAs("run", s, env...)
}

func (d *desk) startAs(play string, s Spec, env ...string) *kid {
	d.t.Helper()
	s.Dir = d.dir
	spec, err := json.Marshal(s)
	if err != nil {
		d.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	k := &kid{t: d.t, cmd: exec.Command(self, d.db, d.state, string(spec))}
	k.cmd.Env = append(append(os.Environ(), "COMMAND_TEST_PLAY="+play), env...)
	k.cmd.Stderr = &k.errs
	out, err := k.cmd.StdoutPipe()
	if err == nil {
		err = k.cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	k.lines = bufio.NewScanner(out)
	return k
}

// until reads lines until one is what.
func (k *kid) until(what string) {
	k.t.Helper()
	for k.lines.Scan() {
		if k.lines.Text() == what {
			return
		}
	}
	k.t.Fatalf("no line %q; %s", what, k.errs.String())
}

// end reads the rest and waits. It gives the exit code, as a shell has it.
func (k *kid) end() int {
	k.t.Helper()
	for k.lines.Scan() {
	}
	err := k.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		k.t.Fatal(err)
	}
	if ws := k.cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return k.cmd.ProcessState.ExitCode()
}

// entries counts what the database has of commands.
func (d *desk) entries() int {
	d.t.Helper()
	db, err := sqlitestore.Open(d.t.Context(), d.db, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	collection := Collection
	n, err := db.Count(d.t.Context(), store.Query{Collection: &collection, All: true})
	if err != nil {
		d.t.Fatal(err)
	}
	return n.Entries
}

// number reads a number from a file that a command wrote.
func (d *desk) number(name string) int {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}
