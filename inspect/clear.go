package inspect

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

// Counts are how many live entries are, or would be, acted on.
type Counts struct {
	Entries int     `json:"entries"`
	Bytes   int64   `json:"bytes"`        // sealed values
	Cost    Seconds `json:"cost_seconds"` // what computing them took
}

func (c *Counts) add(t store.Totals) {
	c.Entries += t.Entries
	c.Bytes += t.Bytes
	c.Cost += Seconds(t.Cost)
}

// Preview counts what Clear would clear.
func (i *Inspector) Preview(ctx context.Context, s Selection) (Counts, error) {
	p, err := i.plan(ctx, &s)
	if err != nil {
		return Counts{}, wrap("preview", err)
	}
	c, err := i.preview(ctx, p)
	return c, wrap("preview", err)
}

func (i *Inspector) preview(ctx context.Context, p *plan) (Counts, error) {
	var c Counts
	for _, q := range p.queries {
		t, err := i.count(ctx, q)
		if err == nil && p.each && sparesBlobs(&q) {
			t, err = i.without(ctx, t, onlyBlobs(q))
		}
		if err != nil {
			return c, err
		}
		c.add(t)
	}
	return c, nil
}

// Clear makes the entries that s selects invisible to everybody and frees
// their room.
//
// A key, a function, a function's dataset, a dataset, a tag, a collection, and
// everything, are each one write, however many entries there are, and work
// that began before cannot publish an old result afterwards. Of functions in
// several collections, or in a collection, that holds for those that have
// entries. Other selections (a version, an age, combinations) clear key by key
// what is there: an execution under way whose key has no entry yet may publish
// afterwards. They leave output files of commands to GC.
//
// An error in the middle comes with the counts so far.
func (i *Inspector) Clear(ctx context.Context, s Selection) (Counts, error) {
	p, err := i.plan(ctx, &s)
	if err != nil {
		return Counts{}, wrap("clear", err)
	}
	var c Counts
	switch {
	case p.each:
		c, err = i.clearEach(ctx, p)
	case p.key != nil:
		c, err = i.clearKey(ctx, p)
	default:
		c, err = i.bump(ctx, p)
	}
	return c, wrap("clear", err)
}

func (i *Inspector) clearKey(ctx context.Context, p *plan) (Counts, error) {
	c, err := i.preview(ctx, p)
	if err != nil {
		return Counts{}, err
	}
	b, err := i.store.Clear(ctx, *p.key)
	if err != nil {
		return Counts{}, err
	}
	if b.Entries == 0 { // expired, or hidden already
		c = Counts{}
	}
	return c, nil
}

// bump hides everything in one write, and then frees its room.
func (i *Inspector) bump(ctx context.Context, p *plan) (Counts, error) {
	c, err := i.preview(ctx, p)
	if err != nil || len(p.labels) == 0 {
		return Counts{}, err
	}
	b, err := i.store.Bump(ctx, p.labels...)
	if err != nil {
		return Counts{}, err
	}
	c.Entries = b.Entries
	for _, q := range p.queries {
		if _, err := i.store.Purge(ctx, q); err != nil {
			return c, fmt.Errorf("%d entries are cleared, but their room is not free yet; run gc: %w", c.Entries, err)
		}
	}
	return c, nil
}

// clearEach clears what the queries list, a page at a time.
func (i *Inspector) clearEach(ctx context.Context, p *plan) (Counts, error) {
	var c Counts
	info, err := i.store.Info(ctx)
	if err != nil {
		return c, err
	}
	for _, q := range p.queries {
		spare := sparesBlobs(&q)
		err := i.pages(ctx, q, func(page *store.Page) error {
			var chosen []*store.Record
			for r := range page.Records {
				if rec := &page.Records[r]; !reserved(&rec.Labels) && (!spare || !isBlob(&rec.Labels)) {
					chosen = append(chosen, rec)
				}
			}
			return i.clearAll(ctx, chosen, info.Local, &c)
		})
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// clearAll clears entries, several at once where the store is far away.
func (i *Inspector) clearAll(ctx context.Context, recs []*store.Record, local bool, c *Counts) error {
	cleared := make([]store.Bumped, len(recs))
	err := together(ctx, len(recs), local, func(ctx context.Context, n int) (err error) {
		cleared[n], err = i.store.Clear(ctx, recs[n].Key)
		return err
	})
	for n, b := range cleared {
		if b.Entries > 0 {
			c.add(store.Totals{Entries: 1, Bytes: recs[n].Size, Cost: recs[n].Cost})
		}
	}
	return err
}
