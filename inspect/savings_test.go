package inspect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// write puts a page of the ledger, as a process does.
func (r *rig) write(p *ledger.Page) {
	r.Helper()
	b, err := p.Encode()
	if err != nil {
		r.Fatal(err)
	}
	rec := p.Record(r.info().Seq)
	if rec.Value, err = r.i.sealer.Seal(nil, envelope.Header{Codec: ledger.Codec, Key: rec.Key}, b); err != nil {
		r.Fatal(err)
	}
	if _, err := r.store.Put(r.Context(), rec, store.PutPublish); err != nil {
		r.Fatal(err)
	}
}

// hour is a page of an hour.
func hour(start time.Time, writer string, counts map[string]ledger.Counts) *ledger.Page {
	p := &ledger.Page{Start: start.UTC().Truncate(time.Hour), Span: time.Hour, Writer: writer}
	for name, c := range counts {
		p.Of("execution_store", name).Add(&c)
	}
	return p
}

func calls(outcomes map[string]uint64, saved, spent time.Duration) ledger.Counts {
	return ledger.Counts{Outcomes: outcomes, Saved: saved, Spent: spent, Reasons: map[string]uint64{"absent": 1}}
}

func TestSavings(t *testing.T) {
	onBoth(t, func(r *rig) {
		now := r.info().Now
		r.write(hour(now, "w1", map[string]ledger.Counts{
			"f": calls(map[string]uint64{"hit-memory": 90, "hit-store": 5, "populated": 3, "joined": 1, "failed": 1}, 95*time.Second, 4*time.Second),
			"g": calls(map[string]uint64{"populated": 200}, 0, time.Millisecond),
		}))
		r.write(hour(now, "w2", map[string]ledger.Counts{"f": calls(map[string]uint64{"hit-store": 10}, 10*time.Second, 0)}))
		r.write(hour(now.Add(-48*time.Hour), "w1", map[string]ledger.Counts{"f": calls(map[string]uint64{"hit-store": 7}, 7*time.Second, 0)}))
		s, err := r.i.Savings(r.Context(), time.Time{})
		if err != nil {
			r.Fatal(err)
		}
		f := s.Functions[0]
		if f.Name != "f" || f.Calls != 117 || f.Hits != 112 || f.Shared != 1 || f.Runs != 3 || f.Failed != 1 || f.Saved != Seconds(112*time.Second) || f.Verdict != "" {
			r.Errorf("%+v", f)
		}
		if len(s.Periods) != 2 || len(f.Periods) != 2 || s.Periods[1].Calls != 310 || !s.Since.Equal(s.Periods[0].Start) || s.Total.Calls != 317 {
			r.Errorf("%+v", s)
		}
		if g := s.Functions[1]; !strings.Contains(g.Verdict, "none of 200") || g.HitRate != 0 {
			r.Errorf("%+v", g)
		}
		s, err = r.i.Savings(r.Context(), now.Add(-time.Hour))
		if err != nil || len(s.Periods) != 1 || s.Functions[0].Calls != 110 {
			r.Errorf("since an hour ago: %+v, %v", s, err)
		}
		fns, err := r.i.Functions(r.Context(), Filter{})
		if err != nil || len(fns) != 2 || fns[0].Savings.Calls != 117 || fns[0].Entries != 0 {
			r.Errorf("functions without entries: %+v, %v", fns, err)
		}
		for _, filter := range []Filter{{Kind: EntryKind}, {Function: "x"}, {Tag: "t"}, {Collection: "y"}} {
			if fns, err := r.i.Functions(r.Context(), filter); err != nil || len(fns) != 0 {
				r.Errorf("%+v: %+v, %v", filter, fns, err)
			}
		}
	})
}

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		line Line
		want string
	}{
		"few calls":     {Line{Outcomes: map[string]uint64{"populated": 99}}, ""},
		"no hits":       {Line{Outcomes: map[string]uint64{"populated": 100}}, "none of 100"},
		"quick":         {Line{Saved: Seconds(time.Millisecond), Outcomes: map[string]uint64{"hit-store": 1000, "populated": 10}}, "too quick"},
		"rare hits":     {Line{Saved: Seconds(time.Millisecond), Outcomes: map[string]uint64{"hit-store": 1, "populated": 1000}}, "0 %"},
		"pays":          {Line{Saved: Seconds(time.Second), Outcomes: map[string]uint64{"hit-store": 100, "populated": 100}}, ""},
		"from memory":   {Line{Saved: 1, Outcomes: map[string]uint64{"hit-memory": 1000}}, ""},
		"never looked":  {Line{Outcomes: map[string]uint64{"bypassed": 1000}}, ""},
		"empty":         {Line{}, ""},
		"only failures": {Line{Outcomes: map[string]uint64{"failed": 1000}}, "none of 1000"},
	} {
		c.line.finish()
		if got := c.line.verdict(); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Pages that are no pages, or are damaged, lose what they counted and nothing
// else.
func TestSavingsPassOverBadPages(t *testing.T) {
	onBoth(t, func(r *rig) {
		now := r.info().Now
		r.write(hour(now, "good", map[string]ledger.Counts{"f": calls(map[string]uint64{"hit-store": 1}, 1, 0)}))
		page := hour(now, "other", map[string]ledger.Counts{"f": calls(map[string]uint64{"hit-store": 100}, 1, 0)})
		b, err := page.Encode()
		if err != nil {
			r.Fatal(err)
		}
		for n, s := range []spec{
			{entry: page.Entry(), value: string(b)},                          // under a key of its own
			{entry: "not a page", value: string(b)},                          //
			{entry: "2026-01-01T00:00:00Z x y", value: string(b)},            //
			{entry: "2026-01-01T00:00:00Z 1h w", value: "nonsense"},          //
			{entry: "2026-01-01T00:00:00Z 1h w", value: "{}", codec: "cbor"}, //
		} {
			s.kind, s.coll, s.fn, s.key = store.KindEntry, ledger.Collection, ledger.Name, fmt.Sprint(n)
			r.put(s)
		}
		s, err := r.i.Savings(r.Context(), time.Time{})
		if err != nil || s.Total.Calls != 1 {
			r.Errorf("%+v, %v", s.Total, err)
		}
	})
}

// Merging changes what is there, and not what is said: not while several do it
// at once, not where one dies in the middle, and not where a page is written
// again afterwards.
func TestMergingLosesAndDoublesNothing(t *testing.T) {
	onBoth(t, func(r *rig) {
		start := r.info().Now.UTC().Truncate(ledger.Day)
		want := uint64(0)
		var old *ledger.Page
		for day := range 12 {
			for h := range 4 {
				for w := range 3 {
					n := uint64(1 + day*h + w)
					want += n
					p := hour(start.Add(time.Duration(day)*ledger.Day+time.Duration(h)*time.Hour), fmt.Sprint("w", w), map[string]ledger.Counts{
						"f": calls(map[string]uint64{"hit-store": n}, time.Second, 0), fmt.Sprint("g", w): calls(nil, time.Second, 0),
					})
					r.write(p)
					if old == nil {
						old = p
					}
				}
			}
		}
		said := func(when string) Savings {
			r.Helper()
			s, err := r.i.Savings(r.Context(), time.Time{})
			if err != nil || s.Total.Calls != want || s.Total.Saved != Seconds(2*12*12*time.Second) {
				r.Fatalf("%s: %d calls, want %d; %v saved; %v", when, s.Total.Calls, want, s.Total.Saved, err)
			}
			return s
		}
		said("before")
		r.clock.add(15 * ledger.Day)
		dying := r.with(nil)
		dying.i.store = purgeless{r.store, r.store.(store.Leaser)}
		if n, err := dying.i.compact(r.Context()); err == nil || n != 0 {
			r.Fatal(n, err)
		}
		said("after one that died between merging and deleting")
		done := make(chan error)
		const atATime = 4
		for range atATime {
			go func() { _, err := r.i.compact(r.Context()); done <- err }()
		}
		for range atATime {
			if err := <-done; err != nil {
				r.Error(err)
			}
			said("while others merge")
		}
		if _, err := r.i.GC(r.Context()); err != nil {
			r.Fatal(err)
		}
		s := said("after")
		names, err := r.i.pageNames(r.Context())
		if err != nil || len(names) != 8+4*12 {
			r.Errorf("%d pages are left, want 8 of days and %d of hours; %v", len(names), 4*12, err)
		}
		if len(s.Periods) != 8+4*4 || s.Periods[0].Span != Seconds(ledger.Day) {
			r.Errorf("%d periods, the first of %v", len(s.Periods), s.Periods[0].Span)
		}
		r.write(old)
		said("after a page was written again")
		if _, err := r.i.GC(r.Context()); err != nil {
			r.Fatal(err)
		}
		again := said("after it was merged again")
		if d := cmp.Diff(s.Functions, again.Functions); d != "" {
			r.Error(d)
		}
		late := hour(start.Add(23*time.Hour), "late", map[string]ledger.Counts{"f": calls(map[string]uint64{"hit-store": 5}, 0, 0)})
		r.write(late)
		want += 5
		said("after a late page")
		swept, err := r.i.GC(r.Context())
		if err != nil || swept.LedgerPages != 1 {
			r.Errorf("%+v, %v", swept, err)
		}
		said("after that was merged")
	})
}

// purgeless is a store on which whoever deletes has died.
type purgeless struct {
	store.Store
	store.Leaser
}

func (purgeless) Purge(_ ctxt, _ store.Query) (int, error) { return 0, errDied }

// A merged page that cannot be read is not written over.
func TestMergingLeavesWhatItCannotRead(t *testing.T) {
	r := inMemory(t)
	start := r.info().Now.UTC().Truncate(ledger.Day)
	p := hour(start, "w", map[string]ledger.Counts{"f": calls(map[string]uint64{"hit-store": 5}, 0, 0)})
	r.write(p)
	r.clock.add(10 * ledger.Day)
	if n, err := r.i.compact(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	r.write(hour(start.Add(time.Hour), "w", nil))
	signed := r.with(&Options{Signing: []byte("0123456789abcdef")})
	if n, err := signed.i.compact(t.Context()); n != 0 || err != nil {
		t.Error(n, err)
	}
	if s, err := r.i.Savings(t.Context(), time.Time{}); err != nil || s.Total.Calls != 5 {
		t.Errorf("%+v, %v", s.Total, err)
	}
	// Who does not lease does not merge.
	r.i.store = struct{ store.Store }{r.store}
	if n, err := r.i.compact(t.Context()); n != 0 || err != nil {
		t.Error(n, err)
	}
}
