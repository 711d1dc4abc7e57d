package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/reprise-go/reprise/store"
)

const (
	// remember is for how long clears and bumps are kept after nothing is left
	// for them to hide. An execution that runs longer cannot publish.
	remember = 7 * 24 * time.Hour
	// markEvery is how precisely that is measured.
	markEvery = time.Hour
	// keepTemp is when a staged value is taken for that of a dead process.
	keepTemp = time.Hour
	// keepLease is for how long an ended lease answers a repeated publish.
	keepLease = 24 * time.Hour
)

// noLimit has dropUntil drop all it is given.
const noLimit = -1 << 62

// Sweep frees space, in transactions of at most 1,000 entries. What it evicts
// is Cost ÷ Size, faded by the time since the entry was last read.
func (s *Store) Sweep(ctx context.Context) (store.Swept, error) {
	var total store.Swept
	if err := s.flushUses(ctx); err != nil {
		return total, err
	}
	steps := []struct {
		count *int
		free  func(tx *txn) (swept, error)
	}{
		{&total.Expired, func(tx *txn) (swept, error) { return tx.dropDead(noLimit, 0) }},
		{&total.Hidden, func(tx *txn) (swept, error) { return tx.dropHidden(noLimit, 0) }},
		{&total.Evicted, func(tx *txn) (swept, error) { return tx.evictOver() }},
	}
	for _, step := range steps {
		for more := true; more; {
			var n swept
			err := s.write(ctx, "sweep", func(tx *txn) (err error) { n, err = step.free(tx); return err })
			if err != nil {
				return total, err
			}
			*step.count += n.entries
			total.Bytes += n.bytes
			more = n.entries > 0
		}
	}
	if err := s.fold(ctx); err != nil {
		return total, err
	}
	if err := s.reap(ctx); err != nil {
		return total, err
	}
	if err := s.removeStrays(ctx); err != nil {
		return total, err
	}
	if err := s.vacuum(ctx); err != nil {
		return total, err
	}
	return total, s.checkpoint(ctx)
}

// checkpoint moves the log into the database, as far as readers allow. Only
// then does the file get shorter.
func (s *Store) checkpoint(ctx context.Context) error {
	return s.read(ctx, "sweep", func(c *conn) error { return c.exec("PRAGMA wal_checkpoint(PASSIVE)") })
}

// evictOver evicts while the quota is exceeded.
func (tx *txn) evictOver() (swept, error) {
	if tx.s.o.Quota == 0 || tx.used() <= tx.s.o.Quota {
		return swept{}, nil
	}
	return tx.evict(tx.s.o.Quota, 0)
}

// fold forgets clears and bumps that are old enough, and names that nothing
// uses any more.
func (s *Store) fold(ctx context.Context) error {
	old, err := int64(0), error(nil)
	err = s.write(ctx, "sweep", func(tx *txn) error {
		old, err = tx.mark()
		if err != nil || old <= tx.floor {
			return err
		}
		// A put that came late may be hidden by a bump that is about to be
		// forgotten: then forget next time.
		if late, err := tx.dropHidden(noLimit, 0); err != nil || late.entries > 0 {
			return err
		}
		tx.floor, tx.dirty = old, true
		return tx.exec("UPDATE labels SET seq = 0 WHERE seq > 0 AND seq <= ?", old)
	})
	if err != nil {
		return err
	}
	for _, sql := range []string{
		`DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE changed > 0 AND changed <= ?1 AND present = 0 LIMIT ?2)`,
		`UPDATE entries SET changed = 0, cleared = 0 WHERE id IN (SELECT id FROM entries WHERE changed > 0 AND changed <= ?1 LIMIT ?2)`,
	} {
		if err := s.inPages(ctx, func(tx *txn) error {
			if err := tx.settleAll(); err != nil { // a row of the tail must stay
				return err
			}
			return tx.exec(sql, tx.floor, maxPage)
		}); err != nil {
			return err
		}
	}
	return s.write(ctx, "sweep", (*txn).forgetNames)
}

// mark notes the present sequence number, and returns the newest one that is
// as old as clears are remembered.
func (tx *txn) mark() (int64, error) {
	last, err := tx.number("SELECT ifnull(max(at), 0) FROM marks")
	if err != nil {
		return 0, err
	}
	if last == 0 || tx.now-last >= int64(markEvery) {
		if err := tx.exec("INSERT OR REPLACE INTO marks (at, seq) VALUES (?, ?)", tx.now, tx.seq); err != nil {
			return 0, err
		}
	}
	limit := tx.now - int64(remember)
	old, err := tx.number("SELECT seq FROM marks WHERE at <= ? ORDER BY at DESC LIMIT 1", limit)
	if err != nil {
		return 0, err
	}
	return old, tx.exec("DELETE FROM marks WHERE at < (SELECT max(at) FROM marks WHERE at <= ?)", limit)
}

