package version

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func bodyPart(t *testing.T, prog program, r Registration) Part {
	t.Helper()
	r.Name = "f"
	g := &registry{}
	g.add(r)
	part, err := bodyPolicy(g, prog).Version(t.Context(), "", Params{Name: "f"})
	if err != nil {
		t.Fatal(err)
	}
	return part
}

func TestFunctionBody_whatCounts(t *testing.T) {
	base := Registration{Version: "c1:1", Modules: []string{"github.com/acme/geo"}, Std: true}
	prog := fakeProgram("go:1", someModules()...)
	want := bodyPart(t, prog, base).Value

	bumped := someModules()
	bumped[0].Version = "v1.3.0"
	unrelated := someModules()
	unrelated[2].Version = "v0.2.0"
	other := func(edit func(*Registration)) Registration {
		r := base
		edit(&r)
		return r
	}
	for name, c := range map[string]struct {
		got   Part
		equal bool
	}{
		"another build":     {bodyPart(t, fakeProgram("go:2", someModules()...), base), true},
		"unrelated module":  {bodyPart(t, fakeProgram("go:1", unrelated...), base), true},
		"package, manifest": {bodyPart(t, prog, other(func(r *Registration) { r.Package, r.Manifest = "p", []byte("a.F 12\n") })), true},
		"code":              {bodyPart(t, prog, other(func(r *Registration) { r.Version = "c1:2" })), false},
		"module bumped":     {bodyPart(t, fakeProgram("go:1", bumped...), base), false},
		"module added":      {bodyPart(t, prog, other(func(r *Registration) { r.Modules = []string{"golang.org/x/sys", "github.com/acme/geo"} })), false},
		"no Go version":     {bodyPart(t, prog, other(func(r *Registration) { r.Std = false })), false},
		"no modules":        {bodyPart(t, prog, other(func(r *Registration) { r.Modules, r.Std = nil, false })), false},
	} {
		if (c.got.Value == want) != c.equal {
			t.Errorf("%s: same version %v, want %v", name, c.got.Value == want, c.equal)
		}
	}
}

// TestFunctionBody_unknownModule: a module that the program does not list, or
// lists without a checksum, is pinned by the build.
func TestFunctionBody_unknownModule(t *testing.T) {
	r := Registration{Version: "c1:1", Modules: []string{"example.com/gone"}}
	a, b := bodyPart(t, fakeProgram("go:1", someModules()...), r), bodyPart(t, fakeProgram("go:2", someModules()...), r)
	if a.Value == b.Value {
		t.Error("another build has the same version")
	}
}

func TestFunctionBody_detail(t *testing.T) {
	manifest := "# reprise manifest 1\n\ngeo.Parse 98d4\r\ngeo.Set[map[string] int] 7929\n"
	part := bodyPart(t, fakeProgram("go:1", someModules()...), Registration{
		Version: "c1:1", Modules: []string{"golang.org/x/sys"}, Std: true, Manifest: []byte(manifest),
	})
	want := []Component{
		{"geo.Parse", "98d4"},
		{"geo.Set[map[string] int]", "7929"},
		{"golang.org/x/sys@v0.1.0", part.Detail[2].Digest},
		{"std@go1.26.0", part.Detail[3].Digest},
	}
	if diff := cmp.Diff(want, part.Detail); diff != "" {
		t.Errorf("components:\n%s", diff)
	}
}

func TestFunctionBody_wrongRegistrations(t *testing.T) {
	g := &registry{}
	g.add(Registration{Name: "twice", Version: "c1:1", Package: "example.com/a"})
	g.add(Registration{Name: "twice", Version: "c1:2", Package: "example.com/b"})
	g.add(Registration{Name: "modules", Version: "c1:1", Modules: []string{"m"}})
	g.add(Registration{Name: "modules", Version: "c1:1", Std: true})
	g.add(Registration{Name: "empty", Package: "example.com/e"})
	g.add(Registration{Name: "manifest", Version: "c1:1", Manifest: []byte("a.F 12\nbroken\n")})
	prog := fakeProgram("go:1")
	for name, says := range map[string][]string{
		"twice":    {`"twice"`, "c1:1 by example.com/a", "c1:2 by example.com/b"},
		"modules":  {`"modules"`, "other modules"},
		"empty":    {`"empty"`, "without a version", "example.com/e"},
		"manifest": {`"manifest"`, "line 2"},
	} {
		for _, p := range []Policy{bodyPolicy(g, prog), autoPolicy(g, prog)} {
			_, err := p.Version(t.Context(), "", Params{Name: name})
			wantError(t, err, says...)
			if errors.Is(err, ErrNotRegistered) {
				t.Errorf("%s: %v is taken for a missing registration", policyName(p), err)
			}
		}
	}
}

func TestFunctionBody_notRegistered(t *testing.T) {
	g := &registry{}
	prog := fakeProgram("go:1")
	for name, says := range map[string]string{"absent": `"absent"`, "": "no name"} {
		_, err := bodyPolicy(g, prog).Version(t.Context(), "", Params{Name: name})
		if !errors.Is(err, ErrNotRegistered) {
			t.Errorf("error %v, want ErrNotRegistered", err)
		}
		wantError(t, err, says)
	}
	_, err := bodyPolicy(g, prog).Version(t.Context(), "", Params{Name: "absent"})
	wantError(t, err, "generate", "BuildID")
	g.add(Registration{Version: "c1:1", Package: "example.com/n"})
	_, err = bodyPolicy(g, prog).Version(t.Context(), "", Params{Name: "absent"})
	wantError(t, err, "1 without a name by example.com/n")
}

func TestAuto(t *testing.T) {
	g := &registry{}
	prog := fakeProgram("go:1")
	ask := func(p Policy) Part {
		t.Helper()
		part, err := p.Version(t.Context(), "s", Params{Name: "f"})
		if err != nil {
			t.Fatal(err)
		}
		return part
	}
	auto := autoPolicy(g, prog)
	build, err := prog.version(t.Context(), "s", Params{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(build, ask(auto)); diff != "" {
		t.Errorf("unregistered, Auto is not BuildID:\n%s", diff)
	}
	// A package variable is wrapped before generated init functions run.
	g.add(Registration{Name: "f", Version: "c1:1"})
	if diff := cmp.Diff(ask(bodyPolicy(g, prog)), ask(auto)); diff != "" {
		t.Errorf("registered after it was made, Auto is not FunctionBody:\n%s", diff)
	}
}

func TestRegister_againAndConcurrently(t *testing.T) {
	modules := []string{"b", "a"}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 20 {
				r := Registration{Name: fmt.Sprintf("concurrent.%d", i), Version: "c1:1", Modules: modules}
				Register(r)
				if _, err := Registered(r.Name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	r, err := Registered("concurrent.0")
	if err != nil || r.Version != "c1:1" || r.Modules[0] != "a" || modules[0] != "b" {
		t.Errorf("registered %+v, %v, the caller's modules %q", r, err, modules)
	}
	r.Modules[0] = "altered"
	if again, _ := Registered("concurrent.0"); again.Modules[0] != "a" {
		t.Error("the registry shares its slices")
	}
}
