package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/dependencies.md says why each direct dependency is there.
var dependencyRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

func TestEveryDependencyHasItsReason(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	goMod := read(t, filepath.Join(root, "go.mod"))
	var listed []string
	for _, row := range dependencyRow.FindAllStringSubmatch(read(t, filepath.Join(root, "docs", "dependencies.md")), -1) {
		listed = append(listed, row[1])
		if !strings.Contains(goMod, "\t"+row[1]+" v") {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require", row[1])
		}
	}
	if len(listed) == 0 {
		t.Fatal("docs/dependencies.md has no rows that this test can read")
	}
	for _, p := range everyPackage(t) {
		for _, f := range p.files {
			for _, imported := range f.imports {
				if _, ours := relative(imported); ours || standard(imported) {
					continue
				}
				if !slices.ContainsFunc(listed, func(m string) bool { return within(imported, m) }) {
					t.Errorf("%s imports %s: add its module and the reason to docs/dependencies.md", f.name, imported)
				}
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
