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
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
