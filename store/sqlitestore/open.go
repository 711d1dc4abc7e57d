package sqlitestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
)

// Open opens the database at path, and creates it and its directory where they
// do not exist; several processes may do so at once. A nil o means the
// defaults. ctx limits the opening only.
//
// A file that is not ours, or is damaged, is an error that wraps
// store.ErrCorrupt; one that a newer version of reprise wrote is
// store.ErrNewerSchema. Both are left as they are. A directory or file that
// cannot be written is an error that names it.
func Open(ctx context.Context, path string, o *Options) (*Store, error) {
	opts, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return nil, errors.New("sqlitestore: open: the path is empty")
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, explain(path, "open", err)
	}
	if err := prepareFiles(path); err != nil {
		return nil, explain(path, "open", err)
	}
	c, id, err := dialReady(ctx, path, &opts)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("sqlitestore: open %s: %w", path, ctx.Err())
		}
		return nil, explain(path, "open", err)
	}
	s := newStore(path, opts, id, c)
	if err := protectIndex(path); err != nil {
		s.Close()
		return nil, explain(path, "open", err)
	}
	return s, nil
}

// protectIndex gives the index of the log the mode of the other files. The
// driver does so for the log itself only; the index holds page numbers.
func protectIndex(path string) error {
	err := os.Chmod(path+"-shm", 0o600)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) { // another user's, who shares with us
		return nil
	}
	return err
}

// prepareFiles creates the directory and an empty file for SQLite to fill, and
// refuses what it should not touch before SQLite has opened it.
func prepareFiles(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if name, bad := networkFilesystem(dir); bad {
		return fmt.Errorf("%s is on a network filesystem (%s), where SQLite's locks cannot be trusted: choose a local path, or a shared store", dir, name)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil {
		return err
	} else if fi.IsDir() {
		return errors.New("is a directory")
	}
	return peek(f, path)
}

// headerSize is the part of an SQLite header that peek reads.
const headerSize = 100

// peek judges a file by its header. Where a log or a journal holds newer
// content the header may be out of date, and verify judges instead.
func peek(f io.ReaderAt, path string) error {
	h := make([]byte, headerSize)
	n, err := f.ReadAt(h, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	field := func(at int) uint32 { return binary.BigEndian.Uint32(h[at:]) }
	const pages, schemaCookie, userVersion, application = 28, 40, 60, 68
	if field(application) == applicationID && field(userVersion) > schemaVersion {
		return accept(path, applicationID, field(userVersion)) // no log takes a schema back
	}
	if n == 0 || hasContent(path+"-wal") || hasContent(path+"-journal") {
		return nil
	}
	if n < headerSize || string(h[:16]) != "SQLite format 3\x00" {
		return fmt.Errorf("%w: %s is not an SQLite database: move it away, or choose another path", store.ErrCorrupt, path)
	}
	if field(application) == 0 && field(userVersion) == 0 && field(pages) <= 1 && field(schemaCookie) == 0 {
		return nil // empty: another process is about to create the schema, or died when it was
	}
	return accept(path, field(application), field(userVersion))
}

func hasContent(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Size() > 0
}

// dialReady opens the first connection, sees to the schema, and returns the
// store's ID.
func dialReady(ctx context.Context, path string, o *Options) (*conn, storeID, error) {
	c, err := dialPatiently(ctx, path, o)
	if err != nil {
		return nil, storeID{}, err
	}
	c.db.SetInterrupt(ctx)
	id, err := ready(c, path, o.BusyTimeout)
	if err != nil {
		leave(c)
		return nil, id, err
	}
	c.db.SetInterrupt(context.Background())
	return c, id, nil
}

func dialPatiently(ctx context.Context, path string, o *Options) (c *conn, err error) {
	err = retryBusy(o.BusyTimeout, func() error {
		c, err = dial(ctx, path, o, sqlite3.OPEN_READWRITE)
		return err
	})
	return c, err
}

// dialAgain opens a connection beside the first. That may be long after Open,
// so it looks whether the file still is what Open has found.
func (s *Store) dialAgain(ctx context.Context) (*conn, error) {
	c, err := dialPatiently(ctx, s.path, &s.o)
	if err != nil {
		return nil, err
	}
	id, err := verify(c, s.path)
	if err == nil && id != s.id {
		err = fmt.Errorf("%w: the database was replaced while it was open", errDamaged)
	}
	if err != nil {
		leave(c)
		return nil, err
	}
	return c, nil
}

// leave closes a connection without moving the log into the database.
func leave(c *conn) error {
	if c != nil && !c.broken {
		_, _ = c.db.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
	}
	return c.close()
}

// retryBusy repeats f while others hold the locks it needs, where SQLite's own
// waiting does not apply.
func retryBusy(timeout time.Duration, f func() error) error {
	start := time.Now()
	for {
		err := f()
		if err == nil || !errors.Is(err, sqlite3.BUSY) && !errors.Is(err, sqlite3.LOCKED) {
			return err
		}
		if time.Since(start) >= timeout {
			return err
		}
		time.Sleep(time.Millisecond + rand.N(4*time.Millisecond))
	}
}
