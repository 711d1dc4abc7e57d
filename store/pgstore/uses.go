package pgstore

import (
	"bytes"
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// uses remembers when entries were last read, so that reading writes nothing.
// The sweeper's clock and Close write them to the table uses.
type uses struct {
	mu sync.Mutex
	at map[store.Key]int64 // microseconds of the server's clock; guarded by mu
}

// maxUses bounds the memory, to some megabytes. Beyond it a random note makes
// room for the newest.
const maxUses = 1 << 15

func (u *uses) note(key store.Key, now int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil {
		u.at = map[store.Key]int64{}
	}
	if len(u.at) >= maxUses {
		if _, ok := u.at[key]; !ok {
			for other := range u.at {
				delete(u.at, other)
				break
			}
		}
	}
	u.at[key] = now
}

// take empties the notes.
func (u *uses) take() map[store.Key]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := u.at
	u.at = nil
	return at
}

// flushUses writes the notes down, in short transactions. Notes of entries
// that are gone are dropped, and those of a failed transaction too.
func (s *Store) flushUses(ctx context.Context) error {
	if s.o.Quota == 0 {
		s.uses.take()
		return nil // nobody will ask
	}
	keys, at := make([][]byte, 0, maxPage), make([]int64, 0, maxPage)
	write := func() error {
		err := s.do(ctx, "note uses", again, func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, s.sql.uses, keys, at)
			return err
		})
		keys, at = keys[:0], at[:0]
		return err
	}
	for key, used := range s.uses.take() {
		keys, at = append(keys, bytes.Clone(key[:])), append(at, used)
		if len(keys) == maxPage {
			if err := write(); err != nil {
				return err
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return write()
}
