package version

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// maxLinks is how many links to directories one path may pass through: more
// are a loop, and two loops side by side double the work at each level.
const maxLinks = 8

// glob finds the files whose names match a pattern. It asks doublestar about
// names only and walks by itself: doublestar's own walk leaves out what some
// alternatives match, and takes a file where it looked for a directory for an
// error.
type glob struct {
	ctx     context.Context
	fsys    fs.FS
	pattern string
	// pieces are the elements of the pattern, where each is a pattern of its
	// own; nil where an alternative spans several.
	pieces []string
	found  []string
}

// match lists the files that pattern matches, at least one.
func match(ctx context.Context, fsys fs.FS, pattern string) ([]string, error) {
	if err := checkPattern(pattern); err != nil {
		return nil, err
	}
	g := glob{ctx: ctx, fsys: fsys, pattern: pattern}
	if p := strings.Split(pattern, "/"); !slices.ContainsFunc(p, malformed) {
		g.pieces = p
	}
	if err := g.start(); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	if len(g.found) > 0 {
		return g.found, nil
	}
	if info, err := fs.Stat(fsys, pattern); err == nil && info.IsDir() {
		return nil, fmt.Errorf("pattern %q is a directory: for the files below it write %q", pattern, path.Join(pattern, "**"))
	}
	return nil, fmt.Errorf("pattern %q matches no file: check its spelling and the working directory", pattern)
}

func malformed(pattern string) bool { return !doublestar.ValidatePattern(pattern) }

// checkPattern refuses patterns of which a part could never match.
func checkPattern(pattern string) error {
	if malformed(pattern) {
		return fmt.Errorf("pattern %q is malformed", pattern)
	}
	names := strings.FieldsFunc(pattern, func(r rune) bool { return strings.ContainsRune("/{,}", r) })
	dots := pattern != "." && slices.ContainsFunc(names, func(n string) bool { return n == "." || n == ".." })
	if dots || !fs.ValidPath(pattern) {
		return fmt.Errorf("pattern %q must be a clean relative path with slashes, without \".\" and \"..\": for files elsewhere use FilesIn(os.DirFS(directory), …)", pattern)
	}
	return nil
}

// start walks from the longest path that the pattern spells out.
func (g *glob) start() error {
	plain := 0
	for plain < len(g.pieces) && !strings.ContainsAny(g.pieces[plain], `*?[{\`) {
		plain++
	}
	base := path.Join(g.pieces[:plain]...)
	if base == "" {
		return g.walk(".", 0)
	}
	info, err := fs.Stat(g.fsys, base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return g.walk(base, 0)
	}
	g.take(base)
	return nil
}

// take notes the file name if it matches.
func (g *glob) take(name string) {
	if g.matches(name) {
		g.found = append(g.found, name)
	}
}

func (g *glob) matches(name string) bool { return doublestar.MatchUnvalidated(g.pattern, name) }

// walk visits dir, which was reached through the given number of links.
func (g *glob) walk(dir string, links int) error {
	if err := g.ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(g.fsys, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := g.visit(path.Join(dir, e.Name()), e, links); err != nil {
			return err
		}
	}
	return nil
}

func (g *glob) visit(name string, e fs.DirEntry, links int) error {
	isDir := e.IsDir()
	if e.Type()&fs.ModeSymlink != 0 && (g.leadsOn(name) || g.matches(name)) {
		info, err := fs.Stat(g.fsys, name)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && !g.matches(name) {
				return nil // a link to nothing is no directory
			}
			return err
		}
		if isDir = info.IsDir(); isDir {
			links++
		}
	}
	switch {
	case !isDir:
		g.take(name)
	case !g.leadsOn(name):
	case links > maxLinks:
		return fmt.Errorf("%q lies behind more than %d symbolic links: is there a loop?", name, maxLinks)
	default:
		return g.walk(name, links)
	}
	return nil
}

// leadsOn reports whether names below the directory dir can match.
func (g *glob) leadsOn(dir string) bool {
	if g.pieces == nil {
		return true
	}
	depth := strings.Count(dir, "/") + 1
	if strings.Contains(path.Join(g.pieces[:min(depth, len(g.pieces))]...), "**") {
		return true
	}
	return depth < len(g.pieces) && doublestar.MatchUnvalidated(path.Join(g.pieces[:depth]...), dir)
}
