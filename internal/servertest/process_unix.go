//go:build unix && !linux

package servertest

import "syscall"

// dieWithParent does nothing where the kernel cannot tell.
func dieWithParent(*syscall.SysProcAttr) {}
