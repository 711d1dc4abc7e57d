package inspect

import (
	"context"
	"errors"
	"time"
)

// Filter narrows what is looked at. Empty fields do not narrow.
type Filter struct {
	Kind       string `json:"kind,omitempty"` // FunctionKind or EntryKind
	Collection string `json:"collection,omitempty"`
	Function   string `json:"function,omitempty"` // the exact name
	Dataset    string `json:"dataset,omitempty"`
	Version    string `json:"version,omitempty"`
	Tag        string `json:"tag,omitempty"`
}

// Order is how Entries sorts.
type Order string

// The orders.
const (
	ByKey       Order = "key"    // cheap to page through; the default
	NewestFirst Order = "newest" // by Created
	ByEntry     Order = "entry"  // by the key inside an execution store
)

// Query selects a page of entries.
type Query struct {
	Filter
	EntryPrefix   string    `json:"entry_prefix,omitempty"` // of execution stores' keys
	CreatedBefore time.Time `json:"created_before,omitzero"`
	All           bool      `json:"all,omitempty"`    // expired and hidden entries, too
	Parts         bool      `json:"parts,omitempty"`  // fill in Entry.Parts
	Order         Order     `json:"order,omitempty"`  // "" is ByKey
	Limit         int       `json:"limit,omitempty"`  // entries a page; 0: 100, at most 1,000
	Cursor        string    `json:"cursor,omitempty"` // Page.Next of the page before, of the same query
}

// Page is a page of entries. Next is empty on the last one. Entries that exist
// throughout the paging are listed once.
type Page struct {
	Entries []Entry   `json:"entries"`
	Next    string    `json:"next,omitempty"`
	Now     time.Time `json:"now"` // the store's clock
}

// Entries lists a page of entries: live ones unless All is set.
func (i *Inspector) Entries(ctx context.Context, q Query) (Page, error) {
	return Page{}, errors.ErrUnsupported
}
