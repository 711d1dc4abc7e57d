package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// Bump implements store.Store. The write is one script on the store's own
// keys, and hides everything at once. Then the shards are asked how many live
// entries that were: one look at an index for each combination of labels and
// shard. Where that fails the entries are hidden all the same.
func (s *Store) Bump(ctx context.Context, labels ...store.Label) (store.Bumped, error) {
	if err := checkLabels(labels); err != nil {
		return store.Bumped{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Bumped{}, err
	}
	args := make([]string, len(labels))
	for i, l := range labels {
		args[i] = labelText(l)
	}
	answer, err := s.onMeta(ctx, opBump, args...)
	if err != nil {
		return store.Bumped{}, fmt.Errorf("redisstore: bump: %w", err)
	}
	if len(answer) < 2 {
		return store.Bumped{}, corrupt("bump")
	}
	b := store.Bumped{Seq: s.see(number(&answer[0]))}
	occupied, _ := answer[1].ToString()
	b.Entries, err = s.countSince(ctx, occupiedShards(occupied), b.Seq, answer[2:])
	if err != nil {
		return store.Bumped{}, fmt.Errorf("redisstore: bump: count what it hid: %w", err)
	}
	return b, nil
}

func checkLabels(labels []store.Label) error {
	if len(labels) == 0 {
		return fmt.Errorf("redisstore: bump: no label given: %w", store.ErrBadQuery)
	}
	for _, l := range labels {
		if l.Kind < store.LabelAll || l.Kind > store.LabelTag {
			return fmt.Errorf("redisstore: bump: label of unknown kind %d: %w", l.Kind, store.ErrBadQuery)
		}
	}
	return nil
}

// countSince counts entries that are not expired and began before n, but not
// before the generation that their set had: sets are pairs of both.
func (s *Store) countSince(ctx context.Context, list []int, n uint64, sets []rueidis.RedisMessage) (int, error) {
	args := &shardArgs{before: []string{decimal(n)}}
	for i := range sets {
		if i%2 == 0 {
			id, _ := sets[i].ToString()
			args.after = append(args.after, id)
		} else {
			args.after = append(args.after, decimal(number(&sets[i])))
		}
	}
	total := 0
	if len(sets) == 0 {
		return 0, nil
	}
	err := s.overShards(ctx, opCount, list, args, func(_ []int, answer []rueidis.RedisMessage) error {
		if len(answer) != 1 {
			return corrupt("count")
		}
		total += int(number(&answer[0]))
		return nil
	})
	return total, err
}
