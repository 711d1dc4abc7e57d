//go:build !unix

package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A process is a program. This system has no process groups that package
// syscall knows: what the program starts itself is left alone.
type process struct {
	p     *os.Process
	pipes *pipes
	guard *guard
	state *os.ProcessState

	signaled bool
}

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
	p.p, err = os.StartProcess(t.path, t.args, &os.ProcAttr{
		Dir: t.dir, Env: t.environ, Files: []*os.File{stdin, p.pipes.write[0], p.pipes.write[1]},
	})
	p.pipes.closeWrites()
	if err != nil {
		p.pipes.close()
		e := &Error{Code: ExitNotExecutable, Err: fmt.Errorf("run %s: %w", t.args[0], err)}
		if errors.Is(err, fs.ErrNotExist) {
			e.Code = ExitNotFound
		}
		return nil, e
	}
	return p, nil
}

// guard: see guard_unix.go.
type guard struct{}

func (g *guard) end() {}

func (p *process) waitExit() { p.state, _ = p.p.Wait() }

// pass ends the program: signals cannot be passed on here.
func (p *process) pass(os.Signal) bool {
	p.kill()
	return true
}

func (p *process) end() { p.kill() }

func (p *process) kill() { _ = p.p.Kill() }

func (p *process) reap() (code, signal int) {
	if p.state == nil {
		return ExitFailure, 0
	}
	return p.state.ExitCode() & 255, 0
}

func asksToEnd(sig os.Signal) bool { return sig == os.Interrupt }

func signalNumber(sig os.Signal) int {
	if sig == os.Interrupt {
		return 2
	}
	return 0
}
