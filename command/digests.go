package command

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// digest is a SHA-256.
type digest = [sha256.Size]byte

// An identity is what stat tells of a file. Its content does not change
// without it, except within the granularity of the clock.
type identity struct {
	size          int64
	mtime, ctime  int64 // nanoseconds; ctime is 0 where the system has none
	device, inode uint64
}

// racyWindow is the age under which a file may still change without changing
// its times: file systems count in steps of up to two seconds.
const racyWindow = 2 * time.Second

// digests remember the contents of files between processes, in shards: one for
// each directory that inputs or outputs are given by, so that a call reads
// little more than what it needs.
type digests struct {
	dir string // of the shards; "": remembers within this value only
	now func() time.Time

	mu     sync.Mutex
	shards map[string]*shard // by base; guarded by mu
}

// newDigests are for one call: what is remembered longer is in the files.
func newDigests(dir string) *digests {
	return &digests{dir: dir, now: time.Now, shards: make(map[string]*shard)}
}

// under gives the shard of the files below the absolute path base.
func (d *digests) under(base string) *shard {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.shards[base]
	if s == nil {
		s = &shard{base: base, now: d.now}
		if d.dir != "" {
			s.file = shardFile(d.dir, base)
		}
		s.load()
		d.shards[base] = s
	}
	return s
}

// save writes what is new. A failure costs time at the next call, no more.
func (d *digests) save() error {
	if d.dir == "" {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, s := range d.shards {
		errs = append(errs, s.save())
	}
	return errors.Join(errs...)
}

// A content is a file whose digest is wanted.
type content struct {
	shard *shard
	path  string // absolute
	info  fs.FileInfo
	sum   digest
}

// maxReaders bounds the files that are read at a time.
const maxReaders = 16

// hashAll fills in the digests: known ones at once, the rest by reading, several
// files at a time. It stops at the first error.
func hashAll(ctx context.Context, files []*content) error {
	var unknown []*content
	for _, c := range files {
		var ok bool
		if c.sum, ok = c.shard.lookup(c.path, identify(c.info)); !ok {
			unknown = append(unknown, c)
		}
	}
	var next atomic.Int64
	var failed atomic.Bool
	var wg sync.WaitGroup
	errs := make([]error, len(unknown))
	for range min(len(unknown), 2*runtime.GOMAXPROCS(0), maxReaders) {
		wg.Go(func() {
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(unknown) {
					return
				}
				if errs[i] = unknown[i].read(ctx); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return firstOf(errs)
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// maxRereads bounds how often a file that changes while read is tried.
const maxRereads = 3

// read hashes the file, and remembers it unless it is too young.
func (c *content) read(ctx context.Context) error {
	for range maxRereads {
		began := c.shard.now()
		before, sum, steady, err := hashFile(ctx, c.path)
		if err != nil {
			return err
		}
		if steady {
			c.sum = sum
			c.shard.remember(c.path, before, sum, began)
			return nil
		}
	}
	return fmt.Errorf("%s changes while it is read; retry when it is written in full", c.path)
}

// hashFile hashes a file. steady is false where it changed meanwhile.
func hashFile(ctx context.Context, path string) (id identity, sum digest, steady bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return id, sum, false, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return id, sum, false, err
	}
	if !before.Mode().IsRegular() { // a pipe would be read for ever
		return id, sum, false, fmt.Errorf("%s is no regular file (%s)", path, before.Mode().Type())
	}
	if sum, err = hashReader(ctx, f); err != nil {
		return id, sum, false, fmt.Errorf("read %s: %w", path, cause(err))
	}
	after, err := f.Stat()
	if err != nil {
		return id, sum, false, err
	}
	id = identify(before)
	return id, sum, id == identify(after), nil
}

var buffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// hashReader hashes r to its end, and gives up when ctx ends.
func hashReader(ctx context.Context, r io.Reader) (sum digest, err error) {
	buf := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buf)
	h := sha256.New()
	for {
		if ctx.Err() != nil {
			return sum, context.Cause(ctx)
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

// rel is the path of a file as its shard has it.
func (s *shard) rel(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, s.base), string(filepath.Separator))
}

// cause is the error under a path error, whose path is told already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
