package inspect

import (
	"context"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
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
// throughout the paging are listed once. A page may have fewer entries than
// asked for, and still not be the last.
type Page struct {
	Entries []Entry   `json:"entries"`
	Next    string    `json:"next,omitempty"`
	Now     time.Time `json:"now"` // the store's clock
}

const (
	defaultPage = 100
	maxPage     = 1000
)

// Entries lists a page of entries: live ones unless All is set.
func (i *Inspector) Entries(ctx context.Context, q Query) (Page, error) {
	sq, err := q.query()
	if err != nil {
		return Page{}, wrap("entries", err)
	}
	p, err := i.entries(ctx, sq, q.Parts)
	return p, wrap("entries", err)
}

// entries reads pages until one has something to show.
func (i *Inspector) entries(ctx context.Context, q store.Query, withParts bool) (Page, error) {
	info, err := i.store.Info(ctx)
	if err != nil {
		return Page{}, err
	}
	p := Page{Now: info.Now, Entries: []Entry{}}
	var gens generations // what is listed without All is live
	if q.All {
		if gens, err = i.generations(ctx); err != nil {
			return Page{}, err
		}
	}
	err = i.pages(ctx, q, func(page *store.Page) error {
		for r := range page.Records {
			if !reserved(&page.Records[r].Labels) {
				p.add(&page.Records[r], gens, withParts)
			}
		}
		p.Next = page.Next
		if len(p.Entries) > 0 {
			return errEnough
		}
		return nil
	})
	return p, err
}

func (p *Page) add(rec *store.Record, gens generations, withParts bool) {
	state := Live
	if gens != nil {
		state = gens.state(rec, p.Now)
	}
	e := entryOf(rec, state, p.Now)
	if withParts {
		var err error
		if e.Parts, err = partsOf(rec); err != nil {
			e.Problem = err.Error()
		}
		e.Scoped = scoped(e.Parts)
	}
	p.Entries = append(p.Entries, e)
}

// query is q for the store.
func (q *Query) query() (store.Query, error) {
	sq, err := q.Filter.query()
	if err != nil {
		return sq, err
	}
	sq.EntryPrefix, sq.CreatedBefore, sq.All, sq.Manifests, sq.Cursor = q.EntryPrefix, q.CreatedBefore, q.All, q.Parts, q.Cursor
	switch q.Order {
	case "", ByKey:
	case NewestFirst:
		sq.Order = store.NewestFirst
	case ByEntry:
		sq.Order = store.ByEntry
	default:
		return sq, fmt.Errorf("order %q: want %q, %q or %q", q.Order, ByKey, NewestFirst, ByEntry)
	}
	if q.Limit < 0 {
		return sq, fmt.Errorf("limit %d: want 1 to %d, or 0 for %d", q.Limit, maxPage, defaultPage)
	}
	if sq.Limit = min(q.Limit, maxPage); sq.Limit == 0 {
		sq.Limit = defaultPage
	}
	return sq, nil
}

// query is f for the store. reprise's own collection selects nothing.
func (f *Filter) query() (store.Query, error) {
	var q store.Query
	switch f.Kind {
	case "":
	case FunctionKind:
		q.Kind = new(store.KindFunction)
	case EntryKind:
		q.Kind = new(store.KindEntry)
	default:
		return q, fmt.Errorf("kind %q: want %q or %q", f.Kind, FunctionKind, EntryKind)
	}
	if f.Collection == ledger.Collection {
		return q, fmt.Errorf("%w: the collection %q is reprise's own", ErrSelection, ledger.Collection)
	}
	for _, s := range []struct {
		value string
		field **string
	}{
		{f.Collection, &q.Collection}, {f.Function, &q.Function}, {f.Dataset, &q.Dataset}, {f.Version, &q.Version}, {f.Tag, &q.Tag},
	} {
		if s.value != "" {
			*s.field = new(s.value)
		}
	}
	return q, nil
}
