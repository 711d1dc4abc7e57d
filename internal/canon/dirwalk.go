package canon

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A dirWalk collects the files of a Dir.
type dirWalk struct {
	ctx   context.Context
	root  string // absolute, without links
	dir   *Dir
	files []dirFile
}

// walk collects the files in the directory abs, which is rel from the root.
func (w *dirWalk) walk(abs, rel string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	list, err := os.ReadDir(abs)
	if err != nil {
		return fmt.Errorf("read directory input: %w", err)
	}
	for _, e := range list {
		if err := w.visit(e, abs+string(filepath.Separator)+e.Name(), joinSlash(rel, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func joinSlash(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

func (w *dirWalk) visit(e fs.DirEntry, abs, rel string) error {
	if matches(w.dir.Exclude, rel) {
		return nil
	}
	if e.IsDir() {
		return w.walk(abs, rel)
	}
	if len(w.dir.Include) > 0 && !matches(w.dir.Include, rel) {
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return fmt.Errorf("read directory input: %w", err)
	}
	f := dirFile{rel: rel, abs: abs, info: info}
	switch {
	case info.Mode().IsRegular():
		f.body, f.exec = true, executable(info)
	case info.Mode()&fs.ModeSymlink != 0:
		if err := w.follow(&f); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s is neither file, directory nor link (%s); exclude it", abs, info.Mode().Type())
	}
	w.files = append(w.files, f)
	return nil
}

// follow reads a link and looks at what it leads to.
func (w *dirWalk) follow(f *dirFile) error {
	text, err := os.Readlink(f.abs)
	if err != nil {
		return fmt.Errorf("read directory input: %w", err)
	}
	f.link, f.text = true, filepath.ToSlash(text)
	info, err := os.Stat(f.abs)
	if err != nil {
		return nil // dangling, or a circle: there is nothing to read
	}
	if info.IsDir() {
		return w.within(f.abs)
	}
	f.info, f.body, f.exec = info, true, executable(info)
	return nil
}

// within is an error where the link leads to a directory outside the tree.
func (w *dirWalk) within(link string) error {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return fmt.Errorf("read directory input: %w", err)
	}
	if target == w.root || strings.HasPrefix(target, strings.TrimSuffix(w.root, string(filepath.Separator))+string(filepath.Separator)) {
		return nil
	}
	return fmt.Errorf("%s links to a directory outside the tree; exclude it, or give %s as another Dir", link, target)
}

func executable(info fs.FileInfo) bool { return info.Mode().Perm()&0o111 != 0 }

// matches wants valid patterns.
func matches(patterns []string, rel string) bool {
	for _, p := range patterns {
		if doublestar.MatchUnvalidated(p, rel) {
			return true
		}
	}
	return false
}
