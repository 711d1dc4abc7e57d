//go:build !unix

package servertest

import "testing"

// Shared is m: there are no servers to share here.
func Shared(m *testing.M) interface{ Run() int } { return m }
