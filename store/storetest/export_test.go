package storetest

import "time"

// SetPatience shortens the waits of checks that are expected to fail.
func SetPatience(d time.Duration) { patience = d }
