package engine

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// book is this process's part of the savings ledger. A while after a call it
// writes what was counted since, into the page of the present hour; when
// nobody calls it does nothing.
type book struct {
	armed  atomic.Bool // a write is to come
	mu     sync.Mutex  // protects what follows
	ended  sync.WaitGroup
	timer  *time.Timer
	closed bool
	lines  []*Function // whose calls are counted

	writing sync.Mutex // one write at a time; protects what follows
	writer  string
	seen    map[line]ledger.Counts // what is in some page already
	pages   []*ledger.Page         // not past, or not written yet; oldest first
}

type line struct{ collection, name string }

// maxPages bounds what waits for a store that is away: later hours than that
// are added to the newest page.
const maxPages = 48

// Enter has the ledger count f's calls. It comes before them.
func (e *Engine) Enter(f *Function) {
	e.book.mu.Lock()
	defer e.book.mu.Unlock()
	e.book.lines = append(e.book.lines, f)
}

// called sees to it that the ledger is written some time after a call.
func (e *Engine) called() {
	if !e.book.armed.Load() && e.cfg.Ledger > 0 {
		e.arm()
	}
}

func (e *Engine) arm() {
	b := &e.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.lines) == 0 || b.armed.Swap(true) {
		return
	}
	b.ended.Add(1)
	b.timer = time.AfterFunc(e.cfg.Ledger, func() {
		defer b.ended.Done()
		b.armed.Store(false)
		if e.writeLedger() != nil {
			e.arm() // the store is warned of elsewhere
		}
	})
}

// closeLedger writes what is not written yet, while the store is open.
func (e *Engine) closeLedger() {
	b := &e.book
	b.mu.Lock()
	b.closed = true
	if b.timer != nil && b.timer.Stop() {
		b.ended.Done()
	}
	b.mu.Unlock()
	b.ended.Wait()
	if e.cfg.Ledger > 0 {
		_ = e.writeLedger() // lost, as by a crash
	}
}

// writeLedger files what was counted since the last time, and writes the pages
// that changed.
func (e *Engine) writeLedger() error {
	b := &e.book
	b.writing.Lock()
	defer b.writing.Unlock()
	news := b.news(b.totals())
	if len(news) == 0 && len(b.pages) == 0 {
		return nil
	}
	var info store.Info
	err := e.ask(context.Background(), &e.reads, func(ctx context.Context) (err error) {
		info, err = e.store.Info(ctx)
		return err
	})
	if err != nil {
		return err
	}
	p := b.page(info.Now)
	for l, c := range news {
		p.Of(l.collection, l.name).Add(&c)
	}
	b.noted(news)
	for len(b.pages) > 0 {
		if err := e.writePage(b.pages[0], info.Seq); err != nil {
			return err
		}
		if b.pages[0] == p {
			return nil // it goes on to grow
		}
		b.pages = b.pages[1:]
	}
	return nil
}

// totals are the counts of all functions since this process began.
func (b *book) totals() map[line]ledger.Counts {
	b.mu.Lock()
	lines := slices.Clone(b.lines)
	b.mu.Unlock()
	all := make(map[line]ledger.Counts)
	for _, f := range lines {
		l := line{f.Collection, f.Name}
		c, more := all[l], f.Counters.ledger()
		c.Add(&more)
		all[l] = c
	}
	return all
}

// news are the counts that are in no page yet.
func (b *book) news(totals map[line]ledger.Counts) map[line]ledger.Counts {
	for l, c := range totals {
		seen := b.seen[l]
		if d := c.Since(&seen); d.Zero() {
			delete(totals, l)
		} else {
			totals[l] = d
		}
	}
	return totals
}

func (b *book) noted(news map[line]ledger.Counts) {
	if b.seen == nil {
		b.seen = make(map[line]ledger.Counts)
	}
	for l, c := range news {
		seen := b.seen[l]
		seen.Add(&c)
		b.seen[l] = seen
	}
}

// page is the page of the hour.
func (b *book) page(now time.Time) *ledger.Page {
	hour := now.UTC().Truncate(time.Hour)
	if n := len(b.pages); n > 0 && (b.pages[n-1].Start.Equal(hour) || n >= maxPages) {
		return b.pages[n-1]
	}
	if b.writer == "" {
		b.writer = rand.Text()
	}
	b.pages = append(b.pages, &ledger.Page{Start: hour, Span: time.Hour, Writer: b.writer})
	return b.pages[len(b.pages)-1]
}

func (e *Engine) writePage(p *ledger.Page, seq uint64) error {
	b, err := p.Encode()
	if err != nil {
		return err
	}
	rec := p.Record(seq)
	if rec.Value, err = e.Seal(rec.Key, ledger.Codec, b); err != nil {
		return err
	}
	return e.ask(context.Background(), &e.writes, func(ctx context.Context) error {
		_, err := e.store.Put(ctx, rec, store.PutPublish)
		return err
	})
}
