package inspect

import (
	"context"
	"time"

	"github.com/reprise-go/reprise/store"
)

// generations are the numbers at which labels were last cleared, as far as they
// may still hide something.
type generations map[store.Label]uint64

// generations asks the store for them.
func (i *Inspector) generations(ctx context.Context) (generations, error) {
	c, err := i.store.Changes(ctx, 0)
	if err != nil {
		return nil, err
	}
	g := make(generations, len(c.Labels))
	for _, l := range c.Labels {
		g[l.Label] = max(g[l.Label], l.Seq)
	}
	return g, nil
}

// cleared tells whether a label of an entry was cleared after number begun.
func (g generations) cleared(l *store.Labels, p store.Policy, begun uint64) bool {
	if len(g) == 0 {
		return false
	}
	var buf [8]store.Label
	for _, label := range l.Of(buf[:0], p) {
		if g[label] > begun {
			return true
		}
	}
	return false
}

// state says whether an entry that is on the medium answers calls.
func (g generations) state(rec *store.Record, now time.Time) State {
	if g.cleared(&rec.Labels, rec.Policy, rec.Begun) {
		return Hidden
	}
	return stateOf(rec, now, Live)
}
