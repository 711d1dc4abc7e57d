package redisstore

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"
)

const (
	// together is how many shards one call of a script visits, where they may
	// lie on one server: it bounds how long Redis is busy with it.
	together = 32
	// inFlight is how many such calls are sent at once.
	inFlight = 64
)

// overShards calls a script for each of list, with args after the names of the
// shards, and gives each answer to f with the shards that it is from, in
// order. In a cluster a call is for one shard, else for several.
func (s *Store) overShards(ctx context.Context, sc *script, list []int, args *shardArgs, f func([]int, []rueidis.RedisMessage) error) error {
	group := together
	if s.cluster {
		group = 1
	}
	for len(list) > 0 {
		if err := s.enter(ctx); err != nil {
			return err
		}
		var groups [][]int
		for len(list) > 0 && len(groups) < inFlight {
			n := min(group, len(list))
			groups = append(groups, list[:n])
			list = list[n:]
		}
		if err := s.callShards(ctx, sc, groups, args, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) callShards(ctx context.Context, sc *script, groups [][]int, args *shardArgs, f func([]int, []rueidis.RedisMessage) error) error {
	calls := make([]call, len(groups))
	for i, g := range groups {
		calls[i] = call{[]string{s.names.shardKey(g[0])}, args.of(s.names, g)}
	}
	for i, r := range s.runMany(ctx, sc, calls) {
		answer, err := r.ToArray()
		if err != nil {
			return s.failed(err)
		}
		if err := f(groups[i], answer); err != nil {
			return err
		}
	}
	return nil
}

// shardArgs are the arguments of a script over shards: some, how many shards,
// their names, and the rest. Nil is a script that wants the names only.
type shardArgs struct{ before, after []string }

func (a *shardArgs) of(n *names, list []int) []string {
	args := []string{n.meta, ""}
	if a != nil {
		args = append(append(args, a.before...), strconv.Itoa(len(list)))
	}
	for _, i := range list {
		args = append(args, n.shard[i])
	}
	if a != nil {
		args = append(args, a.after...)
	}
	return args
}
