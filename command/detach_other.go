//go:build !unix

package command

import (
	"os"
	"syscall"
)

const canLock = false

func detached() *syscall.SysProcAttr { return nil }

func lock(*os.File) bool { return true }

// AdoptDetached does nothing on this system.
func AdoptDetached() {}
