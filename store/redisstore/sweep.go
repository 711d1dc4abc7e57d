package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// sweepLimit is how many entries one script frees.
const sweepLimit = 500

// Sweep implements store.Store. Redis frees expired entries by itself; the
// sweep removes what the indexes still say of them, hidden entries, leases
// that ended, and combinations of labels that no entry has any more. Where
// maxmemory-policy lets Redis evict entries, it also finds those, and reports
// them as Evicted.
func (s *Store) Sweep(ctx context.Context) (store.Swept, error) {
	if err := s.enter(ctx); err != nil {
		return store.Swept{}, err
	}
	swept, err := s.sweep(ctx)
	if err != nil {
		return swept, fmt.Errorf("redisstore: sweep: %w", err)
	}
	return swept, nil
}

func (s *Store) sweep(ctx context.Context) (swept store.Swept, err error) {
	v, err := s.view(ctx, &store.Query{})
	if err != nil {
		return swept, err
	}
	args := []string{decimal(sweepLimit)}
	for _, id := range v.sets {
		args = append(args, id, decimal(v.generation[id]))
	}
	for _, i := range everyShard() {
		if err := s.enter(ctx); err != nil {
			return swept, err
		}
		if err := s.sweepShard(ctx, i, args, &swept); err != nil {
			return swept, err
		}
		if s.evicts {
			if err := s.audit(ctx, i, &swept); err != nil {
				return swept, err
			}
		}
	}
	return swept, s.retire(ctx, v)
}

// sweepShard frees what is dead in a shard, some at a time.
func (s *Store) sweepShard(ctx context.Context, shard int, args []string, swept *store.Swept) error {
	for more := true; more; {
		answer, err := s.onShard(ctx, opSweep, shard, args...)
		if err != nil {
			return err
		}
		if len(answer) != 4 {
			return corrupt("sweep")
		}
		swept.Expired += int(number(&answer[0]))
		swept.Hidden += int(number(&answer[1]))
		swept.Bytes += int64(number(&answer[2]))
		more = number(&answer[3]) == 1
	}
	return nil
}

// audit looks for entries that Redis evicted.
func (s *Store) audit(ctx context.Context, shard int, swept *store.Swept) error {
	for cursor := "0"; ; {
		answer, err := s.onShard(ctx, opAudit, shard, cursor)
		if err != nil {
			return err
		}
		if len(answer) != 3 {
			return corrupt("sweep")
		}
		cursor, _ = answer[0].ToString()
		swept.Evicted += int(number(&answer[1]))
		swept.Bytes += int64(number(&answer[2]))
		if cursor == "0" {
			return nil
		}
	}
}

// retire forgets sets of labels that no entry has had for an hour.
func (s *Store) retire(ctx context.Context, v *view) error {
	const most = 200 // sets in one question
	for len(v.sets) > 0 {
		n := min(most, len(v.sets))
		empty := make(map[string]bool)
		for _, id := range v.sets[:n] {
			empty[id] = true
		}
		args := &shardArgs{after: v.sets[:n]}
		err := s.overShards(ctx, opPopulated, v.shards, args, func(_ []int, answer []rueidis.RedisMessage) error {
			for i := range answer {
				id, _ := answer[i].ToString()
				delete(empty, id)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := s.retireSets(ctx, empty); err != nil {
			return err
		}
		v.sets = v.sets[n:]
	}
	return nil
}

func (s *Store) retireSets(ctx context.Context, empty map[string]bool) error {
	if len(empty) == 0 {
		return nil
	}
	var ids []string
	for id := range empty {
		ids = append(ids, id)
	}
	_, err := s.run(ctx, opRetire, []string{s.names.metaKey()}, append([]string{s.names.meta, ""}, ids...)...)
	return err
}
