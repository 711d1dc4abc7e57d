//go:build unix

package command

import (
	"os"

	"golang.org/x/sys/unix"
)

// passedOn are the signals that a command gets in place of this process.
var passedOn = []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGTSTP, unix.SIGCONT, unix.SIGWINCH, unix.SIGUSR1, unix.SIGUSR2}

// stopSelf does what a stop would have done, had it not been asked for.
func stopSelf(sig os.Signal) {
	if sig == unix.SIGTSTP {
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	}
}
