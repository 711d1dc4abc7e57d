//go:build !linux

package command

const ordered = false
