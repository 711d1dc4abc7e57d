package inspect

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// Usage says what takes up room.
type Usage struct {
	Driver    string     `json:"driver"`
	Entries   int        `json:"entries"`   // on the medium
	Bytes     int64      `json:"bytes"`     // of their sealed values
	Quota     int64      `json:"quota"`     // bytes; 0: none
	Live      Group      `json:"live"`      // entries that answer calls; Name is empty
	Dead      Group      `json:"dead"`      // expired and hidden ones, which a sweep frees
	Reserved  Group      `json:"reserved"`  // reprise's own
	Functions []Function `json:"functions"` // largest first
	Collected []Group    `json:"collected"` // by collection, largest first
	Now       time.Time  `json:"now"`       // the store's clock
}

// Usage sums up the room that entries take, by collection, function and
// version. Tags has it by tag.
func (i *Inspector) Usage(ctx context.Context) (Usage, error) {
	u, err := i.usage(ctx)
	return u, wrap("usage", err)
}

func (i *Inspector) usage(ctx context.Context) (Usage, error) {
	info, err := i.store.Info(ctx)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Driver: info.Driver, Entries: info.Entries, Bytes: info.Bytes, Quota: info.Quota, Now: info.Now}
	own := ledger.Collection
	for _, c := range []struct {
		g *Group
		q store.Query
	}{{&u.Live, store.Query{}}, {&u.Dead, store.Query{All: true}}, {&u.Reserved, store.Query{Collection: &own}}} {
		t, err := i.store.Count(ctx, c.q)
		if err != nil {
			return u, err
		}
		c.g.add(t.Entries, t.Bytes, Seconds(t.Cost))
	}
	u.Dead = u.Dead.less(u.Live)
	u.Live = u.Live.less(u.Reserved)
	s, err := i.survey(ctx, Filter{}, nil)
	if err != nil {
		return u, err
	}
	u.Functions = s.functions()
	u.Collected = collections(u.Functions)
	slices.SortFunc(u.Functions, func(a, b Function) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), byName(a, b)) })
	return u, nil
}

// less is g without o, which was counted at another moment.
func (g Group) less(o Group) Group {
	return Group{Entries: max(0, g.Entries-o.Entries), Bytes: max(0, g.Bytes-o.Bytes), Cost: max(0, g.Cost-o.Cost)}
}

func collections(fns []Function) []Group {
	sums := map[string]*Group{}
	for n := range fns {
		f := &fns[n]
		if sums[f.Collection] == nil {
			sums[f.Collection] = &Group{Name: f.Collection}
		}
		sums[f.Collection].add(f.Entries, f.Bytes, f.Cost)
	}
	return sorted(sums)
}
