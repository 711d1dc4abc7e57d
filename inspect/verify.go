package inspect

import (
	"context"
	"errors"
)

// Problem is something wrong with an entry, or with the store itself, where Key
// is empty.
type Problem struct {
	Key        string `json:"key,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Collection string `json:"collection,omitempty"`
	Function   string `json:"function,omitempty"`
	Entry      string `json:"entry,omitempty"`
	What       string `json:"what"`   // a word: "lost", "truncated", "checksum", "swapped", "signature", "format", …
	Detail     string `json:"detail"` // what was found
	Advice     string `json:"advice"` // what to do
}

// Report sums up a Verify.
type Report struct {
	Entries  int     `json:"entries"` // that were checked
	Bytes    int64   `json:"bytes"`
	Problems int     `json:"problems"`
	Stopped  bool    `json:"stopped,omitempty"` // f asked to stop
	Took     Seconds `json:"took_seconds"`
}

// Verify reads every entry, also those that are expired or hidden, and checks
// envelope, signature, manifest, encoding, and that a recorded run has its
// output files; and the store's own consistency, where the driver can tell. f
// is called for each problem, one call at a time; it returns false to stop.
func (i *Inspector) Verify(ctx context.Context, f func(Problem) bool) (Report, error) {
	return Report{}, errors.ErrUnsupported
}
