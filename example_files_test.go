package reprise_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/reprise-go/reprise"
)

// A File or a Dir counts by its content: not by its path, nor by when it was
// written.
func ExampleDir() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()
	dir, _ := os.MkdirTemp("", "site")
	defer os.RemoveAll(dir)
	write := func(name, text string) { os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }

	build := reprise.MustWrap(cache, func(_ context.Context, src reprise.Dir) (string, error) { return "built", nil },
		&reprise.Options[reprise.Dir, string]{Name: "build"})
	did := func(what string) {
		r, _ := build.Do(ctx, reprise.Dir{Path: dir, Include: []string{"**/*.md"}})
		fmt.Printf("%s: %v\n", what, r.Outcome)
	}
	write("index.md", "# Hello")
	did("at first")
	write("index.md", "# Hello")
	did("written again")
	write("notes.txt", "not included")
	did("another file")
	write("index.md", "# Hello, world")
	did("edited")
	// Output:
	// at first: populated
	// written again: hit-memory
	// another file: hit-memory
	// edited: populated
}
