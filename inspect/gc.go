package inspect

import (
	"context"
	"errors"
)

// Swept says what GC freed.
type Swept struct {
	Expired     int   `json:"expired"`
	Hidden      int   `json:"hidden"`
	Evicted     int   `json:"evicted"`      // to keep the quota
	Blobs       int   `json:"blobs"`        // pieces of output files that no recorded run refers to
	LedgerPages int   `json:"ledger_pages"` // of past days, merged into one a day
	Bytes       int64 `json:"bytes"`
}

// GC frees what nobody can see, evicts down to the quota, frees output files
// of commands to which no recorded run refers (where Options.References is
// set), and merges pages of the savings ledger that are older than a week. It
// may run anywhere, any number of times at once. An error comes with what was
// freed so far.
func (i *Inspector) GC(ctx context.Context) (Swept, error) {
	return Swept{}, errors.ErrUnsupported
}
