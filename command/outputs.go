package command

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// cleanOutputs gives the declared outputs as paths relative to dir with
// slashes, sorted and each once, or says which lies outside of it.
func cleanOutputs(dir string, declared []string) ([]string, error) {
	var clean []string
	for _, o := range declared {
		p := filepath.FromSlash(o)
		if filepath.IsAbs(p) {
			rel, err := filepath.Rel(dir, p)
			if err != nil {
				return nil, failure("output %q: %w", o, err)
			}
			p = rel
		}
		name := path.Clean(filepath.ToSlash(p))
		switch {
		case o == "" || name == ".":
			return nil, failure("output %q: name the files and directories that the command makes, below the working directory", o)
		case !inside(name):
			return nil, failure("output %q lies outside of the working directory %s", o, dir).hint("run the command in a directory that its outputs are in")
		case isGlob(name) && !doublestar.ValidatePattern(name):
			return nil, failure("output %q: malformed pattern", o)
		}
		clean = append(clean, name)
	}
	slices.Sort(clean)
	return slices.Compact(clean), nil
}

// A collection gathers what a command made. It looks at the tree through root,
// so no link leads it out of it.
type collection struct {
	ctx     context.Context
	root    *os.Root
	partial bool                                                     // what is declared need not be there
	store   func(ctx context.Context, p Piece, content []byte) error // nil: for the digests alone
	found   map[string]Output
	buf     []byte
}

// collect records the declared outputs. The error says why they cannot be kept.
func (c *collection) collect(declared []string) ([]Output, error) {
	c.found = make(map[string]Output)
	for _, d := range declared {
		if err := c.declared(d); err != nil {
			return nil, err
		}
	}
	if err := c.linked(declared); err != nil {
		return nil, err
	}
	list := make([]Output, 0, len(c.found))
	for _, o := range c.found {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b Output) int { return comparePaths(a.Path, b.Path) })
	if len(list) == 0 {
		return nil, nil
	}
	return list, nil
}

func (c *collection) declared(d string) error {
	info, err := c.root.Lstat(filepath.FromSlash(d))
	switch {
	case err == nil:
		return c.add(d, info)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("output %q: %w", d, cause(err))
	case !isGlob(d) && c.partial:
		return nil
	case !isGlob(d):
		return fmt.Errorf("output %q was not made", d)
	}
	matched, err := doublestar.Glob(c.root.FS(), d, doublestar.WithNoFollow())
	if err != nil {
		return fmt.Errorf("output %q: %w", d, err)
	}
	for _, m := range matched {
		info, err := c.root.Lstat(filepath.FromSlash(m))
		if err != nil {
			return fmt.Errorf("output %q: %w", m, cause(err))
		}
		if err := c.add(m, info); err != nil {
			return err
		}
	}
	if len(matched) == 0 && !c.partial {
		return fmt.Errorf("output %q: no file that it matches was made", d)
	}
	return nil
}

// add records what is at a path.
func (c *collection) add(name string, info fs.FileInfo) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if _, again := c.found[name]; again {
		return nil
	}
	o := Output{Path: name, Mode: info.Mode() & (fs.ModeType | fs.ModePerm)}
	var err error
	switch {
	case info.Mode().IsRegular():
		err = c.file(&o)
	case info.IsDir():
		c.found[name] = o
		return c.directory(name)
	case info.Mode()&fs.ModeSymlink != 0:
		o.Mode = fs.ModeSymlink
		o.Target, err = c.root.Readlink(filepath.FromSlash(name))
	default:
		err = fmt.Errorf("it is neither file, directory nor link (%s)", info.Mode().Type())
	}
	if err != nil {
		return fmt.Errorf("output %q: %w", name, cause(err))
	}
	c.found[name] = o
	return nil
}

func (c *collection) directory(name string) error {
	d, err := c.root.Open(filepath.FromSlash(name))
	if err != nil {
		return fmt.Errorf("output %q: %w", name, cause(err))
	}
	list, err := d.ReadDir(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("output %q: %w", name, cause(err))
	}
	for _, e := range list {
		if ownName(e.Name()) {
			continue
		}
		info, err := c.root.Lstat(filepath.FromSlash(join(name, e.Name())))
		if err != nil {
			return fmt.Errorf("output %q: %w", join(name, e.Name()), cause(err))
		}
		if err := c.add(join(name, e.Name()), info); err != nil {
			return err
		}
	}
	return nil
}

// file stores a file's content in pieces.
func (c *collection) file(o *Output) error {
	f, err := c.root.Open(filepath.FromSlash(o.Path))
	if err != nil {
		return err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return err
	}
	if err := c.pieces(o, f); err != nil {
		return err
	}
	after, err := f.Stat()
	if err != nil {
		return err
	}
	if identify(before) != identify(after) || after.Size() != o.Size {
		return errors.New("it changed while it was read: something still writes to it")
	}
	o.Mode = after.Mode() & fs.ModePerm
	return nil
}

func (c *collection) pieces(o *Output, r io.Reader) error {
	if c.buf == nil {
		c.buf = make([]byte, pieceSize)
	}
	whole := sha256.New()
	for {
		n, err := io.ReadFull(r, c.buf)
		if n > 0 {
			content := c.buf[:n]
			p := Piece{SHA256: sha256.Sum256(content), Size: int64(n)}
			whole.Write(content)
			o.Size += int64(n)
			o.Pieces = append(o.Pieces, p)
			if c.store != nil {
				if err := c.store(c.ctx, p, content); err != nil {
					return err
				}
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			whole.Sum(o.SHA256[:0])
			return nil
		case err != nil:
			return err
		}
	}
}

// linked wants that what a declared link leads to is an output itself, or is
// not there: a replay would restore the link alone.
func (c *collection) linked(declared []string) error {
	for _, d := range declared {
		o, ok := c.found[d]
		if !ok || o.Target == "" {
			continue
		}
		target := path.Clean(path.Join(path.Dir(d), filepath.ToSlash(o.Target)))
		if path.IsAbs(filepath.ToSlash(o.Target)) || strings.HasPrefix(target, "../") {
			return fmt.Errorf("output %q is a link that leads out of the directory, to %s: what it leads to cannot be kept", d, o.Target)
		}
		if _, kept := c.found[target]; kept {
			continue
		}
		if _, err := c.root.Lstat(filepath.FromSlash(target)); err == nil {
			return fmt.Errorf("output %q is a link to %s, which is no declared output, so its content would be lost", d, target)
		}
	}
	return nil
}

// declares reports whether a path is, or lies in, one of the declared outputs.
func declares(declared []string, p string) bool {
	for _, d := range declared {
		if within(p, d) {
			return true
		}
		if !isGlob(d) {
			continue
		}
		for q := p; q != "."; q = parent(q) {
			if doublestar.MatchUnvalidated(d, q) {
				return true
			}
		}
	}
	return false
}
