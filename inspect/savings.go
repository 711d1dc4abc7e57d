package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reprise-go/reprise/internal/ledger"
)

// Line is what the savings ledger says of calls.
type Line struct {
	Calls    uint64            `json:"calls"`
	Hits     uint64            `json:"hits"`     // answered from memory or store
	Shared   uint64            `json:"shared"`   // that shared an execution under way, here or elsewhere
	Runs     uint64            `json:"runs"`     // executions of the function that ended well
	Failed   uint64            `json:"failed"`   // ended in an error
	Errors   uint64            `json:"errors"`   // for which the store failed
	HitRate  float64           `json:"hit_rate"` // hits and shared, of calls; 0 where there were none
	Saved    Seconds           `json:"saved_seconds"`
	Spent    Seconds           `json:"spent_seconds"` // in the function
	Stored   int64             `json:"stored"`        // bytes put into the store
	Outcomes map[string]uint64 `json:"outcomes,omitempty"`
	Reasons  map[string]uint64 `json:"reasons,omitempty"`
}

// Period is a Line of an hour, or of a day where that is more than a week ago.
type Period struct {
	Start time.Time `json:"start"` // UTC, in the store's clock
	Span  Seconds   `json:"span_seconds"`
	Line
}

// FunctionSavings are a function's.
type FunctionSavings struct {
	Collection string `json:"collection"`
	Name       string `json:"name"`
	Line
	// Verdict names a function whose caching costs more than it saves: why it
	// does not pay. Empty: it pays, or there are too few calls to tell.
	Verdict string   `json:"verdict,omitempty"`
	Periods []Period `json:"periods,omitempty"`
}

// Savings are what the cache has saved all who use the store, as far as they
// have written it down: each does so about once a minute and when it ends.
type Savings struct {
	Since     time.Time         `json:"since"`
	Until     time.Time         `json:"until"` // the store's clock
	Total     Line              `json:"total"`
	Functions []FunctionSavings `json:"functions"` // by what they save, most first
	Periods   []Period          `json:"periods"`   // over all functions, oldest first
}

// Savings reads the ledger from the hour, or day, in which since lies. The zero
// time is everything: the last 90 days.
func (i *Inspector) Savings(ctx context.Context, since time.Time) (Savings, error) {
	s, err := i.savings(ctx, since)
	return s, wrap("savings", err)
}

func (i *Inspector) savings(ctx context.Context, since time.Time) (Savings, error) {
	info, err := i.store.Info(ctx)
	if err != nil {
		return Savings{}, err
	}
	pages, err := i.ledgerPages(ctx, since)
	if err != nil {
		return Savings{}, err
	}
	s := Savings{Since: since, Until: info.Now, Functions: []FunctionSavings{}, Periods: []Period{}}
	for _, p := range merged(pages) {
		s.add(p)
	}
	s.Total.finish()
	for n := range s.Periods {
		s.Periods[n].finish()
	}
	for n := range s.Functions {
		s.Functions[n].finish()
	}
	if since.IsZero() && len(s.Periods) > 0 {
		s.Since = s.Periods[0].Start
	}
	slices.SortFunc(s.Functions, func(a, b FunctionSavings) int {
		return cmp.Or(cmp.Compare(b.Saved, a.Saved), strings.Compare(a.Collection, b.Collection), strings.Compare(a.Name, b.Name))
	})
	return s, nil
}

// merged adds up the pages of each period, whoever wrote them; oldest first.
func merged(pages []*ledger.Page) []*ledger.Page {
	slices.SortStableFunc(pages, func(a, b *ledger.Page) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Span, b.Span))
	})
	var out []*ledger.Page
	for _, p := range pages {
		if n := len(out); n == 0 || !out[n-1].Start.Equal(p.Start) || out[n-1].Span != p.Span {
			out = append(out, &ledger.Page{Start: p.Start.UTC(), Span: p.Span})
		}
		out[len(out)-1].Add(p)
	}
	return out
}

