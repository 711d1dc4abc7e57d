package pgstore

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

const (
	// remember is for how long clears are kept after nothing is left for them
	// to hide. An execution that runs longer cannot publish.
	remember = 7 * 24 * time.Hour
	// markEvery is how precisely that is measured.
	markEvery = time.Hour
	// keepLease is for how long an ended lease answers a repeated publish.
	keepLease = 24 * time.Hour
)

// Sweep frees space, in transactions of at most 1,000 rows that lock nothing
// which others are writing. What it evicts is Cost ÷ Size, faded by the time
// since the entry was last read.
func (s *Store) Sweep(ctx context.Context) (store.Swept, error) {
	var total store.Swept
	if err := s.flushUses(ctx); err != nil {
		return total, err
	}
	for _, step := range []struct {
		count *int
		free  func(context.Context, *pgx.Conn) (freed, error)
	}{{&total.Expired, s.dropDead}, {&total.Hidden, s.dropHidden}, {&total.Evicted, s.evictOver}} {
		for more := true; more; {
			var n freed
			err := s.do(ctx, "sweep", once, func(ctx context.Context, c *pgx.Conn) (err error) {
				n, err = step.free(ctx, c)
				return err
			})
			if err != nil {
				return total, err
			}
			*step.count += n.entries
			total.Bytes += n.bytes
			more = n.entries > 0
		}
	}
	return total, s.forget(ctx)
}

// evictOver evicts while the quota is exceeded.
func (s *Store) evictOver(ctx context.Context, c *pgx.Conn) (freed, error) {
	if s.o.Quota == 0 {
		return freed{}, nil
	}
	total, _, _, err := s.usage(ctx, c, store.Key{})
	if err != nil || total <= s.o.Quota {
		return freed{}, err
	}
	return s.evict(ctx, c, total-s.o.Quota, nil)
}

// forget drops clears that are old enough, names that nothing uses any more,
// and leases that ended long ago.
func (s *Store) forget(ctx context.Context) error {
	// The floor is raised, in a transaction of its own, before anything below
	// it is forgotten: the function put relies on that.
	for _, step := range []struct {
		sql string
		age time.Duration
	}{{s.sql.mark, markEvery}, {s.sql.raise, remember}} {
		if err := s.exec(ctx, step.sql, step.age.Microseconds()); err != nil {
			return err
		}
	}
	if err := s.inPages(ctx, s.sql.tombs, maxPage); err != nil {
		return err
	}
	if err := s.inPages(ctx, s.sql.leases, keepLease.Microseconds(), maxPage); err != nil {
		return err
	}
	if err := s.inPages(ctx, s.sql.dropTallies, maxPage); err != nil {
		return err
	}
	return s.forgetNames(ctx)
}

func (s *Store) exec(ctx context.Context, sql string, args ...any) error {
	return s.do(ctx, "sweep", once, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sql, args...)
		return err
	})
}

// inPages repeats a statement until it changes less than a page.
func (s *Store) inPages(ctx context.Context, sql string, args ...any) error {
	for rows := int64(maxPage); rows == maxPage; {
		err := s.do(ctx, "sweep", once, func(ctx context.Context, c *pgx.Conn) error {
			tag, err := c.Exec(ctx, sql, args...)
			rows = tag.RowsAffected()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetNames deletes label sets without entries, and labels without sets whose
// bump is forgotten. It looks for them first, so that it has to keep writers
// out for a moment only.
func (s *Store) forgetNames(ctx context.Context) error {
	for last := int64(0); ; {
		var idle []int64
		err := s.do(ctx, "sweep", once, func(ctx context.Context, c *pgx.Conn) error {
			rows, err := c.Query(ctx, s.sql.idleSets, last, maxPage)
			if err == nil {
				idle, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			}
			if err != nil || len(idle) == 0 {
				return err
			}
			return s.alone(ctx, c, s.sql.dropSets, idle)
		})
		if err != nil {
			return err
		}
		if len(idle) < maxPage {
			break
		}
		last = idle[len(idle)-1]
	}
	return s.do(ctx, "sweep", once, func(ctx context.Context, c *pgx.Conn) error {
		return s.alone(ctx, c, s.sql.dropLabels, maxPage)
	})
}

// alone runs a statement while nobody uses the names of sets and labels.
func (s *Store) alone(ctx context.Context, c *pgx.Conn, sql string, args ...any) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lockNumber("names", s.o.Schema)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}

// sweepEvery sweeps in the background until ctx ends. Errors show up in what
// callers do next; there is nobody here to tell.
func (s *Store) sweepEvery(ctx context.Context, every time.Duration) {
	timer := time.NewTimer(rand.N(every))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		_ = s.flushUses(ctx) // also where another process sweeps
		if mine, err := s.claimSweep(ctx, every); mine && err == nil {
			_, _ = s.Sweep(ctx)
		}
		timer.Reset(every)
	}
}

// claimSweep reports whether it is this process's turn: no other has begun a
// sweep in the last half period. A row says so rather than a session's lock,
// which a proxy would lose, and a dead process would keep.
func (s *Store) claimSweep(ctx context.Context, every time.Duration) (mine bool, err error) {
	err = s.do(ctx, "sweep", once, func(ctx context.Context, c *pgx.Conn) error {
		tag, err := c.Exec(ctx, s.sql.claim, (every / 2).Microseconds())
		mine = tag.RowsAffected() > 0
		return err
	})
	return mine, err
}
