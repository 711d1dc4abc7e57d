package pgstore

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

var _ store.Leaser = (*Store)(nil)

// Acquire takes the lease of key, or says who is in the way.
func (s *Store) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	if ttl <= 0 {
		return store.Grant{}, fmt.Errorf("pgstore: acquire %s: TTL %v: must be positive", key.Short(), ttl)
	}
	var g store.Grant
	err := s.do(ctx, "acquire", again, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, s.sql.acquire, key[:], owner[:], int64(ttl)).Scan(&g.Granted, &g.Fence, (*int64)(&g.Left), &g.Cooling)
	})
	if err != nil {
		return store.Grant{}, err
	}
	return g, nil
}

// Renew extends a lease that is held.
func (s *Store) Renew(ctx context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("pgstore: renew %s: TTL %v: must be positive", key.Short(), ttl)
	}
	return s.do(ctx, "renew", again, func(ctx context.Context, c *pgx.Conn) error {
		var held bool
		err := c.QueryRow(ctx, s.sql.renew, key[:], owner[:], fenceArg(fence), int64(ttl)).Scan(&held)
		if err == nil && !held {
			err = lost(key, fence)
		}
		return err
	})
}

// Release gives a lease up. A cool-down that is not positive is none.
func (s *Store) Release(ctx context.Context, key store.Key, owner store.Owner, fence uint64, cooldown time.Duration) error {
	return s.do(ctx, "release", again, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, s.sql.release, key[:], owner[:], fenceArg(fence), int64(max(cooldown, 0)))
		return err
	})
}

// Publish puts rec and releases the lease in one call of a function.
func (s *Store) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	if mode > store.PutRefresh {
		return store.Stamp{}, fmt.Errorf("pgstore: publish %s: mode %d is not for publishing", rec.Key.Short(), mode)
	}
	if err := s.check(rec, mode); err != nil {
		return store.Stamp{}, err
	}
	return s.putting(ctx, "publish", rec, again, s.sql.publish, func(quota int64) []any {
		return append([]any{owner[:]}, s.putArgs(rec, mode, uint64(fenceArg(fence)), quota)...)
	})
}

// fenceArg is a fence as the database has it, or one that it never gives out.
func fenceArg(fence uint64) int64 {
	if fence == 0 || fence > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(fence)
}

func lost(key store.Key, fence uint64) error {
	return fmt.Errorf("key %s, fence %d: %w", key.Short(), fence, store.ErrLeaseLost)
}
