package reprise_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// A test in docs/guarantees.md, behind its package: `store/sqlitestore.TestGuarantee17_…`.
	namedTest = regexp.MustCompile("`([a-z/]+)\\.(TestGuarantee[0-9]{2}_[A-Za-z0-9]+)`")
	anyNamed  = regexp.MustCompile("TestGuarantee[0-9]{2}_[A-Za-z0-9]+")
	// A test in a file of the tree.
	writtenTest = regexp.MustCompile(`(?m)^func (TestGuarantee[0-9]{2}_\w+)\(`)
)

// TestGuaranteesDocNamesTheTests: docs/guarantees.md names exactly the tests
// that there are, each with its package.
func TestGuaranteesDocNamesTheTests(t *testing.T) {
	doc, err := os.ReadFile("docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range namedTest.FindAllStringSubmatch(string(doc), -1) {
		named = append(named, m[1]+"."+m[2])
	}
	if n := len(anyNamed.FindAllString(string(doc), -1)); n != len(named) {
		t.Errorf("docs/guarantees.md names %d tests, %d of them as `package.Test…`", n, len(named))
	}
	written := guaranteeTests(t)
	for _, name := range named {
		if !slices.Contains(written, name) {
			t.Errorf("docs/guarantees.md names %s, which does not exist", name)
		}
	}
	for _, name := range written {
		if !slices.Contains(named, name) {
			t.Errorf("docs/guarantees.md does not name %s", name)
		}
	}
}

// guaranteeTests finds the tests of guarantees in all packages.
func guaranteeTests(t *testing.T) (found []string) {
	t.Helper()
	tree := os.DirFS(".")
	err := fs.WalkDir(tree, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != "." {
			return orSkip(err)
		}
		if d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return nil
		}
		src, err := fs.ReadFile(tree, file)
		for _, m := range writtenTest.FindAllSubmatch(src, -1) {
			pkg := path.Dir(file)
			if pkg == "." {
				pkg = "reprise"
			}
			found = append(found, pkg+"."+string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("no tests of guarantees found")
	}
	return found
}

func orSkip(err error) error {
	if err == nil {
		return fs.SkipDir
	}
	return err
}
