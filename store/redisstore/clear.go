package redisstore

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

// Clear implements store.Store. It frees the entry at once and leaves a
// tombstone for seven days.
func (s *Store) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	if err := s.enter(ctx); err != nil {
		return store.Bumped{}, err
	}
	do := s.clearOnce
	if s.cluster {
		do = s.clearCluster
	}
	b, err := do(ctx, key)
	if err != nil {
		return store.Bumped{}, fmt.Errorf("redisstore: clear %s: %w", key.Short(), err)
	}
	s.see(b.Seq)
	return b, nil
}

func (s *Store) clearOnce(ctx context.Context, key store.Key) (store.Bumped, error) {
	answer, err := s.onBoth(ctx, opClear, int(key[0]), keyText(key))
	if err != nil {
		return store.Bumped{}, err
	}
	if len(answer) != 2 {
		return store.Bumped{}, corrupt("clear")
	}
	return store.Bumped{Seq: number(&answer[0]), Entries: int(number(&answer[1]))}, nil
}

// clearCluster removes and locks the entry, then takes a number and tells of
// it, then notes the number at the entry and unlocks. So nobody reads the
// entry after the number was taken, and nobody stores work that began before
// it. Where it ends between, the entry is gone, no number was given out for
// that, and the lock expires.
func (s *Store) clearCluster(ctx context.Context, key store.Key) (store.Bumped, error) {
	entries := 0
	for range attempts {
		nonce := rand.Text()
		c, err := s.lockCleared(ctx, key, nonce)
		if err != nil {
			return store.Bumped{}, err
		}
		n, generation, err := s.tell(ctx, key, true, c.labels, c.set)
		if err != nil {
			return store.Bumped{}, err
		}
		if c.live && c.begun >= generation {
			entries = 1
		}
		done, err := s.done(ctx, opClearDone, key, nonce, n)
		if done || err != nil {
			return store.Bumped{Seq: n, Entries: entries}, err
		}
	}
	return store.Bumped{}, errInterrupted
}

// clearedEntry is what was there before a clear.
type clearedEntry struct {
	live        bool // not expired
	begun       uint64
	set, labels string
}

func (s *Store) lockCleared(ctx context.Context, key store.Key, nonce string) (c clearedEntry, err error) {
	err = s.whileBusy(ctx, func() (bool, error) {
		answer, err := s.onShard(ctx, opClearLock, int(key[0]), keyText(key), nonce)
		if err != nil {
			return false, err
		}
		if len(answer) != 5 {
			return true, nil
		}
		c.live, c.begun = number(&answer[1]) == 1, number(&answer[2])
		c.set, _ = answer[3].ToString()
		c.labels, _ = answer[4].ToString()
		return false, nil
	})
	return c, err
}
