package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func counts(t *rapid.T) Counts {
	numbers := rapid.MapOfN(rapid.SampledFrom([]string{"hit-memory", "populated", "failed"}), rapid.Uint64Range(1, 1000), 0, 3)
	c := Counts{
		Outcomes: numbers.Draw(t, "outcomes"), Reasons: numbers.Draw(t, "reasons"),
		Saved: time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "saved")), Stored: rapid.Int64Range(0, 1e9).Draw(t, "stored"),
	}
	return c
}

// Since undoes Add, and adding in any order gives the same.
func TestCountsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := counts(t), counts(t)
		var ab, ba Counts
		ab.Add(&a)
		before := ab.Since(&Counts{}) // a copy
		ab.Add(&b)
		ba.Add(&b)
		ba.Add(&a)
		if d := cmp.Diff(ab, ba); d != "" {
			t.Fatal("order matters:", d)
		}
		got := ab.Since(&before)
		var want Counts
		want.Add(&b)
		if len(want.Outcomes) == 0 {
			want.Outcomes = got.Outcomes // nil and empty mean the same
		}
		if len(want.Reasons) == 0 {
			want.Reasons = got.Reasons
		}
		if d := cmp.Diff(got, want); d != "" {
			t.Fatal("Since does not undo Add:", d)
		}
		if self := ab.Since(&ab); !self.Zero() {
			t.Fatalf("since itself: %+v", self)
		}
	})
}

func page() *Page {
	p := &Page{Start: time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC), Span: time.Hour, Writer: "w1"}
	for _, name := range []string{"b", "a", "c", "a"} {
		p.Of("x", name).Add(&Counts{Outcomes: map[string]uint64{"populated": 1}, Spent: time.Second})
	}
	p.Of("w", "z").Add(&Counts{Saved: time.Minute})
	p.Includes = []string{Mark(p.Key())}
	return p
}

func TestPagesComeBack(t *testing.T) {
	p := page()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, p); d != "" {
		t.Error(d)
	}
	if n := got.Of("x", "a").Outcomes["populated"]; n != 2 || len(got.Functions) != 4 {
		t.Errorf("%d calls of a, %d functions", n, len(got.Functions))
	}
	if got.Key() != p.Key() || got.Entry() != "2026-11-22T11:00:00Z 1h0m0s w1" {
		t.Errorf("entry %q", got.Entry())
	}
	other := *p
	other.Writer = "w2"
	if other.Key() == p.Key() {
		t.Error("two writers share a page")
	}
	p.Add(got)
	if n := p.Of("x", "a").Outcomes["populated"]; n != 4 {
		t.Errorf("%d calls after adding a page to itself", n)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, bad := range []string{"", "null", "{}", "[]", `{"start":"2026-11-22T11:00:00Z"}`, `{"start":"x","span":1}`, `{"span":3600000000000}`} {
		if p, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, _ := page().Encode()
	f.Add(b)
	f.Add([]byte(`{"start":"2026-11-22T11:00:00Z","span":1,"functions":[{"name":"b"},{"name":"a"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		q, err := Decode(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if p.Entry() != q.Entry() || len(p.Functions) != len(q.Functions) {
			t.Errorf("%+v came back as %+v", p, q)
		}
	})
}
