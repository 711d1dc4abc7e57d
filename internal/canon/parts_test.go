package canon

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func parts[T any](t testing.TB, e *Encoder, v *T) []Part {
	t.Helper()
	list, err := e.Parts(t.Context(), reflect.ValueOf(v).UnsafePointer())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

type query struct {
	Limit int
	Since time.Time
	Token string `reprise:"private"`
	Trace string `reprise:"ignore"`
}

type partsInput struct {
	Query  query
	Labels map[string]string
	Names  []string
	Next   *query
	Secret map[string]string `reprise:"private"`
	Repo   any
}

func sampleInput() partsInput {
	return partsInput{
		Query:  query{Limit: 10, Since: time.Unix(0, 0).UTC(), Token: "canary", Trace: "t"},
		Labels: map[string]string{"env": "prod", "a.b": "c"},
		Names:  []string{"x", "y"},
		Secret: map[string]string{"canary": "canary"},
	}
}

func TestParts(t *testing.T) {
	e, in := mustCompile[partsInput](t), sampleInput()
	got := map[string]string{}
	for _, p := range parts(t, e, &in) {
		if strings.Contains(p.Name+p.Preview, "canary") {
			t.Errorf("part %q shows a private value: %q", p.Name, p.Preview)
		}
		got[p.Name] = fmt.Sprintf("%s %v", p.Preview, p.Private)
	}
	want := map[string]string{
		"Query.Limit":   "10 false",
		"Query.Since":   "1970-01-01T00:00:00Z false",
		"Query.Token":   " true",
		`Labels["env"]`: `"prod" false`,
		`Labels["a.b"]`: `"c" false`,
		"Names":         `["x" "y"] false`,
		"Next":          "nil false",
		"Secret":        " true",
		"Repo":          "nil false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDiffNamesTheField(t *testing.T) {
	e, a, b := mustCompile[partsInput](t), sampleInput(), sampleInput()
	b.Query.Limit = 20
	b.Query.Trace = "other"
	b.Labels["new"] = "n"
	delete(b.Labels, "env")
	b.Secret["k"] = "v"
	var got []string
	for _, d := range Diff(parts(t, e, &a), parts(t, e, &b)) {
		line := d.Name + ":"
		for _, p := range []*Part{d.Old, d.New} {
			if p != nil {
				line += " " + p.Preview
			} else {
				line += " -"
			}
		}
		got = append(got, line)
	}
	want := []string{`Labels["env"]: "prod" -`, `Labels["new"]: - "n"`, "Query.Limit: 10 20", "Secret:  "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPartsOfWholeValues(t *testing.T) {
	n := 7
	if got := parts(t, mustCompile[int](t), &n); len(got) != 1 || got[0].Name != "" || got[0].Preview != "7" {
		t.Errorf("int: %+v", got)
	}
	big := map[string]int{}
	for i := range maxKeyParts + 1 {
		big[fmt.Sprint(i)] = i
	}
	if got := parts(t, mustCompile[map[string]int](t), &big); len(got) != 1 {
		t.Errorf("a map with %d keys is %d parts", len(big), len(got))
	}
	delete(big, "0")
	if got := parts(t, mustCompile[map[string]int](t), &big); len(got) != maxKeyParts {
		t.Errorf("a map with %d keys is %d parts", len(big), len(got))
	}
	list := tree{Name: "0"}
	for at, i := &list, 1; i < 100; i++ {
		at.Kids = []*tree{{Name: fmt.Sprint(i)}}
		at = at.Kids[0]
	}
	if got := parts(t, mustCompile[tree](t), &list); len(got) != 2 {
		t.Errorf("a tree is %d parts", len(got))
	}
}

func TestPreviewIsShortAndPrintable(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		v := rapid.SliceOf(rapid.String()).Draw(r, "v")
		got := preview(reflect.ValueOf(v), nil)
		if n := utf8.RuneCountInString(got); n > maxPreview || !utf8.ValidString(got) {
			r.Fatalf("%d characters: %q", n, got)
		}
	})
	for _, v := range values {
		p := preview(reflect.ValueOf(v.v), nil)
		if p == "" || utf8.RuneCountInString(p) > maxPreview || !utf8.ValidString(p) {
			t.Errorf("%s: preview %q", v.name, p)
		}
	}
	if got := preview(reflect.ValueOf("a\x00\xff\n"+strings.Repeat("é", 100)), nil); strings.ContainsFunc(got, func(r rune) bool { return r < ' ' }) {
		t.Errorf("control characters in %q", got)
	}
}

func TestPartsRoundTrip(t *testing.T) {
	all := rapid.SliceOf(rapid.Make[Part]())
	rapid.Check(t, func(r *rapid.T) {
		want := all.Draw(r, "parts")
		b := AppendParts([]byte{1}, want)
		got, err := ParseParts(b[1:])
		if err != nil || !slices.Equal(got, want) {
			r.Fatalf("%+v became %+v, %v", want, got, err)
		}
	})
}

func TestParsePartsRefuses(t *testing.T) {
	good := AppendParts(nil, []Part{{Name: "A", Preview: "1"}, {Name: "B\xff"}})
	for i := range good {
		if _, err := ParseParts(good[:i]); err == nil {
			t.Errorf("truncated to %d bytes: no error", i)
		}
	}
	for name, b := range map[string][]byte{
		"left over":     append(bytes.Clone(good), 0),
		"newer version": {0x82, 0x02, 0x80},
		"long head":     {0x82, 0x01, 0x98, 0x01},
		"claimed 2^40":  {0x82, 0x01, 0x9b, 0, 0, 1, 0, 0, 0, 0, 0},
		"no array":      {0x01},
	} {
		if _, err := ParseParts(b); err == nil || !strings.HasPrefix(err.Error(), "canon: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParsePartsIsBounded: a claimed length costs no memory.
func TestParsePartsIsBounded(t *testing.T) {
	b := []byte{0x82, 0x01, 0x9a, 0x3f, 0xff, 0xff, 0xff, 0x84}
	if n := testing.AllocsPerRun(10, func() { ParseParts(b) }); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

// TestPreviewsHideWhatDoesNotCount: neither ignored fields nor the insides of
// types that speak for themselves are shown.
func TestPreviewsHideWhatDoesNotCount(t *testing.T) {
	type account struct{ Name, Token string }
	type input struct {
		List   []account
		ByName map[string]*account
		Keyed  Inner
		Any    any
	}
	e, err := Compile(reflect.TypeFor[input](), Options{Ignore: []string{"List.Token", "ByName.Token"}})
	if err != nil {
		t.Fatal(err)
	}
	a := account{"n", "canary"}
	in := input{
		List: []account{a}, ByName: map[string]*account{"k": &a}, Keyed: Inner{4711},
		Any: []any{mustURL("https://u:canary@h/"), query{Token: "canary", Trace: "canary"}},
	}
	for _, p := range parts(t, e, &in) {
		if strings.Contains(p.Preview, "canary") || strings.Contains(p.Preview, "4711") {
			t.Errorf("%s: %s", p.Name, p.Preview)
		}
	}
}
