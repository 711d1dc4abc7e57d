package version

import (
	"errors"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeProgram is a program with the given modules and build ID. The programs
// that build_test.go builds show that real ones look like this.
func fakeProgram(id string, deps ...*debug.Module) program {
	return program{
		info: func() (*debug.BuildInfo, error) {
			return &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Path: "example.com/app", Version: "(devel)"}, Deps: deps}, nil
		},
		buildID: func() (string, error) { return id, nil },
	}
}

func module(path, version, sum string) *debug.Module {
	return &debug.Module{Path: path, Version: version, Sum: sum}
}

func replaced(m, by *debug.Module) *debug.Module {
	m.Replace = by
	return m
}

func modulesPart(t *testing.T, prog program, patterns ...string) Part {
	t.Helper()
	part, err := modulesPolicy(prog, patterns).Version(t.Context(), "", Params{})
	if err != nil {
		t.Fatal(err)
	}
	return part
}

func someModules() []*debug.Module {
	return []*debug.Module{
		module("github.com/acme/geo", "v1.2.0", "h1:geo"),
		module("github.com/acme/sub/mod/v2", "v2.0.0", "h1:mod"),
		module("golang.org/x/sys", "v0.1.0", "h1:sys"),
	}
}

func TestModules_patterns(t *testing.T) {
	prog := fakeProgram("go:1", someModules()...)
	for _, c := range []struct{ patterns, want []string }{
		{nil, []string{"github.com/acme/geo@v1.2.0", "github.com/acme/sub/mod/v2@v2.0.0", "golang.org/x/sys@v0.1.0", "std@go1.26.0"}},
		{[]string{"std"}, []string{"std@go1.26.0"}},
		{[]string{"golang.org/x/*"}, []string{"golang.org/x/sys@v0.1.0"}},
		{[]string{"github.com/*/geo", "github.com/acme/**"}, []string{"github.com/acme/geo@v1.2.0", "github.com/acme/sub/mod/v2@v2.0.0"}},
	} {
		if diff := cmp.Diff(c.want, names(modulesPart(t, prog, c.patterns...).Detail)); diff != "" {
			t.Errorf("%q:\n%s", c.patterns, diff)
		}
	}
}

func TestModules_whatCounts(t *testing.T) {
	with := func(id string, edit func(ms []*debug.Module)) string {
		ms := someModules()
		edit(ms)
		return modulesPart(t, fakeProgram(id, ms...), "github.com/acme/geo").Value
	}
	same := func([]*debug.Module) {}
	base := with("go:1", same)
	for name, c := range map[string]struct {
		got   string
		equal bool
	}{
		"other build":          {with("go:2", same), true},
		"other module":         {with("go:1", func(ms []*debug.Module) { ms[2].Version = "v0.2.0" }), true},
		"new version":          {with("go:1", func(ms []*debug.Module) { ms[0].Version = "v1.2.1" }), false},
		"new checksum":         {with("go:1", func(ms []*debug.Module) { ms[0].Sum = "h1:other" }), false},
		"replaced by a module": {with("go:1", func(ms []*debug.Module) { replaced(ms[0], module("x", "v1.2.0", "h1:x")) }), false},
	} {
		if (c.got == base) != c.equal {
			t.Errorf("%s: same version %v, want %v", name, c.got == base, c.equal)
		}
	}
}

// TestModules_withoutChecksum: a version without a checksum says nothing about
// what was compiled, so the build ID does.
func TestModules_withoutChecksum(t *testing.T) {
	for name, edit := range map[string]func(*debug.Module){
		"directory": func(m *debug.Module) { replaced(m, module("../geo", "", "")) },
		"workspace": func(m *debug.Module) { m.Version, m.Sum = "(devel)", "" },
		"vendored":  func(m *debug.Module) { m.Sum = "" },
	} {
		t.Run(name, func(t *testing.T) {
			part := func(id string) Part {
				ms := someModules()
				edit(ms[0])
				return modulesPart(t, fakeProgram(id, ms...))
			}
			a, b := part("go:1"), part("go:2")
			if a.Value == b.Value || a.Detail[0] == b.Detail[0] {
				t.Error("another build has the same version")
			}
			if !slices.Equal(a.Detail[1:], b.Detail[1:]) {
				t.Error("modules with a checksum depend on the build")
			}
		})
	}
}

// TestModules_notRecorded: the go command writes no modules into test
// binaries, this one included.
func TestModules_notRecorded(t *testing.T) {
	for _, patterns := range [][]string{nil, {"golang.org/x/*"}, {"*"}} {
		a, b := modulesPart(t, fakeProgram("go:1"), patterns...), modulesPart(t, fakeProgram("go:2"), patterns...)
		if a.Value == b.Value {
			t.Errorf("%q: another build has the same version", patterns)
		}
	}
	if a, b := modulesPart(t, fakeProgram("go:1"), "std"), modulesPart(t, fakeProgram("go:2"), "std"); a.Value != b.Value {
		t.Error("the version of Go is known, yet depends on the build")
	}
	info, err := running.info()
	if err != nil || recordsModules(info) {
		t.Errorf("this test binary lists its modules (%v, %v): the rule about test binaries is out of date", info, err)
	}
	one(t, Modules(), "", Params{})
}

func TestModules_malformed(t *testing.T) {
	prog := fakeProgram("go:1", someModules()...)
	for pattern, says := range map[string]string{
		"[a":                   "malformed",
		"github.com/amce/geo":  "matches no module",
		"":                     "matches no module",
		"example.com/app":      "main module only",
		"github.com/acme/geo/": "matches no module",
	} {
		_, err := modulesPolicy(prog, []string{pattern}).Version(t.Context(), "", Params{})
		wantError(t, err, says)
	}
}

func TestModules_noBuildInfoOrID(t *testing.T) {
	cause := errors.New("none")
	prog := fakeProgram("", module("a.b/c", "(devel)", ""))
	prog.buildID = func() (string, error) { return "", cause }
	registry := &registry{}
	registry.add(Registration{Name: "f", Version: "c1:1", Modules: []string{"a.b/c"}})
	params := Params{Name: "f"}
	for _, p := range []Policy{modulesPolicy(prog, nil), bodyPolicy(registry, prog), autoPolicy(&registryEmpty, prog)} {
		if _, err := p.Version(t.Context(), "", params); !errors.Is(err, cause) {
			t.Errorf("%s: error %v, want that there is no build ID", policyName(p), err)
		}
	}
	prog.info = func() (*debug.BuildInfo, error) { return nil, cause }
	for _, p := range []Policy{modulesPolicy(prog, nil), bodyPolicy(registry, prog)} {
		if _, err := p.Version(t.Context(), "", params); !errors.Is(err, cause) {
			t.Errorf("%s: error %v, want that there is no build information", policyName(p), err)
		}
	}
}

var registryEmpty registry
