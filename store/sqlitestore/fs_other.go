//go:build !linux

package sqlitestore

// networkFilesystem is known on Linux only.
func networkFilesystem(string) (name string, bad bool) { return "", false }
