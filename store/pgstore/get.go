package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// Get reads the entry under key with one prepared statement.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	var l store.Lookup
	err := s.do(ctx, "get", again, func(ctx context.Context, c *pgx.Conn) (err error) {
		l, err = s.get(ctx, c, key)
		return err
	})
	if err != nil {
		return store.Lookup{}, err
	}
	return l, nil
}

func (s *Store) get(ctx context.Context, c *pgx.Conn, key store.Key) (l store.Lookup, err error) {
	var (
		now                                                     int64
		begun, created, expires, grace, cost, size, fence, dead *int64
		value                                                   []byte
		labels                                                  labelRow
		r                                                       = &l.Record
	)
	targets := append([]any{&l.Seq, &now, &begun, &created, &expires, &grace, &cost, &size, &fence, &dead, &value}, labels.targets()...)
	if err := c.QueryRow(ctx, s.sql.get, key[:]).Scan(targets...); err != nil {
		return l, err
	}
	l.Now = asTime(now)
	if begun == nil || *dead > 0 && now >= *dead {
		return l, nil
	}
	s.uses.note(key, now)
	if int64(len(value)) != *size {
		l.Damaged = true
		return l, nil
	}
	r.Key, r.Value, r.Size = key, value, *size
	r.Begun, r.Fence = uint64(*begun), uint64(*fence)
	r.Created, r.Expires = asTime(*created), asTime(*expires)
	r.Grace, r.Cost = time.Duration(*grace), time.Duration(*cost)
	r.Labels, r.Policy, err = labels.labels()
	l.Found = err == nil
	return l, err
}

// asTime is a moment of the database; 0 is none.
func asTime(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}
