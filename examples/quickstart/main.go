// Quickstart caches an expensive function over input that every Go machine
// has: the source of Go itself. Run it twice:
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart
//
// The first run parses thousands of files. The second finds the results in the
// embedded store and parses none, because neither the code of this program nor
// a file under its inputs has changed.
package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/reprise-go/reprise"
)

// Tree is the input: a directory, which counts by the content of its Go files.
type Tree struct {
	Source reprise.Dir
}

// Stats is the result.
type Stats struct {
	Files, Lines, Identifiers int
	Longest                   string // the longest identifier
}

// analyse is the expensive function: it parses every file of the tree.
func analyse(ctx context.Context, t Tree) (Stats, error) {
	var s Stats
	err := filepath.WalkDir(t.Source.Path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return cmpErr(err, ctx.Err())
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if file == nil {
			return err
		}
		s.Files++
		s.Lines += fset.File(file.FileStart).LineCount()
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				s.Identifiers++
				if len(id.Name) > len(s.Longest) {
					s.Longest = id.Name
				}
			}
			return true
		})
		return nil // files that do not parse, in testdata, count as far as they go
	})
	return s, err
}

func main() {
	ctx := context.Background()
	cache, err := reprise.Open(ctx, "", nil) // "" is the embedded store
	check(err)
	defer cache.Close()

	cached, err := reprise.Wrap(cache, analyse, nil)
	check(err)

	began := time.Now()
	runs := analyseGo(ctx, cached)
	fmt.Printf("\n%v in all. ", time.Since(began).Round(time.Millisecond))
	if runs == 0 {
		fmt.Println("Nothing was parsed: every result came from the embedded store.")
	} else {
		fmt.Println("Run it again: the results are in the embedded store now.")
	}
	editAFile(ctx, cached)
}

// analyseGo calls the cached function for each large part of Go's source and
// prints what became of each call. It returns how often the function ran.
func analyseGo(ctx context.Context, cached *reprise.Func[Tree, Stats]) (runs int) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	check(err)
	src := filepath.Join(strings.TrimSpace(string(out)), "src")

	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "tree\tfiles\tidentifiers\toutcome\ttook\tsaved")
	for _, dir := range []string{"cmd", "crypto", "encoding", "go", "internal", "net", "os", "runtime", "syscall", "vendor"} {
		began := time.Now()
		r, err := cached.Do(ctx, Tree{goFiles(filepath.Join(src, dir))})
		check(err)
		if !r.Outcome.Hit() {
			runs++
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%v\t%v\t%v\n", dir, r.Value.Files, r.Value.Identifiers,
			r.Outcome, time.Since(began).Round(time.Millisecond), r.Saved().Round(time.Millisecond))
	}
	return runs
}

// editAFile shows what counts: content, not paths or times. A copy of a tree
// hits, an edited copy misses, and Explain names the file.
func editAFile(ctx context.Context, cached *reprise.Func[Tree, Stats]) {
	dir, err := os.MkdirTemp("", "quickstart")
	check(err)
	defer os.RemoveAll(dir)
	edited := filepath.Join(dir, "greet", "hello.go")
	check(os.CopyFS(dir, os.DirFS(filepath.Join("examples", "quickstart", "sample"))))

	tree := Tree{goFiles(dir)}
	_, err = cached.Call(ctx, tree)
	check(err)

	file, err := os.OpenFile(edited, os.O_APPEND|os.O_WRONLY, 0)
	check(err)
	fmt.Fprintf(file, "\nconst edited = %q\n", time.Now())
	check(file.Close())

	x, err := cached.Explain(ctx, tree)
	check(err)
	fmt.Printf("\nAfter an edit under a copy of examples/quickstart/sample:\n%v\n", x)
}

func goFiles(dir string) reprise.Dir {
	return reprise.Dir{Path: dir, Include: []string{"**/*.go"}}
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
