//go:build unix

package command

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const canLock = true

func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// lock takes a lock that ends with the last process that has the file open.
func lock(f *os.File) bool { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil }

// AdoptDetached is called at the start of a program that Detach may have
// started, before it starts others: the mark of the refresh is then held by
// this process alone.
func AdoptDetached() {
	if os.Getenv(detachedMark) == "3" {
		unix.CloseOnExec(3)
	}
	_ = os.Unsetenv(detachedMark)
}
