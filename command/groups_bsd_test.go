//go:build unix && !linux

package command

import "syscall"

func groupGone(group int) bool { return syscall.Kill(-group, 0) != nil }
