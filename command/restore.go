package command

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A restoration puts recorded outputs back. First all that differs is written
// beside its place, then all of it is moved there, file by file: what cannot be
// had in full changes no file. Everything goes through root, so neither a path
// nor a link in the record leads out of the directory.
type restoration struct {
	ctx     context.Context
	root    *os.Root
	dir     string // of root, absolute
	digests *digests
	get     func(ctx context.Context, p *Piece) ([]byte, error)

	staged   []staged
	made     []string               // directories that were not there
	modes    map[string]fs.FileMode // of recorded directories, that are to be set in the end
	restored []string
	removed  []string
}

// staged is something that waits beside its place.
type staged struct{ temp, place string }

// restore makes the directory have the outputs. Where it returns an error, no
// file has changed, unless moving itself failed half-way.
func (r *restoration) restore(outputs []Output) error {
	r.modes = make(map[string]fs.FileMode)
	err := r.stage(outputs)
	if err == nil {
		err = r.place()
	}
	if err != nil {
		r.undo()
		return err
	}
	return r.finish(outputs)
}

func (r *restoration) stage(outputs []Output) error {
	same, err := r.unchanged(outputs)
	if err != nil {
		return err
	}
	for i := range outputs {
		o := &outputs[i]
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		if same[i] {
			continue
		}
		if err := r.stageOne(o); err != nil {
			return fmt.Errorf("restore %q: %w", o.Path, err)
		}
	}
	return nil
}

// unchanged finds what is there as it was recorded.
func (r *restoration) unchanged(outputs []Output) ([]bool, error) {
	same := make([]bool, len(outputs))
	var files []*content
	var index []int
	for i := range outputs {
		o := &outputs[i]
		info, err := r.root.Lstat(local(o.Path))
		if err != nil || info.Mode().Type() != o.Mode.Type() {
			continue
		}
		switch {
		case o.Mode.IsDir():
			same[i] = info.Mode().Perm() == o.Mode.Perm()
		case o.Target != "":
			text, err := r.root.Readlink(local(o.Path))
			same[i] = err == nil && text == o.Target
		case info.Mode().Perm() == o.Mode.Perm() && info.Size() == o.Size:
			abs := filepath.Join(r.dir, local(o.Path))
			files = append(files, &content{shard: r.digests.under(filepath.Dir(abs)), path: abs, info: info})
			index = append(index, i)
		}
	}
	if err := hashAll(r.ctx, files); err != nil {
		if r.ctx.Err() != nil {
			return nil, context.Cause(r.ctx)
		}
		return same, nil // what cannot be read is written anew
	}
	for k, c := range files {
		same[index[k]] = c.sum == outputs[index[k]].SHA256
	}
	return same, nil
}

func local(p string) string { return filepath.FromSlash(p) }

func (r *restoration) stageOne(o *Output) error {
	if o.Mode.IsDir() {
		r.modes[o.Path] = o.Mode.Perm()
		return r.directory(o.Path)
	}
	if err := r.directory(parent(o.Path)); err != nil {
		return err
	}
	if info, err := r.root.Lstat(local(o.Path)); err == nil && info.IsDir() {
		if err := r.root.Remove(local(o.Path)); err != nil { // an empty one goes
			return fmt.Errorf("a directory is in its place: %w", cause(err))
		}
	}
	temp := join(parent(o.Path), tempPrefix+rand.Text()+".tmp")
	r.staged = append(r.staged, staged{temp, o.Path})
	if o.Target != "" {
		return r.root.Symlink(o.Target, local(temp))
	}
	return r.write(temp, o)
}

// directory makes a directory and those above it, and sees to it that it can
// be written to until finish.
func (r *restoration) directory(name string) error {
	if name == "." {
		return nil
	}
	info, err := r.root.Lstat(local(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := r.directory(parent(name)); err != nil {
			return err
		}
		err := r.root.Mkdir(local(name), 0o777)
		if err == nil {
			r.made = append(r.made, name)
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%q is no directory (%s)", name, info.Mode().Type())
	case info.Mode().Perm()&0o300 != 0o300:
		if _, recorded := r.modes[name]; !recorded {
			r.modes[name] = info.Mode().Perm()
		}
		return r.root.Chmod(local(name), info.Mode().Perm()|0o700)
	}
	return nil
}

// write writes a file's content and mode under another name.
func (r *restoration) write(temp string, o *Output) (err error) {
	f, err := r.root.OpenFile(local(temp), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	whole := sha256.New()
	for i := range o.Pieces {
		b, err := r.get(r.ctx, &o.Pieces[i])
		if err != nil {
			return err
		}
		if _, err := io.MultiWriter(f, whole).Write(b); err != nil {
			return err
		}
	}
	if digest(whole.Sum(nil)) != o.SHA256 {
		return errors.New("its pieces do not make up its content")
	}
	return f.Chmod(o.Mode.Perm())
}

// place moves what is staged into its place.
func (r *restoration) place() error {
	for len(r.staged) > 0 {
		s := r.staged[0]
		if err := r.root.Rename(local(s.temp), local(s.place)); err != nil {
			return fmt.Errorf("restore %q: %w", s.place, cause(err))
		}
		r.restored = append(r.restored, s.place)
		r.staged = r.staged[1:]
	}
	return nil
}

// undo removes what is staged, and directories that were made for it.
func (r *restoration) undo() {
	for _, s := range r.staged {
		_ = r.root.Remove(local(s.temp))
	}
	slices.Reverse(r.made)
	for _, name := range r.made {
		_ = r.root.Remove(local(name))
	}
	r.setModes(nil)
}

// finish sets the modes of directories, inner ones first: one that nobody may
// write to could not be filled afterwards.
func (r *restoration) finish(outputs []Output) error {
	made := make(map[string]bool)
	for _, name := range r.made {
		made[name] = true
	}
	for i := range outputs {
		if o := &outputs[i]; o.Mode.IsDir() {
			if _, differs := r.modes[o.Path]; differs || made[o.Path] {
				r.modes[o.Path] = o.Mode.Perm()
				r.restored = append(r.restored, o.Path)
			}
		}
	}
	slices.Sort(r.restored)
	r.restored = slices.Compact(r.restored)
	return r.setModes(nil)
}

func (r *restoration) setModes(err error) error {
	names := make([]string, 0, len(r.modes))
	for name := range r.modes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	for _, name := range names {
		err = errors.Join(err, r.root.Chmod(local(name), r.modes[name]))
	}
	return err
}

// prune removes what is in recorded directories and was not recorded.
func (r *restoration) prune(outputs []Output) error {
	known := make(map[string]bool, len(outputs))
	for i := range outputs {
		known[outputs[i].Path] = true
	}
	for i := range outputs {
		if !outputs[i].Mode.IsDir() {
			continue
		}
		if err := r.pruneDir(outputs[i].Path, known); err != nil {
			return fmt.Errorf("remove from %q what is no output: %w", outputs[i].Path, cause(err))
		}
	}
	return nil
}

func (r *restoration) pruneDir(dir string, known map[string]bool) error {
	d, err := r.root.Open(local(dir))
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	slices.Sort(names)
	for _, n := range names {
		name := join(dir, n)
		if known[name] || ownName(n) { // another replay may be about to place it
			continue
		}
		if err := r.root.RemoveAll(local(name)); err != nil {
			return err
		}
		r.removed = append(r.removed, name)
	}
	return nil
}
