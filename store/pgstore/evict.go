package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// makeRoom frees what a put of rec needs under the quota, sparing the entry it
// replaces. Garbage goes first, then what saves least; where even that is not
// enough it evicts nothing.
func (s *Store) makeRoom(ctx context.Context, c *pgx.Conn, rec *store.Record) error {
	more := int64(len(rec.Value))
	for _, garbage := range []func(context.Context, *pgx.Conn) (freed, error){s.dropDead, s.dropHidden} {
		for {
			total, _, old, err := s.usage(ctx, c, rec.Key)
			if err != nil || total-old+more <= s.o.Quota {
				return err
			}
			if n, err := garbage(ctx, c); err != nil {
				return err
			} else if n.entries == 0 {
				break
			}
		}
	}
	total, persistent, old, err := s.usage(ctx, c, rec.Key)
	if err != nil {
		return err
	}
	if persistent+more > s.o.Quota {
		return fmt.Errorf("%w: the quota is %d bytes, %d are in use by entries that may not be evicted, the value needs %d",
			store.ErrFull, s.o.Quota, persistent, more)
	}
	_, err = s.evict(ctx, c, total-old+more-s.o.Quota, rec.Key[:])
	return err
}

// usage is the bytes of all entries, those of persistent ones beside key, and
// those of key itself.
func (s *Store) usage(ctx context.Context, c *pgx.Conn, key store.Key) (total, persistent, old int64, err error) {
	err = c.QueryRow(ctx, s.sql.persistent, key[:]).Scan(&total, &persistent, &old)
	return total, persistent, old, err
}

// evict frees excess bytes, sparing the entry under keep. Each round ranks all
// entries, which takes a second or two for a million; the slack of the quota
// makes that rare.
func (s *Store) evict(ctx context.Context, c *pgx.Conn, excess int64, keep []byte) (n freed, err error) {
	for n.bytes < excess {
		b, err := collect(c.Query(ctx, s.sql.evict, excess-n.bytes, maxPage, keep))
		if err != nil {
			return n, err
		}
		more, err := s.free(ctx, c, b, false)
		if err != nil || more.entries == 0 {
			return n, err
		}
		n.entries += more.entries
		n.bytes += more.bytes
	}
	return n, nil
}

// dropDead drops a page of entries past expiry and grace.
func (s *Store) dropDead(ctx context.Context, c *pgx.Conn) (freed, error) {
	b, err := collect(c.Query(ctx, s.sql.dead, maxPage))
	if err != nil {
		return freed{}, err
	}
	return s.free(ctx, c, b, false)
}

// dropHidden drops a page of entries that a bumped label hides.
func (s *Store) dropHidden(ctx context.Context, c *pgx.Conn) (freed, error) {
	type hidden struct{ Set, Seq int64 }
	rows, err := c.Query(ctx, s.sql.hidden)
	if err != nil {
		return freed{}, err
	}
	sets, err := pgx.CollectRows(rows, pgx.RowToStructByPos[hidden])
	if err != nil {
		return freed{}, err
	}
	for _, h := range sets {
		b, err := collect(c.Query(ctx, s.sql.hiddenIn, h.Set, h.Seq, maxPage))
		if err != nil {
			return freed{}, err
		}
		if n, err := s.free(ctx, c, b, false); err != nil || n.entries > 0 {
			return n, err
		}
	}
	return freed{}, nil
}
