package lease

import (
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

// Errors of this package. Compare with errors.Is.
var (
	// ErrLost means that the lease is held no longer, or can no longer be
	// trusted to be: another execution may be running. It wraps
	// store.ErrLeaseLost.
	ErrLost = fmt.Errorf("lease: lost, another execution may be running: %w", store.ErrLeaseLost)
	// ErrClosed is returned after Close, and is with ErrLost the cause that
	// cancels the contexts of leases which Close released.
	ErrClosed = errors.New("lease: closed")
)

// errSlow is a grant that took so long that nothing of it is left to trust.
var errSlow = errors.New("the store's answer took longer than the lease lasts; use a longer TTL")

// final errors do not go away by asking again.
var final = []error{
	store.ErrLeaseLost, store.ErrSuperseded, store.ErrTooLarge, store.ErrFull,
	store.ErrClosed, store.ErrCorrupt, store.ErrNewerSchema,
}

func isFinal(err error) bool {
	for _, f := range final {
		if errors.Is(err, f) {
			return true
		}
	}
	return false
}
