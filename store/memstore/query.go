package memstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reprise-go/reprise/store"
)

// pageSize is the default and the largest Query.Limit.
const pageSize = 1000

// ctxEvery is how many entries a scan visits between looks at its context.
const ctxEvery = 1024

// List implements store.Store. Each page costs a look at every entry.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	after, err := checkQuery(&q)
	if err != nil {
		return store.Page{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Page{}, err
	}
	defer s.mu.Unlock()
	var found []*entry
	err = s.scan(ctx, &q, func(e *entry) {
		if after == nil || compare(q.Order, placeOf(e), *after) > 0 {
			found = append(found, e)
		}
	})
	if err != nil {
		return store.Page{}, err
	}
	slices.SortFunc(found, func(a, b *entry) int { return compare(q.Order, placeOf(a), placeOf(b)) })
	return page(&q, found), nil
}

// page copies the first entries of found.
func page(q *store.Query, found []*entry) store.Page {
	var p store.Page
	if len(found) > q.Limit {
		found = found[:q.Limit]
		p.Next = encodeCursor(q, placeOf(found[q.Limit-1]))
	}
	p.Records = make([]store.Record, len(found))
	for i, e := range found {
		p.Records[i] = copyOf(&e.rec, false, q.Manifests)
	}
	return p
}

// Count implements store.Store.
func (s *Store) Count(ctx context.Context, q store.Query) (store.Totals, error) {
	if err := s.enter(ctx); err != nil {
		return store.Totals{}, err
	}
	defer s.mu.Unlock()
	var t store.Totals
	err := s.scan(ctx, &q, func(e *entry) {
		t.Entries++
		t.Bytes += e.rec.Size
		t.Cost += e.rec.Cost
	})
	return t, err
}

// Purge implements store.Store. Where ctx ends early, what was freed so far
// stays freed and counted.
func (s *Store) Purge(ctx context.Context, q store.Query) (int, error) {
	if !selects(&q) {
		return 0, fmt.Errorf("memstore: purge: the query selects everything: %w", store.ErrBadQuery)
	}
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	q.All = true
	live, now := 0, s.now()
	err := s.scan(ctx, &q, func(e *entry) {
		if s.live(e, now) {
			live++
		}
		s.remove(e.rec.Key)
	})
	return live, err
}

// scan calls f for every entry that q selects, in no order.
func (s *Store) scan(ctx context.Context, q *store.Query, f func(*entry)) error {
	n, now := 0, s.now()
	for _, e := range s.entries {
		if n++; n%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if matches(q, e) && (q.All || s.live(e, now)) {
			f(e)
		}
	}
	return nil
}

// matches tells whether every narrowing field of q agrees with e.
func matches(q *store.Query, e *entry) bool {
	r, l := &e.rec, &e.rec.Labels
	return is(q.Key, r.Key) && is(q.Kind, l.Kind) && is(q.Policy, r.Policy) &&
		is(q.Collection, l.Collection) && is(q.Function, l.Function) &&
		is(q.Dataset, l.Dataset) && is(q.Version, l.Version) &&
		(q.Tag == nil || slices.Contains(l.Tags, *q.Tag)) &&
		(q.EntryPrefix == "" || l.Kind == store.KindEntry && strings.HasPrefix(l.Entry, q.EntryPrefix)) &&
		(q.CreatedBefore.IsZero() || r.Created.Before(q.CreatedBefore))
}

// is tells whether got is wanted, or anything is.
func is[T comparable](want *T, got T) bool { return want == nil || *want == got }

// selects tells whether any field narrows q.
func selects(q *store.Query) bool {
	return q.Key != nil || q.Kind != nil || q.Collection != nil || q.Function != nil ||
		q.Dataset != nil || q.Version != nil || q.Tag != nil || q.EntryPrefix != "" ||
		!q.CreatedBefore.IsZero() || q.Policy != nil
}

// place is where an entry stands in a listing.
type place struct {
	Key     store.Key
	Created time.Time
	Entry   string
}

func placeOf(e *entry) place { return place{e.rec.Key, e.rec.Created, e.rec.Labels.Entry} }

// compare orders places as o says.
func compare(o store.Order, a, b place) int {
	c := 0
	switch o {
	case store.NewestFirst:
		c = b.Created.Compare(a.Created)
	case store.ByEntry:
		c = strings.Compare(a.Entry, b.Entry)
	}
	if c == 0 {
		c = slices.Compare(a.Key[:], b.Key[:])
	}
	return c
}
