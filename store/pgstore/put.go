package pgstore

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// maxSideBytes bounds the manifest and the labels of a record.
const maxSideBytes = 16 << 20

// What our functions put, publish and update answer.
const (
	statusDone = iota
	statusUnknownSet
	statusSuperseded // of put; of update: the entry moved to another set
	statusFullOrGone // of put: over the quota; of update: no live entry
	statusLeaseLost
)

// Put stores rec with one call of a function in the database, and with two
// more the first time that its labels are seen.
func (s *Store) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	if err := s.check(rec, mode); err != nil {
		return store.Stamp{}, err
	}
	r := once
	if mode == store.PutPublish {
		r = again
	}
	return s.putting(ctx, "put", rec, r, s.sql.put, func(quota int64) []any {
		return append(s.putArgs(rec, mode, rec.Fence, quota), s.o.Durability == Relaxed && mode == store.PutPublish)
	})
}

// check refuses records that make no sense or are too large.
func (s *Store) check(rec *store.Record, mode store.PutMode) error {
	switch {
	case mode > store.PutSet:
		return fmt.Errorf("pgstore: put %s: unknown mode %d", rec.Key.Short(), mode)
	case rec.TTL < 0 || rec.Grace < 0:
		return fmt.Errorf("pgstore: put %s: negative TTL (%v) or grace (%v)", rec.Key.Short(), rec.TTL, rec.Grace)
	case rec.Begun > math.MaxInt64 && mode != store.PutSet || rec.Fence > math.MaxInt64:
		return fmt.Errorf("pgstore: put %s: %w: sequence number %d or fence %d was never given out",
			rec.Key.Short(), store.ErrSuperseded, rec.Begun, rec.Fence)
	case int64(len(rec.Value)) > s.o.MaxValue:
		return fmt.Errorf("pgstore: put %s: %w: %d bytes, the most is %d", rec.Key.Short(), store.ErrTooLarge, len(rec.Value), s.o.MaxValue)
	case sideBytes(rec) > maxSideBytes:
		return fmt.Errorf("pgstore: put %s: %w: manifest and labels have %d bytes, the most is %d",
			rec.Key.Short(), store.ErrTooLarge, sideBytes(rec), maxSideBytes)
	}
	return nil
}

func sideBytes(rec *store.Record) int {
	l := &rec.Labels
	n := len(rec.Manifest) + len(l.Collection) + len(l.Function) + len(l.Dataset) + len(l.Version) + len(l.Entry)
	for _, t := range l.Tags {
		n += len(t) + 8
	}
	return n
}

// putArgs are the parameters that put and publish have in common.
func (s *Store) putArgs(rec *store.Record, mode store.PutMode, fence uint64, quota int64) []any {
	return []any{
		rec.Key[:], s.names.digest(setOf(&rec.Labels, rec.Policy)), int32(mode), int64(rec.Begun), int64(rec.TTL), width(rec.TTL),
		int64(rec.Grace), int64(rec.Cost), int64(fence), []byte(rec.Labels.Entry), notNil(rec.Value), notNil(rec.Manifest), quota,
	}
}

// notNil is b for a column that may not be null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// width is the logarithm of the width of the bucket, in microseconds, in which
// an entry with this TTL is counted: from a 128th to a 64th of it, so that an
// entry's life sees few buckets end, and at least a second.
func width(ttl time.Duration) int32 {
	const second = 20
	return int32(max(second, bits.Len64(uint64(ttl.Microseconds()/128))))
}

// putting calls put or publish until the database has made up its mind. args
// are the parameters under a quota.
func (s *Store) putting(ctx context.Context, doing string, rec *store.Record, r repeat, sql string, args func(quota int64) []any) (store.Stamp, error) {
	var stamp store.Stamp
	err := s.do(ctx, doing, r, func(ctx context.Context, c *pgx.Conn) (err error) {
		stamp, err = s.put(ctx, c, rec, sql, args)
		return err
	})
	if err != nil {
		return store.Stamp{}, err
	}
	return stamp, nil
}

func (s *Store) put(ctx context.Context, c *pgx.Conn, rec *store.Record, sql string, args func(quota int64) []any) (store.Stamp, error) {
	const most = 20 // others can undo what we prepare, but not this often
	limit := s.limit(int64(len(rec.Value)))
	for range most {
		var status int
		var created, expires, seq *int64
		if err := c.QueryRow(ctx, sql, args(limit)...).Scan(&status, &created, &expires, &seq); err != nil {
			return store.Stamp{}, err
		}
		var err error
		switch status {
		case statusDone:
			return store.Stamp{Created: asTime(*created), Expires: asTime(*expires), Seq: uint64(*seq)}, nil
		case statusUnknownSet:
			err = s.know(ctx, c, setOf(&rec.Labels, rec.Policy))
		case statusSuperseded:
			err = store.ErrSuperseded
		case statusFullOrGone:
			err = s.makeRoom(ctx, c, rec)
		case statusLeaseLost:
			err = fmt.Errorf("key %s: %w", rec.Key.Short(), store.ErrLeaseLost)
		default:
			err = fmt.Errorf("%w: status %d of a put", errDamaged, status)
		}
		if err != nil {
			return store.Stamp{}, err
		}
	}
	return store.Stamp{}, fmt.Errorf("key %s: %w: others take the room as fast as it is made", rec.Key.Short(), store.ErrFull)
}

// limit is the quota that a put of more bytes has to observe. Where the quota
// is large, only every now and then one does: to add up costs more than a put.
func (s *Store) limit(more int64) int64 {
	quota := s.o.Quota
	if quota == 0 {
		return 0
	}
	if slack := s.o.slack(); slack > 0 && more <= slack && s.spent.Add(more) < slack/looks {
		return 0
	}
	s.spent.Store(0)
	return quota + s.o.slack()
}

// looks is how often a process looks at the total while it uses up the slack.
const looks = 8
