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
	"embed"
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
	Files, Identifiers int
}

// analyse is the expensive function: it parses every file of the tree.
func analyse(ctx context.Context, t Tree) (Stats, error) {
	var s Stats
	err := filepath.WalkDir(t.Source.Path, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil: // the last caller has left
			return ctx.Err()
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if file == nil {
			return err // unreadable; one under testdata that does not parse counts as far as it does
		}
		s.Files++
		ast.Inspect(file, func(n ast.Node) bool {
			if _, ok := n.(*ast.Ident); ok {
				s.Identifiers++
			}
			return true
		})
		return nil
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
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	check(err)
	src := filepath.Join(strings.TrimSpace(string(goroot)), "src")

	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "tree\tfiles\tidentifiers\toutcome\ttook\tsaved")
	for _, dir := range []string{"cmd", "crypto", "encoding", "go", "internal", "net", "os", "runtime", "syscall", "vendor"} {
		began := time.Now()
		r, err := cached.Do(ctx, goFiles(filepath.Join(src, dir))) // Call, and what became of it
		check(err)
		if !r.Outcome.Hit() {
			runs++
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%v\t%v\t%v\n", dir, r.Value.Files, r.Value.Identifiers,
			r.Outcome, time.Since(began).Round(time.Millisecond), r.Saved().Round(time.Millisecond))
	}
	return runs
}

//go:embed sample
var sample embed.FS

// editAFile shows what counts: content, not paths or times. A copy of a tree
// hits, an edited copy misses, and Explain names the file.
func editAFile(ctx context.Context, cached *reprise.Func[Tree, Stats]) {
	dir, err := os.MkdirTemp("", "quickstart")
	check(err)
	defer os.RemoveAll(dir)
	check(os.CopyFS(dir, sample))
	r, err := cached.Do(ctx, goFiles(dir))
	check(err)
	fmt.Printf("\nA copy of the sample in %s: %v\n", dir, r.Outcome)

	hello := filepath.Join(dir, "sample", "greet", "hello.go")
	check(os.WriteFile(hello, []byte("package greet // no more greetings\n"), 0o600))
	x, err := cached.Explain(ctx, goFiles(dir))
	check(err)
	fmt.Printf("After an edit: %v\n", x)
}

func goFiles(dir string) Tree {
	return Tree{reprise.Dir{Path: dir, Include: []string{"**/*.go"}}}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
