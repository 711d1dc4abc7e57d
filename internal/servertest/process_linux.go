package servertest

import "syscall"

// dieWithParent has the kernel end the process where a test program ends
// without its cleanup: a panic, a timeout, kill -9.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
