package command

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownSession also has the program killed where this process is killed.
func ownSession() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// waitExit waits for the end and leaves the process for reap: its group can be
// killed safely as long as its number is taken.
func (p *process) waitExit() {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, p.pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			p.signaled = err == nil && info.Code != exitedByItself
			return
		}
	}
}

// exitedByItself is CLD_EXITED of the kernel.
const exitedByItself = 1
