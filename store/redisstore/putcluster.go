package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// attempts is how often an operation of several steps starts over after its
// lock was gone between two of them: expired, or freed with its entry by a
// purge. Somebody who purges in a loop may do that many times in a row.
const attempts = 32

var errInterrupted = errors.New("interrupted between its steps, too slow for its lock; it may have taken effect: try again")

// putCluster is put in steps, because the number and the entry are on two
// servers. A PutPublish is admitted and then stored. A PutRefresh is stored
// and then told. A PutSet is stored under the number before its own, told, and
// then given its number; a lock keeps other changes of the entry out
// meanwhile.
func (s *Store) putCluster(ctx context.Context, c *change) (store.Stamp, error) {
	for range attempts {
		seq, _, err := s.prepare(ctx, c.rec.Key, c.begun(), c.mode, &c.set, c.set.id)
		if err != nil {
			return store.Stamp{}, err
		}
		nonce, begun := "", c.begun()
		if c.mode == store.PutSet {
			nonce, begun = rand.Text(), seq
		}
		said, stamp, err := s.apply(ctx, c, nonce, begun)
		if err != nil {
			return store.Stamp{}, err
		}
		if c.mode == store.PutPublish {
			stamp.Seq = seq
			return stamp, nil
		}
		if said == "again" && stamp.Seq != 0 {
			return stamp, nil
		}
		done, err := s.finishPut(ctx, c, nonce, &stamp)
		if done || err != nil {
			return stamp, err
		}
	}
	return store.Stamp{}, errInterrupted
}

// prepare registers a set of labels, admits an execution that began at begun
// unless mode is PutSet, and returns the sequence number and the generation of
// the set asked for.
func (s *Store) prepare(ctx context.Context, key store.Key, begun uint64, mode store.PutMode, set *set, asked string) (seq, generation uint64, err error) {
	args := []string{keyText(key), decimal(begun), decimal(mode), set.id, set.desc, decimal(key[0]), asked}
	answer, err := s.onMeta(ctx, opPrepare, append(args, set.labels...)...)
	if err != nil {
		return 0, 0, err
	}
	if len(answer) != 3 {
		return 0, 0, fmt.Errorf("began at %d: %w", begun, store.ErrSuperseded)
	}
	return number(&answer[1]), number(&answer[2]), nil
}

// apply stores the record, once nobody else is changing the entry.
func (s *Store) apply(ctx context.Context, c *change, nonce string, begun uint64) (said string, stamp store.Stamp, err error) {
	args := append([]string{decimal(c.mode), c.owner, decimal(c.fence), nonce}, c.record(begun)...)
	err = s.whileBusy(ctx, func() (bool, error) {
		answer, err := s.onShard(ctx, opApply, int(c.rec.Key[0]), args...)
		if err != nil {
			return false, err
		}
		said, stamp, err = c.verdict(answer)
		return said == "busy", err
	})
	return said, stamp, err
}

// finishPut takes the number and tells of the change. It reports false where
// the lock was lost.
func (s *Store) finishPut(ctx context.Context, c *change, nonce string, stamp *store.Stamp) (bool, error) {
	n, _, err := s.tell(ctx, c.rec.Key, false, text(c.labels), "")
	if err != nil {
		return false, err
	}
	stamp.Seq = n
	shard, key := int(c.rec.Key[0]), keyText(c.rec.Key)
	switch {
	case c.mode == store.PutSet:
		return s.done(ctx, opSetDone, c.rec.Key, nonce, n)
	case c.owner != "":
		_, err = s.onShard(ctx, opPublished, shard, key, c.owner, decimal(c.fence), decimal(n))
	}
	return true, err
}

// tell takes a number and logs a change of key under it. It returns also the
// generation of set.
func (s *Store) tell(ctx context.Context, key store.Key, gone bool, labels, set string) (n, generation uint64, err error) {
	flag := "0"
	if gone {
		flag = "1"
	}
	answer, err := s.onMeta(ctx, opTell, keyText(key), flag, labels, set)
	if err != nil {
		return 0, 0, err
	}
	if len(answer) != 2 {
		return 0, 0, corrupt("tell")
	}
	return s.see(number(&answer[0])), number(&answer[1]), nil
}

// done gives a locked entry its number and unlocks it. It reports false where
// the lock was lost.
func (s *Store) done(ctx context.Context, sc *script, key store.Key, nonce string, n uint64) (bool, error) {
	answer, err := s.onShard(ctx, sc, int(key[0]), keyText(key), nonce, decimal(n))
	if err != nil || len(answer) == 0 {
		return false, err
	}
	said, _ := answer[0].ToString()
	return said == "ok", nil
}

// whileBusy repeats f while it reports that another change holds the entry.
// That takes two round trips, or where its owner died, until the lock expires.
func (s *Store) whileBusy(ctx context.Context, f func() (busy bool, err error)) error {
	const first, longest, patience = time.Millisecond, 50 * time.Millisecond, 20 * time.Second
	started := time.Now()
	for pause := first; ; pause = min(2*pause, longest) {
		busy, err := f()
		if !busy || err != nil {
			return err
		}
		if time.Since(started) > patience {
			return errors.New("another change of the entry does not end")
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		case <-s.quit:
			return store.ErrClosed
		}
	}
}
