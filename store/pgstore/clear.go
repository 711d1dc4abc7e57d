package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// Clear hides the entry under key.
func (s *Store) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	var b store.Bumped
	err := s.do(ctx, "clear", once, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, s.sql.clear, key[:]).Scan(&b.Seq, &b.Entries)
	})
	if err != nil {
		return store.Bumped{}, err
	}
	return b, nil
}

// Bump hides all entries with any of the labels. It writes one row a label;
// what it hides was counted as it was stored.
func (s *Store) Bump(ctx context.Context, labels ...store.Label) (store.Bumped, error) {
	if len(labels) == 0 {
		return store.Bumped{}, fmt.Errorf("pgstore: bump: %w: no label", store.ErrBadQuery)
	}
	for _, l := range labels {
		if l.Kind < store.LabelAll || l.Kind > store.LabelTag {
			return store.Bumped{}, fmt.Errorf("pgstore: bump: %w: label of kind %d", store.ErrBadQuery, l.Kind)
		}
	}
	var b store.Bumped
	a := arraysOf(labels)
	err := s.do(ctx, "bump", once, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, s.sql.bump, a.kinds, a.values, a.digests).Scan(&b.Seq, &b.Entries)
	})
	if err != nil {
		return store.Bumped{}, err
	}
	return b, nil
}

// Update changes expiry or policy of a live entry. A change of policy asks for
// the entry's labels first.
func (s *Store) Update(ctx context.Context, key store.Key, ch store.Change) (bool, error) {
	if ch.TTL != nil && *ch.TTL < 0 {
		return false, fmt.Errorf("pgstore: update %s: negative TTL %v", key.Short(), *ch.TTL)
	}
	var done bool
	err := s.do(ctx, "update", once, func(ctx context.Context, c *pgx.Conn) (err error) {
		done, err = s.update(ctx, c, key, ch)
		return err
	})
	return done && err == nil, err
}

func (s *Store) update(ctx context.Context, c *pgx.Conn, key store.Key, ch store.Change) (bool, error) {
	var ttl *int64
	var bucket int32
	if ch.TTL != nil {
		ns := int64(*ch.TTL)
		ttl, bucket = &ns, width(*ch.TTL)
	}
	const most = 20
	for range most {
		var from, to []byte
		var set labelSet
		if ch.Policy != nil {
			var err error
			if set, err = s.setAt(ctx, c, key); errors.Is(err, pgx.ErrNoRows) {
				return false, nil
			} else if err != nil {
				return false, err
			}
			from = set.digest()
			set.policy = *ch.Policy
			to = set.digest()
		}
		var status int
		if err := c.QueryRow(ctx, s.sql.update, key[:], ttl, bucket, from, to).Scan(&status); err != nil {
			return false, err
		}
		switch status {
		case statusDone:
			return true, nil
		case statusFullOrGone:
			return false, nil
		case statusUnknownSet:
			if err := s.know(ctx, c, set); err != nil {
				return false, err
			}
		}
	}
	return false, fmt.Errorf("key %s is replaced all the time", key.Short())
}

// setAt is the label set of the entry under key.
func (s *Store) setAt(ctx context.Context, c *pgx.Conn, key store.Key) (labelSet, error) {
	var r labelRow
	if err := c.QueryRow(ctx, s.sql.held, key[:]).Scan(r.targets()...); err != nil {
		return labelSet{}, err
	}
	return r.set()
}
