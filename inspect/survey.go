package inspect

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// A survey finds out which functions, and which versions of them, have
// entries. The port lists entries, not functions; so a survey visits entries
// until the functions that it met have, by the store's own count, all that
// there are. A count is cheap where it selects whole functions, and functions
// with few entries are mostly known from the ledger or by being of the rarer
// kind. Small stores are visited whole.
type survey struct {
	i     *Inspector
	whole int  // up to so many entries are visited one by one
	ages  bool // newest entries are looked for, whatever it costs
	fns   map[functionKey]*Function
}

type functionKey struct {
	kind       store.Kind
	collection string
	name       string
}

// visitWhole is where counting begins to be cheaper than visiting.
const visitWhole = 5000

func (i *Inspector) survey(ctx context.Context, f Filter, hints []functionKey) (*survey, error) {
	s := &survey{i: i, whole: i.whole, ages: f.Function != "", fns: map[functionKey]*Function{}}
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	kinds := []store.Kind{store.KindFunction, store.KindEntry}
	if q.Kind != nil {
		kinds = []store.Kind{*q.Kind}
	}
	for _, k := range kinds {
		q.Kind = &k
		if err := s.kind(ctx, q, hints); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// kind surveys what q selects, of one kind.
func (s *survey) kind(ctx context.Context, q store.Query, hints []functionKey) error {
	total, err := s.i.count(ctx, q)
	if err != nil || total.Entries == 0 {
		return err
	}
	if total.Entries <= s.whole {
		return s.visit(ctx, q)
	}
	counted := 0
	meet := func(key functionKey) error {
		f, err := s.meet(ctx, q, key)
		counted += f.Entries
		return err
	}
	for _, h := range hints {
		if h.kind == *q.Kind && selects(&q, h) && s.fns[h] == nil {
			if err := meet(h); err != nil {
				return err
			}
		}
	}
	if counted >= total.Entries {
		return nil
	}
	return s.i.pages(ctx, q, func(page *store.Page) error {
		for r := range page.Records {
			l := &page.Records[r].Labels
			key := functionKey{l.Kind, l.Collection, l.Function}
			if reserved(l) || s.fns[key] != nil {
				continue
			}
			if err := meet(key); err != nil {
				return err
			}
		}
		if counted >= total.Entries {
			return errEnough
		}
		return nil
	})
}

// selects tells whether q's names leave the function in.
func selects(q *store.Query, k functionKey) bool {
	return (q.Collection == nil || *q.Collection == k.collection) && (q.Function == nil || *q.Function == k.name)
}

// visit looks at every entry that q selects.
func (s *survey) visit(ctx context.Context, q store.Query) error {
	return s.i.pages(ctx, q, func(page *store.Page) error {
		for r := range page.Records {
			if !reserved(&page.Records[r].Labels) {
				s.add(&page.Records[r])
			}
		}
		return nil
	})
}

func (s *survey) add(rec *store.Record) {
	l := &rec.Labels
	f := s.function(functionKey{l.Kind, l.Collection, l.Function})
	v := f.version(l.Version)
	for _, sum := range []struct {
		entries *int
		bytes   *int64
		cost    *Seconds
	}{{&f.Entries, &f.Bytes, &f.Cost}, {&v.Entries, &v.Bytes, &v.Cost}} {
		*sum.entries++
		*sum.bytes += rec.Size
		*sum.cost += Seconds(rec.Cost)
	}
	if rec.Created.After(f.Newest) {
		f.Newest = rec.Created
	}
	if f.Oldest.IsZero() || rec.Created.Before(f.Oldest) {
		f.Oldest = rec.Created
	}
}

// function is the one with that key, which is made if there is none.
func (s *survey) function(key functionKey) *Function {
	f := s.fns[key]
	if f == nil {
		f = &Function{Kind: kindName(key.kind), Collection: key.collection, Name: key.name}
		s.fns[key] = f
	}
	return f
}

// version is the one with that name, which is made if there is none.
func (f *Function) version(name string) *Version {
	for i := range f.Versions {
		if f.Versions[i].Version == name {
			return &f.Versions[i]
		}
	}
	f.Versions = append(f.Versions, Version{Version: name})
	return &f.Versions[len(f.Versions)-1]
}

// meet counts a function that was met for the first time.
func (s *survey) meet(ctx context.Context, q store.Query, key functionKey) (*Function, error) {
	f := s.function(key)
	q.Kind, q.Collection, q.Function = &key.kind, &key.collection, &key.name
	t, err := s.i.store.Count(ctx, q)
	if err != nil || t.Entries == 0 {
		return f, err
	}
	if t.Entries <= s.whole/10 {
		return f, s.visit(ctx, q)
	}
	f.Entries, f.Bytes, f.Cost = t.Entries, t.Bytes, Seconds(t.Cost)
	if err := s.newest(ctx, q, f); err != nil {
		return f, err
	}
	return f, s.versions(ctx, q, f)
}

// newest finds a function's newest entry, if it is the only function that is
// asked for: stores have no order by age at hand.
func (s *survey) newest(ctx context.Context, q store.Query, f *Function) error {
	if !s.ages {
		return nil
	}
	q.Order, q.Limit = store.NewestFirst, 1
	page, err := s.i.store.List(ctx, q)
	if err == nil && len(page.Records) > 0 {
		f.Newest = page.Records[0].Created
	}
	return err
}

// fewEntries is how many are enough to meet the versions of most functions.
const fewEntries = 50

// versions counts the versions of a function, as the survey does functions.
func (s *survey) versions(ctx context.Context, q store.Query, f *Function) error {
	counted := 0
	visit := func(page *store.Page) error {
		for r := range page.Records {
			name := page.Records[r].Labels.Version
			if slices.ContainsFunc(f.Versions, func(v Version) bool { return v.Version == name }) {
				continue
			}
			v := q
			v.Version = &name
			t, err := s.i.store.Count(ctx, v)
			if err != nil {
				return err
			}
			*f.version(name) = Version{Version: name, Entries: t.Entries, Bytes: t.Bytes, Cost: Seconds(t.Cost)}
			counted += t.Entries
		}
		if counted >= f.Entries {
			return errEnough
		}
		return nil
	}
	few := q
	few.Limit = fewEntries
	page, err := s.i.store.List(ctx, few)
	if err == nil {
		err = visit(&page)
	}
	if err != nil {
		return unless(err, errEnough)
	}
	return s.i.pages(ctx, q, visit)
}

// functions are those that have entries, in order.
func (s *survey) functions() []Function {
	var out []Function
	for _, f := range s.fns {
		if f.Entries > 0 {
			slices.SortFunc(f.Versions, func(a, b Version) int {
				return cmp.Or(cmp.Compare(b.Entries, a.Entries), strings.Compare(a.Version, b.Version))
			})
			out = append(out, *f)
		}
	}
	slices.SortFunc(out, byName)
	return out
}

func byName(a, b Function) int {
	return cmp.Or(strings.Compare(a.Collection, b.Collection), strings.Compare(b.Kind, a.Kind), strings.Compare(a.Name, b.Name))
}

// count counts the live entries that q selects, without reprise's own.
func (i *Inspector) count(ctx context.Context, q store.Query) (store.Totals, error) {
	t, err := i.store.Count(ctx, q)
	if err != nil || q.Collection != nil || t.Entries == 0 {
		return t, err
	}
	own := ledger.Collection
	q.Collection = &own
	return i.without(ctx, t, q)
}

// without takes what own selects from t.
func (i *Inspector) without(ctx context.Context, t store.Totals, own store.Query) (store.Totals, error) {
	o, err := i.store.Count(ctx, own)
	// Both counts are of different moments.
	return store.Totals{Entries: max(0, t.Entries-o.Entries), Bytes: max(0, t.Bytes-o.Bytes), Cost: max(0, t.Cost-o.Cost)}, err
}
