package redisstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// failed maps an error of the client to the sentinels of package store.
func (s *Store) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case s.closed.Load():
		return store.ErrClosed
	}
	e, ok := rueidis.IsRedisErr(err)
	if !ok {
		return err
	}
	switch said := e.Error(); {
	case strings.HasPrefix(said, "OOM"), strings.Contains(said, "-OOM "):
		return fmt.Errorf("%w: raise maxmemory, sweep, or choose maxmemory-policy volatile-lru: %s", store.ErrFull, said)
	case strings.Contains(said, "WRONGTYPE"):
		return fmt.Errorf("%w: a key with the store's prefix is of a foreign type: %s", store.ErrCorrupt, said)
	}
	return err
}

// corrupt says that Redis answered what no script of ours answers.
func corrupt(what string) error {
	return fmt.Errorf("redisstore: %s: an answer that makes no sense: %w", what, store.ErrCorrupt)
}

// enter refuses calls of a closed store or an ended context.
func (s *Store) enter(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}
