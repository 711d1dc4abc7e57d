package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A walk adds the files of a directory tree to a scan.
type walk struct {
	*scan
	name   string // of the root, as in the key
	root   string // absolute, without links
	match  func(rel string) bool
	shard  *shard
	levels int      // how deep to look; -1: to the end
	made   []string // outputs: the command makes them, so they are left out
}

// left reports what is left out of the tree.
func (w *walk) left(rel string) bool {
	name := join(w.name, rel)
	return w.excluded(name) || declares(w.made, name)
}

// directory walks the directory rel of the root.
func (w *walk) directory(abs, rel string, level int) error {
	if w.ctx.Err() != nil {
		return w.ctx.Err()
	}
	list, err := os.ReadDir(abs)
	if err != nil {
		return err
	}
	if len(list) == 0 && rel != "." && w.match(rel) {
		w.add(rel, stateDir)
	}
	for _, e := range list {
		if err := w.visit(e, abs+string(filepath.Separator)+e.Name(), join(rel, e.Name()), level); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) visit(e fs.DirEntry, abs, rel string, level int) error {
	switch {
	case ownName(e.Name()), w.left(rel):
		return nil
	case e.IsDir() && e.Name() == ".git", e.IsDir() && w.levels >= 0 && level >= w.levels:
		return nil
	case e.IsDir():
		return w.directory(abs, rel, level+1)
	case e.Name() == ".git" || !w.match(rel):
		return nil
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it went while we walked, as if it had gone before
	}
	if err != nil {
		return err
	}
	return w.leaf(abs, rel, info)
}

// ownName reports files that reprise itself is about to put in place.
func ownName(name string) bool { return strings.HasPrefix(name, tempPrefix) }

// leaf adds what is no directory.
func (w *walk) leaf(abs, rel string, info fs.FileInfo) error {
	if info.Mode()&fs.ModeSymlink != 0 {
		return w.link(abs, rel)
	}
	if err := regular(info); err != nil {
		return fmt.Errorf("%s: %w", join(w.name, rel), err)
	}
	w.file(join(w.name, rel), abs, info, stateOf(info), w.shard)
	return nil
}

// link adds a link: its text counts, and the file it leads to. A link to a
// directory within the tree counts by its text alone, since what is in the
// directory counts where it is.
func (w *walk) link(abs, rel string) error {
	text, err := os.Readlink(abs)
	if err != nil {
		return err
	}
	state := stateLink + " " + filepath.ToSlash(text)
	info, err := os.Stat(abs)
	switch {
	case err != nil: // leads nowhere
	case info.IsDir():
		if err := w.leadsWithin(abs); err != nil {
			return err
		}
	default:
		if err := regular(info); err != nil {
			return fmt.Errorf("%s leads to %s: %w", join(w.name, rel), text, err)
		}
		w.file(join(w.name, rel), abs, info, state+" "+stateOf(info), w.shard)
		return nil
	}
	w.add(rel, state)
	return nil
}

func (w *walk) add(rel, state string) {
	name := join(w.name, rel)
	if _, again := w.states[name]; !again && !w.excluded(name) {
		w.states[name] = state
	}
}

// leadsWithin is an error where a link leads to a directory outside the tree:
// what the command reads through it would not count.
func (w *walk) leadsWithin(link string) error {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return err
	}
	if target == w.root || strings.HasPrefix(target, strings.TrimSuffix(w.root, string(filepath.Separator))+string(filepath.Separator)) {
		return nil
	}
	return failure("input %q: %s leads to the directory %s, outside of it", w.name, link, target).
		hint("leave the link out (\"!PATTERN\"), and give the directory as an input of its own")
}

// visible adds the files that git does not ignore.
func (w *walk) visible() error {
	names, err := gitFiles(w.ctx, w.root)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, rel := range slices.Compact(names) {
		if w.levels >= 0 && strings.Count(rel, "/") > w.levels {
			continue
		}
		if err := w.listed(strings.TrimSuffix(rel, "/")); err != nil {
			return err
		}
	}
	return nil
}

// listed adds a file that git listed; a repository within this one is listed
// as a directory, and walked with its own rules.
func (w *walk) listed(rel string) error {
	abs := filepath.Join(w.root, filepath.FromSlash(rel))
	info, err := os.Lstat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotDir):
		return nil // deleted, and git has not been told
	case err != nil:
		return err
	case info.IsDir():
		inner := &walk{scan: w.scan, name: join(w.name, rel), root: abs, shard: w.shard, levels: -1, made: w.made,
			match: func(sub string) bool { return w.match(join(rel, sub)) }}
		return inner.visible()
	case ownName(info.Name()) || !w.match(rel) || w.left(rel):
		return nil
	}
	return w.leaf(abs, rel, info)
}
