package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/reprise-go/reprise"

// pkg is a directory with Go files; path is relative to the module, "." for
// its root.
type pkg struct {
	path  string
	files []*file
}

type file struct {
	name    string // relative to the module
	test    bool
	lines   int
	syntax  *ast.File
	imports []string
}

func (p *pkg) internal() bool {
	return strings.HasPrefix(p.path+"/", "internal/") || strings.Contains(p.path+"/", "/internal/")
}

// main says whether the package is a program.
func (p *pkg) main() bool {
	for _, f := range p.files {
		if !f.test && f.syntax.Name.Name == "main" {
			return true
		}
	}
	return false
}

// packages reads the module once.
var packages = sync.OnceValues(func() ([]*pkg, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	return readTree(os.DirFS(root))
})

// everyPackage fails the test where the module cannot be read.
func everyPackage(t *testing.T) []*pkg {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", os.ErrNotExist
		}
		dir = parent
	}
	return "", err
}

// readTree parses all Go files of a module, leaving out testdata, hidden
// directories and modules inside it.
func readTree(tree fs.FS) ([]*pkg, error) {
	var all []*pkg
	byDir := map[string]*pkg{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(tree, name)
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		f, err := readFile(tree, name)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{path: dir}
			all = append(all, byDir[dir])
		}
		byDir[dir].files = append(byDir[dir].files, f)
		return nil
	})
	return all, err
}

// enter says whether a directory belongs to the module's source.
func enter(tree fs.FS, dir string) error {
	base := path.Base(dir)
	if dir == "." {
		return nil
	}
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func readFile(tree fs.FS, name string) (*file, error) {
	src, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &file{name: name, test: strings.HasSuffix(name, "_test.go"), syntax: syntax}
	f.lines = strings.Count(string(src), "\n")
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}
