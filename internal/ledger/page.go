package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Where pages are: an execution store that no program can name, for programs'
// collections are not called so.
const (
	Collection = "reprise"
	Name       = "ledger"
	Codec      = "json" // of the sealed value
)

// Keep is how long a page is kept after it was written last.
const Keep = 90 * Day

// Day is the span of merged pages.
const Day = 24 * time.Hour

// Page is what Writer counted from Start on, for Span.
type Page struct {
	Start     time.Time     `json:"start"` // in the store's clock, UTC
	Span      time.Duration `json:"span"`  // nanoseconds: an hour, or a day
	Writer    string        `json:"writer"`
	Functions []Function    `json:"functions"`
	// Includes marks the pages that were merged into this one: the first eight
	// bytes of their keys, in hexadecimal. Whoever adds pages up leaves these
	// out, whether they are still there or were written again.
	Includes []string `json:"includes,omitempty"`
}

// Function is a cached function and its counts.
type Function struct {
	Collection string `json:"collection"`
	Name       string `json:"name"`
	Counts
}

// Of returns the page's counts of a function, to be added to.
func (p *Page) Of(collection, name string) *Counts {
	i, found := slices.BinarySearchFunc(p.Functions, Function{Collection: collection, Name: name}, func(a, b Function) int {
		return cmp.Or(strings.Compare(a.Collection, b.Collection), strings.Compare(a.Name, b.Name))
	})
	if !found {
		p.Functions = slices.Insert(p.Functions, i, Function{Collection: collection, Name: name})
	}
	return &p.Functions[i].Counts
}

// Add adds the counts of o to p.
func (p *Page) Add(o *Page) {
	for i := range o.Functions {
		f := &o.Functions[i]
		p.Of(f.Collection, f.Name).Add(&f.Counts)
	}
}

// Entry is the name of the page in its execution store. Names sort by time.
func (p *Page) Entry() string {
	return fmt.Sprintf("%s %s %s", p.Start.UTC().Format(time.RFC3339), p.Span, p.Writer)
}

// Key is the key of the page in the store.
func (p *Page) Key() store.Key { return sha256.Sum256([]byte("reprise ledger 1\x00" + p.Entry())) }

// Mark stands for the page with a key in Includes.
func Mark(key store.Key) string { return hex.EncodeToString(key[:8]) }

// Encode gives the page's bytes, to be sealed under Key with Codec.
func (p *Page) Encode() ([]byte, error) { return json.Marshal(p) }

// Decode reads what Encode wrote. The bytes may be anybody's.
func Decode(b []byte) (*Page, error) {
	var p Page
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if p.Span <= 0 || p.Start.IsZero() {
		return nil, errors.New("ledger: a page without a time")
	}
	sorted := Page{Start: p.Start, Span: p.Span, Writer: p.Writer, Includes: p.Includes}
	sorted.Add(&p) // whatever order it came in
	return &sorted, nil
}

// Record is the page as an entry of the store, without its value. It is put as
// of the number begun by PutPublish, which takes no number of its own: nobody's
// memory is disturbed.
func (p *Page) Record(begun uint64) *store.Record {
	return &store.Record{
		Key: p.Key(), Begun: begun, TTL: Keep, Policy: store.Persist,
		Labels: store.Labels{Kind: store.KindEntry, Collection: Collection, Function: Name, Entry: p.Entry()},
	}
}

// Query selects all pages that start in the given hour, day, month or year: a
// prefix of RFC 3339, "" for all.
func Query(prefix string) store.Query {
	kind, collection, name := store.KindEntry, Collection, Name
	return store.Query{Kind: &kind, Collection: &collection, Function: &name, EntryPrefix: prefix}
}
