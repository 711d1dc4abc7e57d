package version

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// unframe reads what frame wrote. That it can is why no two lists share bytes.
func unframe(b []byte) ([]string, bool) {
	next := func() (uint64, bool) {
		if len(b) < 8 {
			return 0, false
		}
		n := binary.BigEndian.Uint64(b)
		b = b[8:]
		return n, true
	}
	n, ok := next()
	if !ok {
		return nil, false
	}
	parts := []string{}
	for range n {
		size, ok := next()
		if !ok || size > uint64(len(b)) {
			return nil, false
		}
		parts = append(parts, string(b[:size]))
		b = b[size:]
	}
	return parts, len(b) == 0
}

func TestFrame_readsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "parts")
		got, ok := unframe(frame(want...))
		if !ok || !slices.Equal(got, want) {
			t.Fatalf("frame(%q) reads back as %q, %v", want, got, ok)
		}
	})
}

// TestResolve_boundariesCount moves the boundaries between the values of
// several policies in every way: each is another version.
func TestResolve_boundariesCount(t *testing.T) {
	split := func(s string, cuts []int) []Policy {
		cuts = sortedCuts(cuts, len(s))
		var ps []Policy
		from := 0
		for _, cut := range append(cuts, len(s)) {
			ps = append(ps, fixed(s[from:cut]))
			from = cut
		}
		return ps
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9:,]{4,12}`).Draw(t, "values")
		cut := rapid.SliceOfN(rapid.IntRange(1, len(s)-1), 0, 3)
		a, b := cut.Draw(t, "a"), cut.Draw(t, "b")
		va, err := Resolve(t.Context(), Spec{Policies: split(s, a)})
		if err != nil {
			t.Fatal(err)
		}
		vb, err := Resolve(t.Context(), Spec{Policies: split(s, b)})
		if err != nil {
			t.Fatal(err)
		}
		same := slices.Equal(sortedCuts(a, len(s)), sortedCuts(b, len(s)))
		if got := va.String() == vb.String(); got != same {
			t.Fatalf("%q cut at %v and at %v: equal versions %v, want %v", s, a, b, got, same)
		}
	})
}

func sortedCuts(cuts []int, end int) []int {
	cuts = slices.Compact(slices.Sorted(slices.Values(cuts)))
	return slices.DeleteFunc(cuts, func(c int) bool { return c == end })
}

// FuzzFrame looks for bytes that are the frame of two lists.
func FuzzFrame(f *testing.F) {
	f.Add("1", "23", "12", "3")
	f.Add("", "", "", "\x00")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		equal := string(frame(a, b)) == string(frame(c, d))
		if equal != (a == c && b == d) {
			t.Errorf("frame(%q, %q) against frame(%q, %q): equal %v", a, b, c, d, equal)
		}
		if string(frame(a+b)) == string(frame(a, b)) {
			t.Errorf("frame(%q) equals frame(%q, %q)", a+b, a, b)
		}
	})
}

// TestVersion_goldenBytes pins the format: a change here is a new version of
// everything that anyone has cached, and needs a new number in digest.
func TestVersion_goldenBytes(t *testing.T) {
	const (
		kind  = "reprise/version/1/policies"
		bytes = "\x00\x00\x00\x00\x00\x00\x00\x03" +
			"\x00\x00\x00\x00\x00\x00\x00\x1a" + kind +
			"\x00\x00\x00\x00\x00\x00\x00\x01" + "1" +
			"\x00\x00\x00\x00\x00\x00\x00\x02" + "23"
	)
	sum := sha256.Sum256([]byte(bytes))
	v, err := Resolve(t.Context(), Spec{Policies: []Policy{fixed("1"), fixed("23")}})
	if err != nil {
		t.Fatal(err)
	}
	if want := hex.EncodeToString(sum[:]); v.String() != want {
		t.Errorf("version of (1, 23) is %s, want the SHA-256 of the framed list, %s", v, want)
	}
}

// TestPolicies_goldenValues pins what each policy makes of fixed input.
func TestPolicies_goldenValues(t *testing.T) {
	t.Setenv("REPRISE_GOLDEN", "value")
	g := &registry{}
	g.add(Registration{Name: "f", Version: "c1:1", Modules: []string{"golang.org/x/sys"}, Std: true})
	prog := fakeProgram("go:AbCdEfGhIjKlMnOpQr-_", someModules()...)
	spec := ImageSpec{Name: "app", Packages: []string{"b", "a"}, Env: map[string]string{"A": "1"}, Commands: []string{"make"}}
	for name, c := range map[string]struct {
		policy Policy
		params Params
		want   string
	}{
		"BuildID":      {PolicyFunc(prog.version), Params{}, "612aa373591bc35d700f482b27970614aebc438f8a589f3e1a1304d517b101b3"},
		"FunctionBody": {bodyPolicy(g, prog), Params{Name: "f"}, "664795176a4a06d517cc38816f9c8f268c1f43b41690e5b9f726716c07f30f35"},
		"Modules":      {modulesPolicy(prog, nil), Params{}, "1c66a0a840d7cec342c6425ce7b8379b2378150473a0eeb60ff7f52a0dc75f08"},
		"Ref":          {ContainerImage(), Params{ContainerImage: Ref("app:v1")}, "df3a6f775578d7040ec2d72b0165d2518d26e6ffea16e09cc0542d5b29c56622"},
		"ImageSpec":    {ContainerImage(), Params{ContainerImage: spec}, "f8cda5c122c5fe4bbc94fcfc1617759d4a821b0c1f4ea48fce999b0dc233aeaa"},
		"PodTemplate":  {PodTemplate(), Params{PodTemplate: "text", PodTemplateName: "gpu"}, "e9d54f07934246c476770c0703209ce10da91d029eaf8f2904a98c7404eb5bd0"},
		"Files":        {FilesIn(fstest.MapFS{"a/b": {Data: []byte("x")}}, "**"), Params{}, "0a6dcb131ba84ec45b26c6d3ff2b40ae82ff7eff0c6d71ca06f2e5b336d83531"},
		"Env":          {Env("REPRISE_GOLDEN", "REPRISE_GOLDEN_UNSET"), Params{}, "d508a25618f02c7fb003691b2878b9f0d7765853e677db86622dd780e70c016b"},
	} {
		part, err := c.policy.Version(t.Context(), "salt", c.params)
		if err != nil {
			t.Fatal(err)
		}
		if part.Value != c.want {
			t.Errorf("%s: %s, want %s", name, part.Value, c.want)
		}
	}
}
