package canon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/bmatcuk/doublestar/v4"
)

// A Dir is an input that counts by the files in a directory tree: the path of
// each relative to Path, its content, and whether it is executable. Path
// itself, times, owners and empty directories do not count.
//
// Include and Exclude are patterns with **, * and ? as in
// github.com/bmatcuk/doublestar, matched against the relative path with
// slashes. A file counts if it matches an Include (all do where there is none)
// and neither it nor a directory it is in matches an Exclude. The patterns
// count only through what they select. Nothing is excluded by default, not
// even .git.
//
// Path may be a symbolic link. In the tree, a link counts by its text; a link
// to a regular file also by that file's content and executable bit, as if the
// file were there; a link to a directory outside the tree is an error, because
// what a function reads through it would not count (exclude the link, or give
// the target as another Dir). Links to directories inside the tree, and
// dangling ones, count by their text alone.
//
// Hashes are remembered as for [File]; a tree that did not change costs one
// stat per file.
type Dir struct {
	Path             string
	Include, Exclude []string
}

// dir compiles a Dir: the SHA-256 of its listing as a byte string.
func (c *compiler) dir(n *node) error {
	c.stateful, c.dynamic = true, true
	n.fails = true
	n.parts = dirParts
	n.enc = func(s *state, dst []byte, p unsafe.Pointer) []byte {
		files, err := contents.dir(s.ctx, (*Dir)(p))
		if err != nil {
			s.fail(err)
			return dst
		}
		sum := sha256.Sum256(appendListing(nil, files))
		return AppendBytes(dst, sum[:])
	}
	return nil
}

// A dirFile is one file of a Dir.
type dirFile struct {
	rel  string // relative path with slashes
	abs  string
	exec bool
	link bool
	text string // of the link
	body bool   // has content to hash
	info os.FileInfo
	sum  digest
}

// appendListing encodes what counts of the files, which are sorted by rel: an
// array of [path, executable, content or null, text of the link or null].
func appendListing(dst []byte, files []dirFile) []byte {
	dst = AppendArray(dst, len(files))
	for i := range files {
		dst = files[i].append(dst)
	}
	return dst
}

func (f *dirFile) append(dst []byte) []byte {
	dst = AppendBool(AppendString(AppendArray(dst, 4), f.rel), f.exec)
	if f.body {
		dst = AppendBytes(dst, f.sum[:])
	} else {
		dst = AppendNull(dst)
	}
	if f.link {
		return AppendString(dst, f.text)
	}
	return AppendNull(dst)
}

// dir lists and hashes the files of d, sorted by path.
func (m *memo) dir(ctx context.Context, d *Dir) ([]dirFile, error) {
	if d.Path == "" {
		return nil, errors.New("a Dir without a path; set Path")
	}
	for _, pattern := range slices.Concat(d.Include, d.Exclude) {
		if !doublestar.ValidatePattern(pattern) {
			return nil, fmt.Errorf("directory %s: malformed pattern %q", d.Path, pattern)
		}
	}
	root, err := filepath.Abs(d.Path)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return nil, fmt.Errorf("read directory input: %w", err)
	}
	w := dirWalk{ctx: ctx, root: root, dir: d}
	if err := w.walk(root, ""); err != nil {
		return nil, err
	}
	slices.SortFunc(w.files, func(a, b dirFile) int { return strings.Compare(a.rel, b.rel) })
	return w.files, m.hashAll(ctx, w.files)
}

// maxReaders bounds the files of one Dir that are read at a time.
const maxReaders = 16

// hashAll fills in the sums of files with content, and stops at an error. It
// waits for all its goroutines.
func (m *memo) hashAll(ctx context.Context, files []dirFile) error {
	unknown := m.known(files)
	if len(unknown) == 0 {
		return ctx.Err()
	}
	errs := make([]error, len(unknown))
	var next atomic.Int64
	var failed atomic.Bool
	var wg sync.WaitGroup
	for range min(len(unknown), 2*runtime.GOMAXPROCS(0), maxReaders) {
		wg.Go(func() {
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(unknown) {
					return
				}
				f := unknown[i]
				if f.sum, errs[i] = m.content(ctx, f.abs, f.info); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// known fills in what is remembered and returns the files that must be read.
func (m *memo) known(files []dirFile) []*dirFile {
	var unknown []*dirFile
	for i := range files {
		f := &files[i]
		if !f.body {
			continue
		}
		sum, ok := m.lookup(f.abs, identify(f.info))
		if f.sum = sum; !ok {
			unknown = append(unknown, f)
		}
	}
	return unknown
}
