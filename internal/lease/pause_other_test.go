//go:build !unix

package lease_test

func becomePausedChild() bool { return false }
