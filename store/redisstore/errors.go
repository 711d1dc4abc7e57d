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
	case strings.HasPrefix(said, "READONLY"):
		return fmt.Errorf("the server is a replica: connect to the primary: %w", err)
	case strings.Contains(said, "NOPERM"), strings.Contains(said, "can't run this command"): // in a script
		return fmt.Errorf("user %q may not do all that the store does: as an administrator run %s: %w", s.user, s.grant(), err)
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

// grant is the command that lets the store's user do what the store does, and
// that on its own keys only.
func (s *Store) grant() string {
	own := strings.TrimSuffix(s.names.meta, "}:") + "*" // the shards' too
	return "ACL SETUSER " + s.user + " ~" + own + " &" + own + " " + permissions
}

// permissions are the commands that the store and its client need.
const permissions = "+@read +@write +@scripting +@pubsub +@connection +info +time +cluster"
