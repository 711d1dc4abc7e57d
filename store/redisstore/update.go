package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

// Update implements store.Store: it reads the entry and then changes it, if it
// is still the same.
func (s *Store) Update(ctx context.Context, key store.Key, c store.Change) (bool, error) {
	if c.TTL != nil && *c.TTL < 0 {
		return false, fmt.Errorf("redisstore: update %s: ttl %v: must not be negative", key.Short(), *c.TTL)
	}
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	found, err := s.update(ctx, key, c)
	if err != nil {
		return false, fmt.Errorf("redisstore: update %s: %w", key.Short(), err)
	}
	return found, nil
}

// errRestless is a limit for the absurd: each round needs another change of
// the entry between two commands.
var errRestless = errors.New("the entry changes all the time")

func (s *Store) update(ctx context.Context, key store.Key, c store.Change) (bool, error) {
	for range 100 {
		u, err := s.readForUpdate(ctx, key, c)
		if u == nil || err != nil {
			return false, err
		}
		do := s.updateOnce
		if s.cluster {
			do = s.updateCluster
		}
		said, err := do(ctx, u)
		switch {
		case err != nil:
			return false, err
		case said == "ok":
			return true, nil
		case said == "none":
			return false, nil
		}
	}
	return false, errRestless
}

// updating is an entry as it was seen and what it shall be.
type updating struct {
	key        store.Key
	seen       string // its header
	labels     string // as stored
	old, fresh set
	changes    []string // ttl (-1: as it is), grace, policy
}

// readForUpdate returns nil where there is no entry.
func (s *Store) readForUpdate(ctx context.Context, key store.Key, c store.Change) (*updating, error) {
	e, err := s.onShard(ctx, opHead, int(key[0]), keyText(key))
	if len(e) != 2 || err != nil {
		return nil, err
	}
	u := &updating{key: key}
	u.seen, _ = e[0].ToString()
	u.labels, _ = e[1].ToString()
	var r store.Record
	h, err := parseHeader([]byte(u.seen))
	if err != nil || decodeLabels(u.labels, &r) != nil {
		return nil, nil //nolint:nilerr // damaged: nothing that is visible
	}
	u.old = setOf(&r.Labels, h.policy)
	if c.Policy != nil {
		h.policy = *c.Policy
	}
	u.fresh = setOf(&r.Labels, h.policy)
	ttl := int64(-1)
	if c.TTL != nil {
		ttl = millis(*c.TTL)
	}
	u.changes = []string{decimal(ttl), decimal(millis(r.Grace)), decimal(h.policy)}
	return u, nil
}

func (s *Store) updateOnce(ctx context.Context, u *updating) (string, error) {
	args := append([]string{keyText(u.key), u.seen}, u.changes...)
	args = append(args, u.fresh.id, u.labels, u.fresh.desc, decimal(u.key[0]))
	return said(s.onBoth(ctx, opUpdate, int(u.key[0]), append(args, u.fresh.labels...)...))
}

// updateCluster changes first and takes a number then, so that whoever read
// the entry before is told.
func (s *Store) updateCluster(ctx context.Context, u *updating) (string, error) {
	_, generation, err := s.prepare(ctx, u.key, 0, store.PutSet, &u.fresh, u.old.id)
	if err != nil {
		return "", err
	}
	args := append([]string{keyText(u.key), u.seen, decimal(generation)}, u.changes...)
	var answer string
	err = s.whileBusy(ctx, func() (bool, error) {
		answer, err = said(s.onShard(ctx, opChange, int(u.key[0]), append(args, u.fresh.id)...))
		return answer == "busy", err
	})
	if err != nil || answer != "ok" {
		return answer, err
	}
	_, _, err = s.tell(ctx, u.key, false, u.labels, "")
	return answer, err
}
