package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
)

// fail turns an error of the driver or the filesystem into one that says which
// database, and wraps the store's sentinel where one applies.
func (s *Store) fail(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sqlite3.INTERRUPT) {
		if ctx.Err() != nil {
			return fmt.Errorf("sqlitestore: %s: %w", doing, ctx.Err())
		}
		return fmt.Errorf("sqlitestore: %s: %w", doing, store.ErrClosed)
	}
	return explain(s.path, doing, err)
}

// explain names the file and says what to do about err.
func explain(path, doing string, err error) error {
	if isPortError(err) {
		return fmt.Errorf("sqlitestore: %s: %w", doing, err)
	}
	switch {
	case errors.Is(err, sqlite3.FULL), isNoSpace(err), errors.Is(err, sqlite3.IOERR) && diskFull(filepath.Dir(path)):
		return fmt.Errorf("sqlitestore: %s: %w: free some space for %s (%w)", doing, store.ErrFull, path, err)
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB),
		errors.Is(err, sqlite3.IOERR_SHORT_READ), errors.Is(err, sqlite3.IOERR_CORRUPTFS), errors.Is(err, errDamaged):
		return fmt.Errorf("sqlitestore: %s: %w: %s is damaged: move it away or delete it, and its -wal, -shm and .values with it, to start afresh (%w)",
			doing, store.ErrCorrupt, path, err)
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		return fmt.Errorf("sqlitestore: %s: %s is busy: another process has held its lock for longer than Options.BusyTimeout (%w)", doing, path, err)
	case errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.PERM), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS),
		errors.Is(err, sqlite3.CANTOPEN) && isDenied(path):
		return fmt.Errorf("sqlitestore: %s: cannot write %s or its directory: give this user write permission, or choose another path (%w)", doing, path, err)
	case errors.Is(err, sqlite3.TOOBIG):
		return fmt.Errorf("sqlitestore: %s: %w (%w)", doing, store.ErrTooLarge, err)
	}
	return fmt.Errorf("sqlitestore: %s: %s: %w", doing, path, err)
}

// errDamaged marks contradictions that SQLite itself does not notice.
var errDamaged = errors.New("unexpected content")

func isPortError(err error) bool {
	for _, e := range []error{
		store.ErrClosed, store.ErrSuperseded, store.ErrTooLarge, store.ErrFull, store.ErrLeaseLost,
		store.ErrCorrupt, store.ErrNewerSchema, store.ErrBadQuery, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// isDenied finds out whether a file of another user is why SQLite cannot open
// the database: it does not say.
func isDenied(path string) bool {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		f, err := os.OpenFile(path+suffix, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrPermission) {
			return true
		}
		if err == nil {
			f.Close()
		}
	}
	return false
}

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// diskFull tries to write a little into dir. The driver hides why a write
// failed behind the next thing that works, so this asks the filesystem.
func diskFull(dir string) bool {
	f, err := os.CreateTemp(dir, ".reprise-probe-")
	if err != nil {
		return isNoSpace(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 128<<10))
	if e := f.Close(); err == nil {
		err = e
	}
	return isNoSpace(err)
}
