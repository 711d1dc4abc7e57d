package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// tries is how often the ledger is read anew where it was being merged
// meanwhile.
const tries = 3

// ledgerPages reads the pages of the ledger that end after since. A page that
// another includes is left out: it has been merged, and is about to be
// deleted.
func (i *Inspector) ledgerPages(ctx context.Context, since time.Time) ([]*ledger.Page, error) {
	for try := 1; ; try++ {
		names, err := i.pageNames(ctx)
		if err != nil {
			return nil, err
		}
		pages, whole, err := i.readPages(ctx, names, since)
		if err != nil {
			return nil, err
		}
		after, err := i.pageNames(ctx)
		if err != nil {
			return nil, err
		}
		if whole && slices.Equal(days(names), days(after)) || try == tries {
			return withoutIncluded(pages), nil
		}
	}
}

// pageName is the entry of a page, and what it says.
type pageName struct {
	key   store.Key
	entry string
	start time.Time
	span  time.Duration
}

// pageNames lists the pages by time. What is not called like a page is none.
func (i *Inspector) pageNames(ctx context.Context) ([]pageName, error) {
	q := ledger.Query("")
	q.Order = store.ByEntry
	var names []pageName
	err := i.pages(ctx, q, func(page *store.Page) error {
		for r := range page.Records {
			rec := &page.Records[r]
			if n, ok := parsePageName(rec.Labels.Entry); ok {
				n.key = rec.Key
				names = append(names, n)
			}
		}
		return nil
	})
	return names, err
}

func parsePageName(entry string) (pageName, bool) {
	fields := strings.SplitN(entry, " ", 3)
	if len(fields) != 3 {
		return pageName{}, false
	}
	start, err := time.Parse(time.RFC3339, fields[0])
	if err != nil {
		return pageName{}, false
	}
	span, err := time.ParseDuration(fields[1])
	return pageName{entry: entry, start: start, span: span}, err == nil && span > 0
}

// days are the keys of merged pages.
func days(names []pageName) []store.Key {
	var out []store.Key
	for _, n := range names {
		if n.span == ledger.Day {
			out = append(out, n.key)
		}
	}
	return out
}

// readPages reads the pages that end after since. whole is false where one has
// gone since it was listed.
func (i *Inspector) readPages(ctx context.Context, names []pageName, since time.Time) (pages []*ledger.Page, whole bool, err error) {
	info, err := i.store.Info(ctx)
	if err != nil {
		return nil, false, err
	}
	names = slices.DeleteFunc(slices.Clone(names), func(n pageName) bool { return !n.start.Add(n.span).After(since) })
	read := make([]*ledger.Page, len(names))
	err = together(ctx, len(names), info.Local, func(ctx context.Context, k int) (err error) {
		read[k], err = i.readPage(ctx, names[k].key)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	whole = true
	for k, p := range read {
		switch {
		case p == nil:
			whole = false
		case p.Entry() == names[k].entry: // no page under another's name
			pages = append(pages, p)
		}
	}
	return pages, whole, nil
}

// readPage reads a page; nil where it is gone. One that is damaged is empty:
// what it counted is lost.
func (i *Inspector) readPage(ctx context.Context, key store.Key) (*ledger.Page, error) {
	lk, err := i.store.Get(ctx, key)
	if err != nil || !lk.Found && !lk.Damaged {
		return nil, err
	}
	payload, h, err := i.sealer.Open(lk.Record.Value, key)
	if err == nil && h.Codec != ledger.Codec {
		err = fmt.Errorf("a page of codec %q", h.Codec)
	}
	var p *ledger.Page
	if err == nil {
		p, err = ledger.Decode(payload)
	}
	if err == nil && p.Key() != key {
		err = errors.New("a page under the key of another")
	}
	if err != nil {
		i.warn("a page of the savings ledger cannot be read", "key", key.Short(), "error", err)
		return &ledger.Page{}, nil
	}
	return p, nil
}

// withoutIncluded drops pages that another includes.
func withoutIncluded(pages []*ledger.Page) []*ledger.Page {
	included := map[string]bool{}
	for _, p := range pages {
		for _, mark := range p.Includes {
			included[mark] = true
		}
	}
	return slices.DeleteFunc(pages, func(p *ledger.Page) bool { return included[ledger.Mark(p.Key())] })
}
