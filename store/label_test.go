package store

import (
	"slices"
	"testing"
)

// FuzzLabelFraming holds that two functions share a label only where all parts
// are equal, and that a label never passes for one of another kind.
func FuzzLabelFraming(f *testing.F) {
	f.Add(uint8(0), "ab", "c", "", uint8(0), "a", "bc", "")
	f.Add(uint8(0), "a", "b", "c", uint8(0), "a 1:b", "c", "")
	f.Add(uint8(1), "", "", "", uint8(10), "", "", "")
	f.Add(uint8(1), "\x00", "\xff", "0 1:a", uint8(1), "\x00\xff", "", "0 1:a")
	f.Add(uint8(0), "1:1:", "1", ":1", uint8(0), "1:1", ":1", ":1")
	f.Fuzz(func(t *testing.T, k1 uint8, c1, f1, d1 string, k2 uint8, c2, f2, d2 string) {
		same := k1 == k2 && c1 == c2 && f1 == f2
		if got := FunctionLabel(Kind(k1), c1, f1) == FunctionLabel(Kind(k2), c2, f2); got != same {
			t.Errorf("labels of (%d %q %q) and (%d %q %q) equal: %t", k1, c1, f1, k2, c2, f2, got)
		}
		one, two := FunctionDatasetLabel(Kind(k1), c1, f1, d1), FunctionDatasetLabel(Kind(k2), c2, f2, d2)
		if got := one == two; got != (same && d1 == d2) {
			t.Errorf("labels of (%d %q %q %q) and (%d %q %q %q) equal: %t", k1, c1, f1, d1, k2, c2, f2, d2, got)
		}
		if frame(Kind(k1), c1, f1) == frame(Kind(k2), c2, f2, d2) {
			t.Errorf("two parts and three parts frame alike: %q", frame(Kind(k1), c1, f1))
		}
	})
}

// FuzzParseKey holds that whatever parses is a key in one of its spellings.
func FuzzParseKey(f *testing.F) {
	f.Add(Key{}.String())
	f.Add(Key{0: 0xab, 31: 0xff}.String())
	f.Add("ABCDEF")
	f.Add("")
	f.Add("zz")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			if k != (Key{}) {
				t.Errorf("ParseKey(%q) = %v with an error", s, k)
			}
			return
		}
		again, err := ParseKey(k.String())
		if err != nil || again != k || len(s) != 64 {
			t.Errorf("ParseKey(%q) = %v, which parses as %v, %v", s, k, again, err)
		}
	})
}

func TestKeyText(t *testing.T) {
	k := Key{0: 0x3f, 5: 0x9a, 31: 0x01}
	if got := k.Short(); got != "3f000000009a" {
		t.Errorf("Short = %q", got)
	}
	if got, err := ParseKey(k.String()); err != nil || got != k {
		t.Errorf("ParseKey(String) = %v, %v", got, err)
	}
	for _, bad := range []string{"", "3f", k.String()[1:], k.String() + "00", "g" + k.String()[1:]} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("ParseKey(%q) has no error", bad)
		}
	}
}

func TestLabelsOf(t *testing.T) {
	l := Labels{Kind: KindEntry, Collection: "c", Function: "f", Dataset: "d", Version: "v", Entry: "e", Tags: []string{"s", "t"}}
	want := []Label{
		{LabelAll, ""},
		{LabelFunction, "1 1:c 1:f"},
		{LabelFunctionDataset, "1 1:c 1:f 1:d"},
		{LabelDataset, "d"},
		{LabelTag, "s"},
		{LabelTag, "t"},
	}
	if got := l.Of(nil, Evict); !slices.Equal(got, want) {
		t.Errorf("Of evictable = %q, want %q", got, want)
	}
	if got := l.Of(nil, Persist); !slices.Equal(got, want[1:]) {
		t.Errorf("Of persistent = %q, want %q", got, want[1:])
	}
	l.Dataset, l.Tags = "", nil
	if got := l.Of(nil, Persist); !slices.Equal(got, want[1:2]) {
		t.Errorf("Of unlinked and persistent = %q, want the function only", got)
	}
	if slices.Contains(l.Of(nil, Evict), Label{}) {
		t.Error("the zero Label is carried by a record")
	}
}

func TestPolicyNames(t *testing.T) {
	if Evict.String() != "evict" || Persist.String() != "persist" {
		t.Errorf("policies %q and %q", Evict, Persist)
	}
}
