package archtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestImportsFollowTheTable(t *testing.T) {
	for _, complaint := range checkImports(everyPackage(t)) {
		t.Error(complaint)
	}
}

func TestTableAgreesWithItself(t *testing.T) {
	for _, r := range rooms {
		for _, to := range r.imports {
			if target := roomOf(to); target == nil || !slices.Contains(target.usedBy, r.path) {
				t.Errorf("row %q imports %q, whose row does not list it in usedBy", r.path, to)
			}
		}
		for _, from := range r.usedBy {
			if source := roomOf(from); source == nil || !slices.Contains(source.imports, r.path) {
				t.Errorf("row %q is usedBy %q, whose row does not list it in imports", r.path, from)
			}
		}
		if slices.Contains(below(r.path), r.path) {
			t.Errorf("row %q may import itself by a detour", r.path)
		}
	}
}

// checkImports returns a line for every import that the table forbids.
func checkImports(all []*pkg) []string {
	var complaints []string
	for _, p := range all {
		r := roomOf(p.path)
		if r == nil {
			complaints = append(complaints, fmt.Sprintf("package %s has no row in the import table", p.path))
			continue
		}
		for _, f := range p.files {
			for _, imported := range f.imports {
				if why := forbidden(r, p, f, imported); why != "" {
					complaints = append(complaints, fmt.Sprintf("%s imports %s: %s", f.name, imported, why))
				}
			}
		}
	}
	return complaints
}

// forbidden says why a file of a package must not import something, or "".
func forbidden(r *room, p *pkg, f *file, imported string) string {
	to, ours := relative(imported)
	switch {
	case !ours:
		return forbiddenOutside(r, p, f, imported)
	case f.test:
		return forbiddenInTest(r, p, to)
	case r.public:
		if (&pkg{path: to}).internal() {
			return "programs and examples use public packages only"
		}
		return ""
	case !slices.Contains(r.imports, to):
		return fmt.Sprintf("the row of %s does not allow it", r.path)
	}
	return ""
}

func forbiddenInTest(r *room, p *pkg, to string) string {
	if to == p.path || slices.Contains(testRooms, to) || slices.Contains(r.testImports, to) || slices.Contains(below(r.path), to) {
		return ""
	}
	if r.public && !(&pkg{path: to}).internal() {
		return ""
	}
	return fmt.Sprintf("it does not lie below %s, and is no package for tests", p.path)
}

// forbiddenOutside judges imports from outside the module.
func forbiddenOutside(r *room, p *pkg, f *file, imported string) string {
	if f.test {
		return ""
	}
	for _, library := range testLibraries {
		if within(imported, library) && !r.tests {
			return "it is for tests"
		}
	}
	if r.stdOnly && !standard(imported) {
		return "this package uses the standard library only"
	}
	for prefix, home := range confined {
		if within(imported, prefix) && !within(p.path, home) {
			return fmt.Sprintf("only %s may, so that only its users pay", home)
		}
	}
	return ""
}

// below lists everything that a package may import, however indirectly.
func below(from string) []string {
	var seen []string
	var visit func(string)
	visit = func(at string) {
		r := roomOf(at)
		if r == nil {
			return
		}
		for _, to := range r.imports {
			if !slices.Contains(seen, to) {
				seen = append(seen, to)
				visit(to)
			}
		}
	}
	visit(from)
	return seen
}

// roomOf finds the row of a package: its own before one for a directory.
func roomOf(p string) *room {
	for i := range rooms {
		if rooms[i].path == p {
			return &rooms[i]
		}
	}
	for i := range rooms {
		if dir, ok := strings.CutSuffix(rooms[i].path, "/..."); ok && within(p, dir) {
			return &rooms[i]
		}
	}
	return nil
}

// relative cuts the module's path from an import path.
func relative(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// standard says whether an import path is the standard library's: its first
// element is no domain.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// within says whether a path is dir or lies in it.
func within(p, dir string) bool {
	return dir != "" && (p == dir || strings.HasPrefix(p, dir+"/"))
}

func TestForbiddenImportsAreFound(t *testing.T) {
	cases := []struct {
		file, imported string
		ok             bool
	}{
		{"store/store.go", "context", true},
		{"store/store.go", module + "/internal/canon", false},
		{"store/store.go", "github.com/google/go-cmp/cmp", false},
		{"store/x_test.go", "github.com/google/go-cmp/cmp", true},
		{"codec/a.go", "testing", false},
		{"store/storetest/a.go", "testing/synctest", true},
		{"store/x_test.go", module + "/store", true},
		{"store/x_test.go", module + "/store/memstore", true},
		{"store/x_test.go", module + "/internal/engine", false},
		{"store/memstore/a.go", module + "/store", true},
		{"store/memstore/a.go", module + "/store/storetest", false},
		{"store/memstore/a_test.go", module + "/store/storetest", true},
		{"store/sqlitestore/a.go", "github.com/ncruces/go-sqlite3/driver", true},
		{"store/sqlitestore/a.go", module, false},
		{"internal/value/a.go", module + "/store", false},
		{"internal/engine/a.go", module + "/internal/value", false},
		{"internal/engine/a.go", module + "/store/sqlitestore", false},
		{"internal/engine/a.go", "github.com/ncruces/go-sqlite3", false},
		{"a.go", module + "/internal/value", true},
		{"a.go", module + "/internal/flight", false},
		{"a_test.go", module + "/internal/flight", true},
		{"a_test.go", module + "/command", false},
		{"cmd/reprise/cli/a.go", module + "/inspect", true},
		{"cmd/reprise/cli/a.go", module + "/internal/engine", false},
		{"examples/quickstart/main.go", module, true},
		{"inspect/a_test.go", module + "/store/sqlitestore", true},
		{"inspect/a.go", module + "/store/sqlitestore", false},
		{"inspect/a_test.go", module, false},
		{"internal/surprise/a.go", "fmt", false},
	}
	for _, c := range cases {
		src := fmt.Sprintf("package p\nimport _ %q\n", c.imported)
		all, err := readTree(fstest.MapFS{c.file: {Data: []byte(src)}})
		if err != nil {
			t.Fatal(err)
		}
		if complaints := checkImports(all); (len(complaints) == 0) != c.ok {
			t.Errorf("%s imports %s: allowed should be %v; complaints %q", c.file, c.imported, c.ok, complaints)
		}
	}
}
