package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

func TestEntryTellsEverything(t *testing.T) {
	onBoth(t, func(r *rig) {
		key := r.put(spec{
			fn: "pkg.F", version: "v1", dataset: "d", tags: []string{"a", "b"}, value: `{"x":1}`, ttl: time.Hour, cost: 2 * time.Second, grace: time.Minute,
			parts: []canon.Part{part("version", "v1"), part("input.Limit", "10"), secretPart("input.Token", "s3cret"), secretPart("scope.User", "u")},
		})
		r.clock.add(10 * time.Minute)
		e := of2(r)(r.i.Entry(r.Context(), key))
		if e.Key != key || e.Function != "pkg.F" || e.State != Live || e.Policy != "evict" || e.Kind != FunctionKind || !e.Scoped {
			r.Errorf("%+v", e)
		}
		if e.Age != Seconds(10*time.Minute) || e.Cost != Seconds(2*time.Second) || !e.Expires.Equal(e.Created.Add(time.Hour)) || e.Grace != Seconds(time.Minute) {
			r.Errorf("age %v, cost %v, expires %v after", e.Age, e.Cost, e.Expires.Sub(e.Created))
		}
		if d := cmp.Diff(e.Value, &ValueInfo{Codec: "json", Plain: 7}); d != "" || e.Problem != "" {
			r.Error(d, e.Problem)
		}
		if len(e.Parts) != 4 || e.Parts[1].Preview != "10" || e.Parts[2].Preview != "" || !e.Parts[2].Private || len(e.Parts[1].Digest) != 16 {
			r.Errorf("parts %+v", e.Parts)
		}
		b, err := json.Marshal(e)
		if err != nil || strings.Contains(string(b), "s3cret") || !strings.Contains(string(b), `"age_seconds":600`) {
			r.Errorf("%s, %v", b, err)
		}
	})
}

// of2 is of, for two results in one call.
func of2(r *rig) func(e Entry, err error) Entry {
	return func(e Entry, err error) Entry { r.Helper(); return of(r, e, err) }
}

func TestEntryStates(t *testing.T) {
	onBoth(t, func(r *rig) {
		expired := r.put(spec{fn: "f", value: "1", ttl: time.Minute, grace: time.Hour})
		swept := r.put(spec{fn: "f", value: "2", ttl: time.Minute})
		hidden := r.put(spec{fn: "g", value: "3"})
		cleared := r.put(spec{fn: "h", value: "4"})
		r.clock.add(2 * time.Minute)
		if _, err := r.store.Bump(r.Context(), store.FunctionLabel(0, "execution_store", "g")); err != nil {
			r.Fatal(err)
		}
		of(r, Counts{}, func() error { _, err := r.i.Clear(r.Context(), Selection{Key: cleared}); return err }())
		for key, want := range map[string]State{expired: Expired, hidden: Hidden} {
			if e := of2(r)(r.i.Entry(r.Context(), key)); e.State != want || e.Value == nil {
				r.Errorf("%s: %s, value %v; want %s", key[:6], e.State, e.Value, want)
			}
		}
		e := of2(r)(r.i.Entry(r.Context(), swept)) // not swept yet, but past its grace
		if e.State != Expired || e.Value != nil || !strings.Contains(e.Problem, "gone") {
			r.Errorf("past its grace: %+v", e)
		}
		if _, err := r.i.Entry(r.Context(), cleared); !errors.Is(err, ErrNotFound) {
			r.Errorf("cleared: %v", err)
		}
	})
}

func TestKeysMayBeShort(t *testing.T) {
	onBoth(t, func(r *rig) {
		// Keys whose first digits are those of a hash; two with the same first four.
		same := map[string]string{}
		var first, second string
		for n := 0; first == ""; n++ {
			k := keyOf(fmt.Sprint(n)).String()
			if other, ok := same[k[:4]]; ok {
				first, second = other, fmt.Sprint(n)
			}
			same[k[:4]] = fmt.Sprint(n)
		}
		a, b := r.put(spec{fn: "f", key: first, value: "1"}), r.put(spec{fn: "f", key: second, value: "2"})
		alone := r.put(spec{fn: "f", key: "alone", value: "3"})
		for _, ref := range []string{alone, alone[:4], alone[:5], strings.ToUpper(alone[:9]), alone[:63]} {
			if e, err := r.i.Entry(r.Context(), ref); err != nil || e.Key != alone {
				r.Errorf("%s: %s, %v", ref, e.Key, err)
			}
		}
		var am *AmbiguousError
		_, err := r.i.Entry(r.Context(), a[:4])
		if !errors.As(err, &am) || !errors.Is(err, ErrAmbiguous) || len(am.Keys) != 2 || am.More {
			r.Fatalf("ambiguous: %v", err)
		}
		if !strings.Contains(err.Error(), a[:12]) || !strings.Contains(err.Error(), b[:12]) {
			r.Errorf("%v does not list %s and %s", err, a[:12], b[:12])
		}
		for ref, want := range map[string]error{
			"": ErrBadKey, "abc": ErrBadKey, "xyzw": ErrBadKey, alone + "0": ErrBadKey, strings.Repeat("z", 64): ErrBadKey,
			strings.Repeat("0", 64): ErrNotFound, strings.Repeat("0", 8): ErrNotFound, "ffffffffff": ErrNotFound,
		} {
			if _, err := r.i.Entry(r.Context(), ref); !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "inspect: ") {
				r.Errorf("%q: %v, want %v", ref, err, want)
			}
		}
	})
}

