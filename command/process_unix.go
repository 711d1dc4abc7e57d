//go:build unix

package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A process is a program that runs in a session, and so in a process group, of
// its own, with all it starts that does not leave it: signals reach all of it,
// and nothing of it reaches for the terminal.
type process struct {
	p     *os.Process
	pid   int // of the process and of its group
	pipes *pipes
	guard *guard
	state *os.ProcessState // of an end that waitExit took already

	signaled bool // a signal ended it; valid after waitExit
}

// start starts the program. It locks the goroutine to its thread until reap:
// the program is to end with its parent, and to the kernel that is the thread.
func (t *task) start() (p *process, err error) {
	p = new(process)
	if p.pipes, err = newPipes(); err != nil {
		return nil, failure("streams of %s: %w", t.args[0], err)
	}
	stdin := t.stdin
	if stdin == nil {
		if stdin, err = os.Open(os.DevNull); err != nil {
			p.pipes.closeWrites()
			p.pipes.close()
			return nil, failure("standard input of %s: %w", t.args[0], err)
		}
		defer stdin.Close()
	}
	p.guard = newGuard()
	runtime.LockOSThread()
	p.p, err = os.StartProcess(t.path, t.args, &os.ProcAttr{
		Dir: t.dir, Env: t.environ, Files: []*os.File{stdin, p.pipes.write[0], p.pipes.write[1]}, Sys: ownSession(),
	})
	p.pipes.closeWrites()
	if err != nil {
		runtime.UnlockOSThread()
		p.pipes.close()
		p.guard.end()
		return nil, t.notStarted(err)
	}
	p.pid = p.p.Pid
	p.guard.watch(p.pid)
	return p, nil
}

// notStarted says with the exit codes of shells why a program did not start.
func (t *task) notStarted(err error) *Error {
	if _, missing := os.Stat(t.dir); missing != nil {
		return failure("working directory: %w", missing)
	}
	e := &Error{Code: ExitNotExecutable, Err: fmt.Errorf("run %s: %w", t.args[0], cause(err))}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, there := os.Stat(t.path); there != nil {
			e.Code = ExitNotFound
			return e
		}
		e.Err = fmt.Errorf("run %s: the interpreter in its first line does not exist", t.args[0])
	case errors.Is(err, unix.ENOEXEC):
		return e.hint("a script begins with a line such as #!/bin/sh; other programs must be built for this machine")
	case errors.Is(err, unix.E2BIG):
		e.Code = ExitFailure
	}
	return e
}

// pass passes a signal on to the group, and reports whether it asks to end. A
// stop stops this process, too, after the group; both go on when this process
// gets CONT.
func (p *process) pass(sig os.Signal) bool {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return false
	}
	p.signal(s)
	if s == unix.SIGTSTP {
		// The kernel ignores it in a session without a terminal.
		p.signal(unix.SIGSTOP)
		// When we go on the signal for that is one to pass on. Sending it here
		// would be too early: this thread may run for a while yet.
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	}
	return asksToEnd(s)
}

func asksToEnd(sig os.Signal) bool {
	switch sig {
	case unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT:
		return true
	}
	return false
}

// signalNumber is n for the exit code 128+n.
func signalNumber(sig os.Signal) int {
	if s, ok := sig.(syscall.Signal); ok {
		return int(s)
	}
	return 0
}

// signal sends to all of the group.
func (p *process) signal(s syscall.Signal) { _ = unix.Kill(-p.pid, s) }

// end tells the group to end, also where it was stopped.
func (p *process) end() {
	p.signal(unix.SIGTERM)
	p.signal(unix.SIGCONT)
}

func (p *process) kill() { p.signal(unix.SIGKILL) }

// reap ends the process for good. Only now its number, and that of its group,
// may be used again.
func (p *process) reap() (code, signal int) {
	defer runtime.UnlockOSThread()
	state := p.state
	if state == nil {
		var err error
		if state, err = p.p.Wait(); err != nil {
			return ExitFailure, 0
		}
	}
	ws, ok := state.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return 128 + int(ws.Signal()), int(ws.Signal())
	}
	return state.ExitCode(), 0
}
