package inspect

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/store"
)

// Difference is a part in which two keys differ.
type Difference struct {
	Part    string `json:"part"`
	Old     string `json:"old,omitempty"` // preview; empty where private or absent
	New     string `json:"new,omitempty"`
	Private bool   `json:"private,omitempty"`
	Absent  string `json:"absent,omitempty"` // "old" or "new": that one lacks the part
}

// Neighbor is another entry of the same function.
type Neighbor struct {
	Entry       Entry        `json:"entry"`
	Differences []Difference `json:"differences"` // from the neighbor to the entry
}

// How much Nearest compares: the newest entries, up to a number, and up to a
// size of their manifests, which for large directories are large.
const (
	nearestAmong = 200
	nearestBytes = 4 << 20
	nearestPage  = 20
)

// Compare lists the parts in which the keys of two entries differ, from a to
// b. References are as for Entry. Entries without a manifest, and of execution
// stores, differ in their labels only.
func (i *Inspector) Compare(ctx context.Context, a, b string) ([]Difference, error) {
	old, err := i.find(ctx, a)
	if err != nil {
		return nil, wrap("compare", err)
	}
	now, err := i.find(ctx, b)
	if err != nil {
		return nil, wrap("compare", err)
	}
	ds, err := differences(&old.rec, &now.rec)
	return ds, wrap("compare", err)
}

// differences are those of the labels that name what was called, then those of
// the manifests.
func differences(a, b *store.Record) ([]Difference, error) {
	la, lb := &a.Labels, &b.Labels
	var out []Difference
	for _, d := range []Difference{
		{Part: "kind", Old: kindName(la.Kind), New: kindName(lb.Kind)},
		{Part: "collection", Old: la.Collection, New: lb.Collection},
		{Part: "function", Old: la.Function, New: lb.Function},
		{Part: "entry", Old: la.Entry, New: lb.Entry},
	} {
		if d.Old != d.New {
			d.Old, d.New = canon.Printable(d.Old), canon.Printable(d.New)
			out = append(out, d)
		}
	}
	old, err := manifestOf(a)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Key.Short(), err)
	}
	now, err := manifestOf(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Key.Short(), err)
	}
	for _, d := range canon.Diff(old, now) {
		out = append(out, differenceOf(d))
	}
	return out, nil
}

func differenceOf(d canon.Difference) Difference {
	out := Difference{Part: canonical(d.Name)}
	if d.Old == nil {
		out.Absent = "old"
	} else {
		out.Old, out.Private = shown(d.Old), d.Old.Private
	}
	if d.New == nil {
		out.Absent = "new"
	} else {
		out.New, out.Private = shown(d.New), out.Private || d.New.Private
	}
	return out
}

// Nearest finds the entry of the same function whose key differs in the fewest
// parts, among the newest 200; of equals the newest. ErrNotFound where the
// function has no other entry.
func (i *Inspector) Nearest(ctx context.Context, ref string) (Neighbor, error) {
	f, err := i.find(ctx, ref)
	if err != nil {
		return Neighbor{}, wrap("nearest", err)
	}
	l := &f.rec.Labels
	q := store.Query{
		Kind: &l.Kind, Collection: &l.Collection, Function: &l.Function,
		All: true, Manifests: true, Order: store.NewestFirst, Limit: nearestPage,
	}
	gens, err := i.generations(ctx)
	if err != nil {
		return Neighbor{}, wrap("nearest", err)
	}
	var best *Neighbor
	seen, size := 0, 0
	err = i.pages(ctx, q, func(page *store.Page) error {
		for r := range page.Records {
			seen, size = seen+1, size+len(page.Records[r].Manifest)
			if page.Records[r].Key != f.rec.Key {
				best = nearer(best, &page.Records[r], f, gens)
			}
		}
		if seen >= nearestAmong || size >= nearestBytes {
			return errEnough
		}
		return nil
	})
	switch {
	case err != nil:
		return Neighbor{}, wrap("nearest", err)
	case best == nil:
		return Neighbor{}, wrap("nearest", fmt.Errorf("%w to compare with: %s has no other that can be read", ErrNotFound, l.Function))
	}
	return *best, nil
}

// nearer is rec where it differs from f in fewer parts than best does.
func nearer(best *Neighbor, rec *store.Record, f *found, gens generations) *Neighbor {
	diffs, err := differences(rec, &f.rec)
	if err != nil || best != nil && len(diffs) >= len(best.Differences) {
		return best
	}
	return &Neighbor{Entry: entryOf(rec, gens.state(rec, f.now), f.now), Differences: diffs}
}
