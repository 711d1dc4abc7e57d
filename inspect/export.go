package inspect

import (
	"context"
	"errors"
	"io"
)

// Exported says what went into a bundle.
type Exported struct {
	Counts
	Blobs   int `json:"blobs"`   // of Entries: output files that recorded runs refer to
	Scoped  int `json:"scoped"`  // of Entries: tied to a user, operator, prompt or token
	Skipped int `json:"skipped"` // damaged entries, which were left out
}

// Imported says what became of a bundle's entries.
type Imported struct {
	Counts      // that were stored
	Read    int `json:"read"`    // entries in the bundle, as far as it was read
	Present int `json:"present"` // the store has a live entry under the key
	Expired int `json:"expired"`
	Cleared int `json:"cleared"` // the store remembers a clear of the key, or of a label
	Refused int `json:"refused"` // too large for this store
	Scoped  int `json:"scoped"`  // of those stored: see Foreign
	// Foreign is true where the bundle comes from another store. Its scoped
	// entries are found only by caches that use the same Config.Secret.
	Foreign bool `json:"foreign"`
}

// ImportOptions change an Import. Nil is the zero value.
type ImportOptions struct {
	// Cleared also imports entries that this store remembers to have been
	// cleared: for a bundle from elsewhere that was made after the clear.
	Cleared bool
}

// Export writes the live entries that s selects as a bundle; docs/bundle.md
// specifies it. Nothing that s selects is left out but what is damaged. The
// bundle holds values and previews of inputs as the store has them. An error
// comes with what was written so far, which is no bundle.
func (i *Inspector) Export(ctx context.Context, w io.Writer, s Selection) (Exported, error) {
	return Exported{}, errors.ErrUnsupported
}

// Import stores the entries of a bundle. Each entry is checked before it is
// stored; the first that fails ends the import with ErrBundle, as does a bundle
// without its end, and the result says what had been stored. Importing again
// does no harm.
//
// An entry keeps its labels, cost, manifest and the moment at which it expires. It is not stored where
// the store has a live entry under its key, nor where the store remembers that
// it was cleared.
func (i *Inspector) Import(ctx context.Context, r io.Reader, o *ImportOptions) (Imported, error) {
	return Imported{}, errors.ErrUnsupported
}
