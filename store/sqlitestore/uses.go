package sqlitestore

import (
	"context"
	"sync"
	"time"
)

// uses remembers when entries were last read, so that reading writes nothing.
// A sweep and Close write them to the table uses.
type uses struct {
	mu sync.Mutex
	at map[int64]int64 // entry to Unix nanoseconds; guarded by mu
}

// maxUses bounds the memory, to about a megabyte. Beyond it a random note
// makes room for the newest.
const maxUses = 1 << 15

func (u *uses) note(entry, now int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil {
		u.at = map[int64]int64{}
	}
	if len(u.at) >= maxUses {
		if _, ok := u.at[entry]; !ok {
			for other := range u.at {
				delete(u.at, other)
				break
			}
		}
	}
	u.at[entry] = now
}

// take empties the notes.
func (u *uses) take() map[int64]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := u.at
	u.at = nil
	return at
}

// flushUses writes the notes down, in short transactions. Notes of entries
// that are gone are dropped.
func (s *Store) flushUses(ctx context.Context) error {
	notes := s.uses.take()
	if err := s.dropKnown(ctx, notes); err != nil {
		return err
	}
	for len(notes) > 0 {
		err := s.write(ctx, "note uses", func(tx *txn) error { return tx.flush(notes, maxPage) })
		if err != nil {
			return err
		}
	}
	return nil
}

// useStep is how precisely uses are written down. What is evicted first changes
// little within it, and a process that reads what was read just before then
// writes nothing.
const useStep = 10 * time.Minute

const lastUseSQL = `SELECT max(e.created, ifnull(u.at, 0)) FROM entries e LEFT JOIN uses u ON u.entry = e.id WHERE e.id = ? AND e.present = 1`

// dropKnown removes the notes that tell nothing new.
func (s *Store) dropKnown(ctx context.Context, notes map[int64]int64) error {
	if len(notes) == 0 {
		return nil
	}
	return s.read(ctx, "note uses", func(c *conn) error {
		for entry, at := range notes {
			last, err := c.number(lastUseSQL, entry)
			if err != nil {
				return err
			}
			if last == 0 || at < after(last, useStep) {
				delete(notes, entry)
			}
		}
		return nil
	})
}

// flush writes up to n notes and removes them from the map.
func (tx *txn) flush(notes map[int64]int64, n int) error {
	for entry, at := range notes {
		if n--; n < 0 {
			return nil
		}
		err := tx.exec(`INSERT INTO uses (entry, at) SELECT id, ?1 FROM entries WHERE id = ?2 AND present = 1
			ON CONFLICT (entry) DO UPDATE SET at = max(at, ?1)`, at, entry)
		if err != nil {
			return err
		}
		delete(notes, entry)
	}
	return nil
}
