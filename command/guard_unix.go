//go:build unix

package command

import (
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// A guard kills the command's group where this process is killed itself and
// cannot. It is a shell that reads a pipe of ours: the group, and then a line
// when all is well; an end of the pipe without that line says that we are gone.
// Without a shell there is no guard.
type guard struct {
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

// dash takes the group in no other form.
const guardScript = `read -r g && { read -r _ || kill -KILL "-$g"; }`

func newGuard() *guard {
	cmd := exec.Command("/bin/sh", "-c", guardScript)
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	return &guard{pipe, cmd}
}

// watch names the group.
func (g *guard) watch(group int) {
	if g != nil {
		_, _ = io.WriteString(g.pipe, strconv.Itoa(group)+"\n")
	}
}

// end sends the guard away.
func (g *guard) end() {
	if g == nil {
		return
	}
	_, _ = io.WriteString(g.pipe, "\n\n")
	_ = g.pipe.Close()
	_ = g.cmd.Wait()
}
