package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	if mode > store.PutSet {
		return store.Stamp{}, fmt.Errorf("redisstore: put %s: unknown mode %d", rec.Key.Short(), mode)
	}
	return s.put(ctx, &change{rec: rec, mode: mode, what: "put"})
}

// change is a Put or a Publish.
type change struct {
	what  string // for errors
	rec   *store.Record
	mode  store.PutMode
	owner string // of the lease; empty: none
	fence uint64

	set    set
	labels []byte // as stored
}

func (s *Store) put(ctx context.Context, c *change) (store.Stamp, error) {
	if err := s.enter(ctx); err != nil {
		return store.Stamp{}, err
	}
	if err := s.check(c); err != nil {
		return store.Stamp{}, c.failed(err)
	}
	c.set, c.labels = setOf(&c.rec.Labels, c.rec.Policy), encodeLabels(c.rec)
	do := s.putOnce
	if s.cluster {
		do = s.putCluster
	}
	stamp, err := do(ctx, c)
	if err != nil {
		return store.Stamp{}, c.failed(err)
	}
	s.see(stamp.Seq)
	return stamp, nil
}

func (c *change) failed(err error) error {
	return fmt.Errorf("redisstore: %s %s: %w", c.what, c.rec.Key.Short(), err)
}

// check refuses what no server need be asked about.
func (s *Store) check(c *change) error {
	switch r := c.rec; {
	case r.TTL < 0 || r.Grace < 0:
		return fmt.Errorf("ttl %v, grace %v: must not be negative", r.TTL, r.Grace)
	case int64(len(r.Value)) > s.maxValue:
		return fmt.Errorf("%d bytes, at most %d: %w", len(r.Value), s.maxValue, store.ErrTooLarge)
	case c.owner != "" && c.fence > maxNumber:
		return fmt.Errorf("fence %d: %w", c.fence, store.ErrLeaseLost)
	case c.mode != store.PutSet && r.Begun > maxNumber:
		return c.superseded()
	}
	return nil
}

func (c *change) superseded() error {
	return fmt.Errorf("began at %d: %w", c.rec.Begun, store.ErrSuperseded)
}

// record are the arguments that scripts read with their function of that name.
func (c *change) record(begun uint64) []string {
	r := c.rec
	return []string{
		keyText(r.Key), decimal(begun), decimal(millis(r.TTL)), decimal(millis(r.Grace)), decimal(r.Policy),
		c.set.id, text(c.labels), text(r.Value), text(r.Manifest),
	}
}

// begun is what scripts compare; a PutSet ignores it.
func (c *change) begun() uint64 {
	if c.mode == store.PutSet {
		return 0
	}
	return c.rec.Begun
}

// putOnce is put as one script.
func (s *Store) putOnce(ctx context.Context, c *change) (store.Stamp, error) {
	shard := int(c.rec.Key[0])
	args := []string{decimal(c.mode), c.owner, decimal(c.fence), c.set.desc, decimal(shard)}
	args = append(append(args, c.record(c.begun())...), c.set.labels...)
	var stamp store.Stamp
	err := s.whileBusy(ctx, func() (bool, error) { // where it was of a cluster, and somebody died there
		answer, err := s.onBoth(ctx, opPut, shard, args...)
		if err != nil {
			return false, err
		}
		var said string
		said, stamp, err = c.verdict(answer)
		return said == "busy", err
	})
	return stamp, err
}

// verdict reads what the function apply of the scripts said.
func (c *change) verdict(answer []rueidis.RedisMessage) (said string, _ store.Stamp, _ error) {
	if len(answer) == 0 {
		return "", store.Stamp{}, corrupt(c.what)
	}
	switch said, _ = answer[0].ToString(); {
	case said == "lost":
		return said, store.Stamp{}, fmt.Errorf("fence %d: %w", c.fence, store.ErrLeaseLost)
	case said == "superseded":
		return said, store.Stamp{}, c.superseded()
	case said == "busy":
		return said, store.Stamp{}, nil
	case len(answer) != 4:
		return said, store.Stamp{}, corrupt(c.what)
	}
	return said, store.Stamp{
		Created: fromMillis(int64(number(&answer[1]))),
		Expires: fromMillis(int64(number(&answer[2]))),
		Seq:     number(&answer[3]),
	}, nil
}