// forgetNames deletes label sets without rows and labels without sets, tags
// or a bump, and leases that ended long ago.
func (tx *txn) forgetNames() error {
	gone := int64(0)
	for _, sql := range []string{
		`DELETE FROM sets WHERE id IN (SELECT s.id FROM sets s WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.set_id = s.id) LIMIT 1000)`,
		`DELETE FROM labels WHERE id IN (SELECT l.id FROM labels l WHERE l.seq = 0 AND l.id <> 1
			AND NOT EXISTS (SELECT 1 FROM sets s WHERE s.by_function = l.id)
			AND NOT EXISTS (SELECT 1 FROM sets s WHERE s.by_link = l.id)
			AND NOT EXISTS (SELECT 1 FROM sets s WHERE s.by_dataset = l.id)
			AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.label = l.id) LIMIT 1000)`,
	} {
		if err := tx.exec(sql); err != nil {
			return err
		}
		gone += tx.db.Changes()
	}
	if gone > 0 {
		tx.epoch++
		tx.dirty = true
	}
	return tx.exec("DELETE FROM leases WHERE until < ?", tx.now-int64(keepLease))
}

// inPages repeats f until it changes no row.
func (s *Store) inPages(ctx context.Context, f func(*txn) error) error {
	for changes := int64(1); changes > 0; {
		err := s.write(ctx, "sweep", func(tx *txn) error {
			err := f(tx)
			changes = tx.db.Changes()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// reapPage is how many files a transaction deletes; a deletion is slow.
const reapPage = 200

// reap deletes value files that no row uses. It does so before the commit: if
// that fails, a name without a file is left, which nothing refers to.
func (s *Store) reap(ctx context.Context) error {
	for full := true; full; {
		err := s.write(ctx, "sweep", func(tx *txn) error {
			var unused [][]byte
			err := tx.each("SELECT hash FROM files WHERE refs = 0 LIMIT ?", func(r row) error {
				unused = append(unused, r.ColumnBlob(0, nil))
				return nil
			}, reapPage)
			if err != nil {
				return err
			}
			full = len(unused) == reapPage
			return tx.reap(unused)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *txn) reap(unused [][]byte) error {
	for _, hash := range unused {
		if err := os.Remove(tx.s.files.path(hash)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := tx.exec("DELETE FROM files WHERE hash = ?", hash); err != nil {
			return err
		}
		if tx.db.Changes() != 1 {
			return fmt.Errorf("%w: an index names value file %x, which is not there", errDamaged, hash)
		}
	}
	return nil
}

// removeStrays deletes what crashed processes left: staged values, and files
// that got their name in a transaction that was never committed.
func (s *Store) removeStrays(ctx context.Context) error {
	err := filepath.WalkDir(s.files.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return skipMissing(err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if filepath.Base(filepath.Dir(path)) == tempDir {
			return s.removeOldTemp(path, d)
		}
		hash, ok := s.files.hash(path)
		if !ok {
			return nil // not ours
		}
		return s.removeStray(ctx, path, hash)
	})
	return s.fail(ctx, "sweep", err)
}

func skipMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeOldTemp goes by the filesystem's clock, not the store's.
func (s *Store) removeOldTemp(path string, d fs.DirEntry) error {
	fi, err := d.Info()
	if err != nil || time.Since(fi.ModTime()) < keepTemp {
		return skipMissing(err)
	}
	return skipMissing(os.Remove(path))
}

// removeStray deletes the file if no row of files knows it. It looks without a
// lock first: nearly always the file is known.
func (s *Store) removeStray(ctx context.Context, path string, hash []byte) error {
	known := false
	look := func(c *conn) (err error) {
		known, err = c.one("SELECT 1 FROM files WHERE hash = ?", func(row) error { return nil }, hash)
		return err
	}
	if err := s.read(ctx, "sweep", look); err != nil || known {
		return err
	}
	return s.write(ctx, "sweep", func(tx *txn) error {
		if err := look(tx.conn); err != nil || known {
			return err
		}
		return skipMissing(os.Remove(path))
	})
}

// vacuum gives free pages back to the filesystem, some at a time.
func (s *Store) vacuum(ctx context.Context) error {
	for free := int64(1); free > 0; {
		err := s.write(ctx, "sweep", func(tx *txn) error {
			if err := tx.exec("PRAGMA incremental_vacuum(1000)"); err != nil {
				return err
			}
			before := free
			var err error
			if free, err = tx.number("PRAGMA freelist_count"); free >= before && before > 1 {
				free = 0
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepEvery has a timer sweep in the background until Close; 0 is never. The
// first time comes anywhere in the first period.
func (s *Store) sweepEvery(every time.Duration) {
	if every <= 0 {
		return
	}
	s.sweeper = time.AfterFunc(math.MaxInt64, func() { s.sweepInTurn(every) })
	s.sweeper.Reset(rand.N(every)) // which may fire before AfterFunc would have returned
}

// sweepInTurn is one sweep in the background. Errors show up in what callers
// do next; there is nobody here to tell.
func (s *Store) sweepInTurn(every time.Duration) {
	if s.enter(s.life) != nil {
		return
	}
	s.background.Add(1)
	defer s.background.Done()
	s.leave()
	if ok, err := s.claimSweep(s.life, every); ok && err == nil {
		_, _ = s.Sweep(s.life)
	}
	s.sweeper.Reset(every)
}

// claimSweep reports whether it is this process's turn: no other has begun a
// sweep in the last half period.
func (s *Store) claimSweep(ctx context.Context, every time.Duration) (ok bool, err error) {
	err = s.write(ctx, "sweep", func(tx *txn) error {
		err := tx.exec("UPDATE meta SET swept = ?1 WHERE one = 1 AND (swept <= ?1 - ?2 OR swept > ?1)", tx.now, int64(every/2))
		ok = tx.db.Changes() > 0
		return err
	})
	return ok, err
}
