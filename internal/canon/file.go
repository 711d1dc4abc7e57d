package canon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"unsafe"
)

// A File is an input that counts by its content: the path does not. Symbolic
// links are followed. A file that is missing, is no regular file, or changes
// while it is read, is an error that names it.
//
// Content hashes are remembered in the process while size, modification and
// change time, inode and device stay the same. A file touched less than two
// seconds ago is read each time, for it may change again without showing it.
type File struct{ Path string }

// file compiles a File: the SHA-256 of the content as a byte string.
func (c *compiler) file(n *node) error {
	c.stateful, c.dynamic = true, true
	n.fails = true
	n.enc = func(s *state, dst []byte, p unsafe.Pointer) []byte {
		sum, err := contents.file(s.ctx, (*File)(p).Path)
		if err != nil {
			s.fail(err)
			return dst
		}
		return AppendBytes(dst, sum[:])
	}
	return nil
}

// digest is a SHA-256.
type digest = [sha256.Size]byte

// maxRereads bounds how often a file that changes while read is tried.
const maxRereads = 3

// file hashes the file at path, from memory where it is known.
func (m *memo) file(ctx context.Context, path string) (digest, error) {
	if path == "" {
		return digest{}, errors.New("a File without a path; set Path")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return digest{}, fmt.Errorf("file %s: %w", path, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return digest{}, fmt.Errorf("read file input: %w", err)
	}
	return m.content(ctx, abs, info)
}

// content hashes the file at the absolute path, which info describes.
func (m *memo) content(ctx context.Context, path string, info fs.FileInfo) (digest, error) {
	if info.IsDir() {
		return digest{}, fmt.Errorf("%s is a directory; use Dir for directories", path)
	}
	if !info.Mode().IsRegular() {
		return digest{}, fmt.Errorf("%s is no regular file (%s); only those have content to hash", path, info.Mode().Type())
	}
	if sum, ok := m.lookup(path, identify(info)); ok {
		return sum, nil
	}
	for range maxRereads {
		sum, steady, err := m.read(ctx, path)
		if err != nil || steady {
			return sum, err
		}
	}
	return digest{}, fmt.Errorf("%s changes while it is read; retry when it is written in full", path)
}

// read hashes the content of an opened file and remembers it. steady is false
// where the file changed meanwhile.
func (m *memo) read(ctx context.Context, path string) (sum digest, steady bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, false, fmt.Errorf("read file input: %w", err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return sum, false, fmt.Errorf("read file input: %w", err)
	}
	read := m.now()
	if sum, err = hashContent(ctx, f); err != nil {
		return sum, false, fmt.Errorf("read file input: %w", err)
	}
	after, err := f.Stat()
	if err != nil {
		return sum, false, fmt.Errorf("read file input: %w", err)
	}
	id := identify(before)
	if id != identify(after) {
		return sum, false, nil
	}
	m.remember(path, id, sum, read)
	return sum, true, nil
}

var buffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// hashContent hashes r to its end, and gives up when ctx ends.
func hashContent(ctx context.Context, r io.Reader) (sum digest, err error) {
	buf := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buf)
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		n, err := r.Read(buf[:])
		h.Write(buf[:n])
		if err == io.EOF {
			h.Sum(sum[:0])
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
}