// add adds a period.
func (s *Savings) add(p *ledger.Page) {
	all := Period{Start: p.Start, Span: Seconds(p.Span)}
	for n := range p.Functions {
		f := &p.Functions[n]
		one := Period{Start: p.Start, Span: Seconds(p.Span)}
		one.Line.add(&f.Counts)
		all.Line.add(&f.Counts)
		s.Total.add(&f.Counts)
		fs := s.function(f.Collection, f.Name)
		fs.Line.add(&f.Counts)
		fs.Periods = append(fs.Periods, one)
	}
	s.Periods = append(s.Periods, all)
}

func (s *Savings) function(collection, name string) *FunctionSavings {
	for n := range s.Functions {
		if f := &s.Functions[n]; f.Name == name && f.Collection == collection {
			return f
		}
	}
	s.Functions = append(s.Functions, FunctionSavings{Collection: collection, Name: name})
	return &s.Functions[len(s.Functions)-1]
}

// add adds counts of the ledger.
func (l *Line) add(c *ledger.Counts) {
	if l.Outcomes == nil {
		l.Outcomes, l.Reasons = map[string]uint64{}, map[string]uint64{}
	}
	for name, n := range c.Outcomes {
		l.Outcomes[name] += n
	}
	for name, n := range c.Reasons {
		l.Reasons[name] += n
	}
	l.Saved += Seconds(c.Saved)
	l.Spent += Seconds(c.Spent)
	l.Stored += c.Stored
}

// finish works out the sums.
func (l *Line) finish() {
	l.Calls, l.Hits, l.Shared, l.Runs = 0, 0, 0, 0
	for name, n := range l.Outcomes {
		l.Calls += n
		switch name {
		case "hit-memory", "hit-store", "hit-stale":
			l.Hits += n
		case "joined", "waited":
			l.Shared += n
		case "failed":
		default:
			l.Runs += n
		}
	}
	l.Failed, l.Errors = l.Outcomes["failed"], l.Reasons["store-error"]
	if l.Calls > 0 {
		l.HitRate = float64(l.Hits+l.Shared) / float64(l.Calls)
	}
}

// finish works out the sums, and judges.
func (f *FunctionSavings) finish() {
	f.Line.finish()
	for n := range f.Periods {
		f.Periods[n].finish()
	}
	f.Verdict = f.Line.verdict()
}

// What caching costs, beside which savings are judged: a lookup in the store,
// and writing a result into it. Hits in memory cost next to nothing. These are
// figures of the embedded store; of a server it is several times as much, so
// whoever does not pay here does not pay there.
const (
	lookupCost = 10 * time.Microsecond
	putCost    = 150 * time.Microsecond
	// enoughCalls is how many calls allow a verdict.
	enoughCalls = 100
)

// verdict says why caching does not pay, or "".
func (l *Line) verdict() string {
	if l.Calls < enoughCalls {
		return ""
	}
	lookups := l.Calls - min(l.Calls, l.Outcomes["hit-memory"]+l.Outcomes["joined"]+l.Outcomes["skipped"]+l.Outcomes["bypassed"])
	puts := l.Outcomes["populated"] + l.Outcomes["refreshed"]
	cost := time.Duration(lookups)*lookupCost + time.Duration(puts)*putCost //nolint:durationcheck // a number of lookups
	if time.Duration(l.Saved) >= cost {
		return ""
	}
	if l.Hits+l.Shared == 0 {
		return fmt.Sprintf("none of %d calls was a hit: inputs, or the version, differ each time", l.Calls)
	}
	return fmt.Sprintf("hits saved %v, and looking up and storing took about %v: the function is too quick, or hits are too rare (%.0f %%)",
		time.Duration(l.Saved).Round(time.Microsecond), cost.Round(time.Microsecond), 100*l.HitRate)
}
