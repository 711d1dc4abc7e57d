package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// Acquire implements store.Leaser. Leases end with whole milliseconds.
func (s *Store) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	if ttl <= 0 {
		return store.Grant{}, fmt.Errorf("redisstore: acquire %s: ttl %v: must be positive", key.Short(), ttl)
	}
	answer, err := s.lease(ctx, opAcquire, key, owner, decimal(millis(ttl)))
	if err != nil {
		return store.Grant{}, fmt.Errorf("redisstore: acquire %s: %w", key.Short(), err)
	}
	if len(answer) != 4 {
		return store.Grant{}, corrupt("acquire")
	}
	g := store.Grant{
		Granted: number(&answer[0]) == 1,
		Fence:   number(&answer[1]),
		Left:    time.Duration(number(&answer[2])) * time.Millisecond,
		Cooling: number(&answer[3]) == 1,
	}
	if g.Granted {
		g.Left = ttl
	}
	return g, nil
}

// Renew implements store.Leaser.
func (s *Store) Renew(ctx context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("redisstore: renew %s: ttl %v: must be positive", key.Short(), ttl)
	}
	answer, err := s.lease(ctx, opRenew, key, owner, decimal(min(fence, maxNumber)), decimal(millis(ttl)))
	if err == nil && (len(answer) != 1 || number(&answer[0]) != 1) {
		err = fmt.Errorf("fence %d: %w", fence, store.ErrLeaseLost)
	}
	if err != nil {
		return fmt.Errorf("redisstore: renew %s: %w", key.Short(), err)
	}
	return nil
}

// Release implements store.Leaser. A cool-down that is not positive is none.
func (s *Store) Release(ctx context.Context, key store.Key, owner store.Owner, fence uint64, cooldown time.Duration) error {
	_, err := s.lease(ctx, opRelease, key, owner, decimal(min(fence, maxNumber)), decimal(millis(max(cooldown, 0))))
	if err != nil {
		return fmt.Errorf("redisstore: release %s: %w", key.Short(), err)
	}
	return nil
}

// Publish implements store.Leaser.
func (s *Store) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	if mode > store.PutRefresh {
		return store.Stamp{}, fmt.Errorf("redisstore: publish %s: mode %d is not for publishing", rec.Key.Short(), mode)
	}
	return s.put(ctx, &change{rec: rec, mode: mode, what: "publish", owner: string(owner[:]), fence: fence})
}

// lease calls a script on the lease of key.
func (s *Store) lease(ctx context.Context, sc *script, key store.Key, owner store.Owner, args ...string) ([]rueidis.RedisMessage, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	return s.onShard(ctx, sc, int(key[0]), append([]string{keyText(key), string(owner[:])}, args...)...)
}
