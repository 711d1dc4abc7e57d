package inspect

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Function is a cached function, a command, or an execution store, with its
// live entries.
type Function struct {
	Kind       string    `json:"kind"`
	Collection string    `json:"collection"`
	Name       string    `json:"name"`
	Entries    int       `json:"entries"`
	Bytes      int64     `json:"bytes"`        // sealed values
	Cost       Seconds   `json:"cost_seconds"` // what computing all of it took
	Versions   []Version `json:"versions,omitempty"`
	// Newest and Oldest are when its newest and oldest entries were made; zero
	// where finding out would cost too much. Of a function that the filter names,
	// Newest is always told.
	Newest  time.Time `json:"newest,omitzero"`
	Oldest  time.Time `json:"oldest,omitzero"`
	Savings *Line     `json:"savings,omitempty"`
}

// Version is a version of a function's code with its live entries.
type Version struct {
	Version string  `json:"version"`
	Entries int     `json:"entries"`
	Bytes   int64   `json:"bytes"`
	Cost    Seconds `json:"cost_seconds"`
}

// Functions lists the functions that have live entries matching f, or that the
// savings ledger knows, by collection, kind and name. Savings are those of the
// last 90 days. Where f names a dataset, a version or a tag, only functions
// with such entries are listed, and only these entries counted.
func (i *Inspector) Functions(ctx context.Context, f Filter) ([]Function, error) {
	fns, err := i.functions(ctx, f)
	return fns, wrap("functions", err)
}

func (i *Inspector) functions(ctx context.Context, f Filter) ([]Function, error) {
	saved, err := i.savings(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	s, err := i.survey(ctx, f, hints(saved))
	if err != nil {
		return nil, err
	}
	fns := s.functions()
	for n := range saved.Functions {
		fns = f.account(fns, &saved.Functions[n])
	}
	slices.SortFunc(fns, byName)
	return fns, nil
}

// hints are the functions that the ledger knows.
func hints(s Savings) []functionKey {
	keys := make([]functionKey, len(s.Functions))
	for n := range s.Functions {
		keys[n] = functionKey{store.KindFunction, s.Functions[n].Collection, s.Functions[n].Name}
	}
	return keys
}

// account puts savings with their function, which may have no entries any
// more.
func (f *Filter) account(fns []Function, s *FunctionSavings) []Function {
	for n := range fns {
		if fns[n].Kind == FunctionKind && fns[n].Collection == s.Collection && fns[n].Name == s.Name {
			fns[n].Savings = &s.Line
			return fns
		}
	}
	named := *f
	named.Kind, named.Collection, named.Function = "", "", ""
	if named != (Filter{}) || f.Kind == EntryKind ||
		f.Collection != "" && f.Collection != s.Collection || f.Function != "" && f.Function != s.Name {
		return fns
	}
	return append(fns, Function{Kind: FunctionKind, Collection: s.Collection, Name: s.Name, Savings: &s.Line})
}

// Group is what entries have in common, with those that are live.
type Group struct {
	Name    string  `json:"name"`
	Entries int     `json:"entries"`
	Bytes   int64   `json:"bytes"`
	Cost    Seconds `json:"cost_seconds"`
}

// Datasets lists the datasets that live entries matching f are linked to. It
// looks at each of these entries.
func (i *Inspector) Datasets(ctx context.Context, f Filter) ([]Group, error) {
	g, err := i.groups(ctx, f, func(l *store.Labels) []string {
		if l.Dataset == "" {
			return nil
		}
		return []string{l.Dataset}
	})
	return g, wrap("datasets", err)
}

// Tags lists the tags of live entries matching f. An entry counts for each of
// its tags. It looks at each of these entries.
func (i *Inspector) Tags(ctx context.Context, f Filter) ([]Group, error) {
	g, err := i.groups(ctx, f, func(l *store.Labels) []string { return l.Tags })
	return g, wrap("tags", err)
}

func (i *Inspector) groups(ctx context.Context, f Filter, names func(*store.Labels) []string) ([]Group, error) {
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	sums := map[string]*Group{}
	err = i.pages(ctx, q, func(page *store.Page) error {
		for r := range page.Records {
			rec := &page.Records[r]
			for _, name := range names(&rec.Labels) {
				g := sums[name]
				if g == nil {
					g = &Group{Name: name}
					sums[name] = g
				}
				g.add(1, rec.Size, Seconds(rec.Cost))
			}
		}
		return nil
	})
	return sorted(sums), err
}

func (g *Group) add(entries int, bytes int64, cost Seconds) {
	g.Entries += entries
	g.Bytes += bytes
	g.Cost += cost
}

// sorted are the groups, largest first.
func sorted(sums map[string]*Group) []Group {
	out := make([]Group, 0, len(sums))
	for _, g := range sums {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Name, b.Name))
	})
	return out
}
