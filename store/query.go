package store

import "time"

// Query selects entries. Each non-nil or non-zero field narrows it; the zero
// Query selects everything.
type Query struct {
	Key           *Key
	Kind          *Kind
	Collection    *string
	Function      *string
	Dataset       *string
	Version       *string
	Tag           *string
	EntryPrefix   string    // entries of execution stores whose name begins so
	CreatedBefore time.Time // in the store's clock
	Policy        *Policy

	All       bool // also expired and hidden entries that are still on the medium
	Manifests bool // List fills Record.Manifest

	Order  Order
	Limit  int    // entries per page; 0 means 1,000, which is also the most; negative is ErrBadQuery
	Cursor string // Page.Next of the page before, from the same query
}

// Order is how List sorts.
type Order uint8

const (
	// ByKey sorts by key: cheap to page through, and no meaning.
	ByKey Order = iota
	// NewestFirst sorts by Created, descending, then key.
	NewestFirst
	// ByEntry sorts by Labels.Entry as bytes, then key.
	ByEntry
)

// Page is one page of a List. Next is empty on the last page. Entries that
// exist throughout the paging are listed exactly once; ones that come and go
// meanwhile, or are replaced, may or may not be.
type Page struct {
	Records []Record
	Next    string
}
