package reprise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/store"
)

// Explanation says why a call would hit or miss.
type Explanation struct {
	Function string
	Version  string
	Key      store.Key // zero where the call has no sound key
	Hit      bool
	Tier     Tier   // of a hit
	Reason   Reason // of a miss, or of a stale hit
	// Err is why the call has no sound key, why the store does not answer, or
	// why there is no Nearest.
	Err error
	// Age and Cost are those of the value that a hit would return.
	Age, Cost time.Duration
	// Parts are what goes into the key.
	Parts []ExplainedPart
	// Nearest is, for a miss, the entry of the function whose key has the
	// fewest differing parts; nil where there is none.
	Nearest *NearestEntry
}

// ExplainedPart is one part of a key. Value is a preview, empty where the part
// is private or a digest only.
type ExplainedPart struct {
	Name    string
	Value   string
	Private bool
}

// NearestEntry is another entry of the same function.
type NearestEntry struct {
	Key         store.Key
	Age         time.Duration
	Differences []Difference
}

// Difference is a part in which two keys differ. An empty Old or New says that
// one of them lacks it, or that it is private.
type Difference struct {
	Part     string
	Old, New string
	Private  bool
}

// How much Explain compares: the newest entries, up to a number, and up to a
// size of their descriptions, which for large directories are large.
const (
	nearestAmong = 200
	nearestBytes = 4 << 20
	nearestPage  = 20
)

// Explain says whether a call would hit, and if not, why: what the nearest
// entry has that this call has not. It runs nothing and changes nothing. A
// call without a sound key is explained, too; the error is for a ctx that ends
// and for a closed cache.
func (f *Func[In, Out]) Explain(ctx context.Context, in In) (Explanation, error) {
	x := Explanation{Function: f.opts.Name, Version: f.version.String()}
	s := settingsIn(ctx)
	sc := f.keys.get(in)
	defer f.keys.put(sc)
	if err := f.keys.encode(ctx, s, sc); err != nil {
		x.Reason, x.Err = KeyError, err
		switch {
		case errors.Is(err, ErrScopeMissing):
			x.Reason = ScopeMissing
		case errors.Is(err, ErrStore):
			x.Reason = StoreError
		}
		return x, wrapped("explain", f.opts.Name, nil, context.Cause(ctx))
	}
	c := &f.plan(s, sc, in).call
	r, err := f.cache.engine.Peek(ctx, &f.fn, c)
	x.Key, x.Hit, x.Tier, x.Reason, x.Age, x.Cost, x.Err = c.Key, r.Outcome.Hit(), r.Tier, r.Reason, r.Age, r.Cost, r.Err
	if errors.Is(err, ErrStore) {
		x.Reason, x.Err = StoreError, err
		return x, nil
	}
	if err != nil {
		return x, wrapped("explain", f.opts.Name, &c.Key, err)
	}
	parts, err := f.parts(ctx, s, in)
	for _, p := range parts {
		x.Parts = append(x.Parts, ExplainedPart{Name: p.Name, Value: p.Preview, Private: p.Private})
	}
	if err == nil && !x.Hit && !f.fn.Ephemeral {
		x.Nearest, err = f.nearest(ctx, parts)
	}
	if errors.Is(err, ErrStore) {
		x.Err, err = err, nil
	}
	return x, wrapped("explain", f.opts.Name, &c.Key, err)
}

// nearest finds the entry that differs least, of equals the newest.
func (f *Func[In, Out]) nearest(ctx context.Context, parts []canon.Part) (*NearestEntry, error) {
	kind := store.KindFunction
	q := store.Query{Kind: &kind, Collection: &f.opts.Collection, Function: &f.opts.Name,
		All: true, Manifests: true, Order: store.NewestFirst, Limit: nearestPage}
	now := f.cache.engine.StoreTime(ctx)
	if now.IsZero() {
		return nil, cmp.Or(context.Cause(ctx), ErrStore)
	}
	var best *NearestEntry
	for seen, size := 0, 0; seen < nearestAmong && size < nearestBytes; seen += nearestPage {
		page, err := f.cache.engine.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Records {
			size += len(page.Records[i].Manifest)
			best = nearer(best, &page.Records[i], now, parts)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return best, nil
}

// nearer is rec where it differs in fewer parts than best does.
func nearer(best *NearestEntry, rec *store.Record, now time.Time, parts []canon.Part) *NearestEntry {
	old, err := canon.ParseParts(rec.Manifest)
	if err != nil {
		return best // written by a version that describes keys otherwise
	}
	diffs := canon.Diff(old, parts)
	if best != nil && len(diffs) >= len(best.Differences) {
		return best
	}
	return &NearestEntry{Key: rec.Key, Age: now.Sub(rec.Created), Differences: differences(diffs)}
}

func differences(ds []canon.Difference) []Difference {
	out := make([]Difference, len(ds))
	for i, d := range ds {
		out[i].Part = d.Name
		if d.Old != nil {
			out[i].Old, out[i].Private = d.Old.Preview, d.Old.Private
		}
		if d.New != nil {
			out[i].New, out[i].Private = d.New.Preview, out[i].Private || d.New.Private
		}
	}
	return out
}

// String is the explanation for people, in a line or a few.
func (x Explanation) String() string {
	var b strings.Builder
	switch {
	case x.Hit:
		fmt.Fprintf(&b, "%s: hit in %s, %s old, saves %s", x.Function, x.Tier, rough(x.Age), rough(x.Cost))
		if x.Reason != NoReason {
			fmt.Fprintf(&b, " (%s)", x.Reason)
		}
		return b.String()
	case x.Reason == KeyError, x.Reason == ScopeMissing, x.Reason == StoreError:
		return fmt.Sprintf("%s: uncached (%s): %v", x.Function, x.Reason, x.Err)
	}
	fmt.Fprintf(&b, "%s: miss (%s)", x.Function, x.Reason)
	if x.Nearest == nil {
		b.WriteString("; no entry to compare with")
		if x.Err != nil {
			fmt.Fprintf(&b, ": %v", x.Err)
		}
		return b.String()
	}
	x.Nearest.describe(&b)
	return b.String()
}

func (n *NearestEntry) describe(b *strings.Builder) {
	fmt.Fprintf(b, "; nearest entry %s ago", rough(n.Age))
	if len(n.Differences) == 0 {
		b.WriteString("; same inputs, same version")
		return
	}
	b.WriteString("; differs in")
	for i, d := range n.Differences {
		if i == maxDescribed {
			fmt.Fprintf(b, "\n  and %d more", len(n.Differences)-i)
			break
		}
		fmt.Fprintf(b, "\n  %s", d)
	}
}

// maxDescribed keeps an explanation of a large directory readable.
const maxDescribed = 12

// String is the difference for people: "input.Limit: 10 → 20".
func (d Difference) String() string {
	part := strings.Map(shown, d.Part)
	switch {
	case d.Private:
		return part + ": changed (private)"
	case d.Old == "" && d.New == "", d.Old == d.New:
		return part + ": changed"
	case d.Old == "":
		return part + ": new, " + d.New
	case d.New == "":
		return part + ": gone, was " + d.Old
	}
	return part + ": " + d.Old + " → " + d.New
}

// shown keeps what a file is called from reaching a terminal as a command.
func shown(r rune) rune {
	if !strconv.IsPrint(r) {
		return unicode.ReplacementChar
	}
	return r
}

// rough rounds a duration to what people read.
func rough(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Hour, time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 10)
		}
	}
	return d
}
