//go:build unix && !linux

package command

import "syscall"

func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// waitExit waits for the end.
func (p *process) waitExit() {
	p.state, _ = p.p.Wait()
	if p.state != nil {
		ws, ok := p.state.Sys().(syscall.WaitStatus)
		p.signaled = ok && ws.Signaled()
	}
}