func TestManyKeysAreAmbiguous(t *testing.T) {
	e := &AmbiguousError{Prefix: "ab"}
	for n := range 20 {
		e.Keys = append(e.Keys, keyOf(fmt.Sprint(n)).String())
	}
	e.More = true
	if msg := e.Error(); !strings.Contains(msg, "…") || !strings.Contains(msg, "more digits") {
		t.Error(msg)
	}
}

// Whatever reprise keeps for itself is nobody's to see or clear.
func TestReservedEntriesAreHidden(t *testing.T) {
	onBoth(t, func(r *rig) {
		mine := r.put(spec{fn: "f", value: "1"})
		own := r.put(spec{kind: store.KindEntry, coll: ledger.Collection, fn: ledger.Name, entry: "x", value: "{}", policy: store.Persist})
		p := of(r, Page{}, nil)
		p, err := r.i.Entries(r.Context(), Query{All: true})
		if err != nil || len(p.Entries) != 1 || p.Entries[0].Key != mine {
			r.Errorf("entries %+v, %v", p.Entries, err)
		}
		for _, ref := range []string{own, own[:8]} {
			if _, err := r.i.Entry(r.Context(), ref); !errors.Is(err, ErrNotFound) {
				r.Errorf("entry: %v", err)
			}
		}
		for _, s := range []Selection{{Filter: Filter{Collection: ledger.Collection}}, {Filter: Filter{Collection: ledger.Collection, Version: "x"}}} {
			if _, err := r.i.Clear(r.Context(), s); !errors.Is(err, ErrSelection) {
				r.Errorf("clear %+v: %v", s, err)
			}
		}
		r.clock.add(time.Hour)
		c, err := r.i.Clear(r.Context(), Selection{OlderThan: time.Minute})
		if err != nil || c.Entries != 1 || !r.has(own) || r.has(mine) {
			r.Errorf("clear of what is old: %+v, %v", c, err)
		}
		u, err := r.i.Usage(r.Context())
		if err != nil || u.Reserved.Entries != 1 || u.Live.Entries != 0 || len(u.Functions) != 0 {
			r.Errorf("usage %+v, %v", u, err)
		}
	})
}

func TestEntriesPages(t *testing.T) {
	onBoth(t, func(r *rig) {
		want := map[string]State{}
		for n := range 250 {
			s := spec{fn: fmt.Sprint("f", n%3), value: fmt.Sprint(n), tags: []string{"t"}}
			if n%5 == 0 {
				s.ttl, s.grace = time.Minute, time.Hour
			}
			key := r.put(s)
			want[key] = Live
			if n%3 == 1 {
				want[key] = Hidden
			} else if n%5 == 0 {
				want[key] = Expired
			}
		}
		for n := range 30 {
			r.put(spec{kind: store.KindEntry, coll: ledger.Collection, fn: ledger.Name, entry: fmt.Sprint(n), value: "{}"})
		}
		r.clock.add(2 * time.Minute)
		if _, err := r.store.Bump(r.Context(), store.FunctionLabel(0, "execution_store", "f1")); err != nil {
			r.Fatal(err)
		}
		for _, order := range []Order{"", ByKey, NewestFirst, ByEntry} {
			for _, all := range []bool{true, false} {
				got := map[string]State{}
				q := Query{All: all, Order: order, Limit: 37, Parts: true}
				for {
					p, err := r.i.Entries(r.Context(), q)
					if err != nil || len(p.Entries) > 37 {
						r.Fatal(len(p.Entries), err)
					}
					for _, e := range p.Entries {
						if got[e.Key] != "" {
							r.Fatalf("%s twice", e.Key)
						}
						got[e.Key] = e.State
					}
					if q.Cursor = p.Next; q.Cursor == "" {
						break
					}
				}
				expected := map[string]State{}
				for k, s := range want {
					if all || s == Live {
						expected[k] = s
					}
				}
				if d := cmp.Diff(expected, got); d != "" {
					r.Errorf("order %q, all %v: %s", order, all, d)
				}
			}
		}
	})
}

func TestEntriesRefuse(t *testing.T) {
	r := inMemory(t)
	for _, q := range []Query{{Order: "biggest"}, {Limit: -1}, {Filter: Filter{Kind: "cat"}}, {Cursor: "nonsense"}, {Filter: Filter{Collection: "reprise"}}} {
		if p, err := r.i.Entries(t.Context(), q); err == nil || !strings.HasPrefix(err.Error(), "inspect: entries: ") {
			t.Errorf("%+v: %+v, %v", q, p, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(nil, nil); err == nil {
		t.Error("no store")
	}
	if _, err := New(inMemory(t).store, &Options{Signing: []byte("short")}); err == nil || strings.Contains(err.Error(), "short\"") {
		t.Error(err)
	}
	if _, err := New(inMemory(t).store, &Options{Signing: []byte{}}); err != nil {
		t.Error(err)
	}
}
