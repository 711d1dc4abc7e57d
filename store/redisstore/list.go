package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// pageSize is the default and the largest Query.Limit.
const pageSize = 1000

// List implements store.Store. By key a page costs the shards it comes from;
// in the other orders each page costs a look at everything that q selects.
// Expired entries whose grace is over are not listed, also with All: Redis
// frees them by itself.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	after, err := checkQuery(&q)
	if err != nil {
		return store.Page{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Page{}, err
	}
	p, err := s.list(ctx, &q, after)
	if err != nil {
		return store.Page{}, fmt.Errorf("redisstore: list: %w", err)
	}
	return p, nil
}

func (s *Store) list(ctx context.Context, q *store.Query, after *place) (store.Page, error) {
	v, err := s.view(ctx, q)
	if err != nil {
		return store.Page{}, err
	}
	if q.Order == store.ByKey && after != nil {
		v.shards = slices.DeleteFunc(v.shards, func(i int) bool { return i < int(after.Key[0]) })
	}
	var records []store.Record
	listed := make(map[store.Key]bool) // what changed meanwhile may be seen twice
	err = s.scan(ctx, v, q, q.All, func(e found) {
		if (after == nil || compare(q.Order, placeOf(&e.rec), *after) > 0) && !listed[e.rec.Key] {
			listed[e.rec.Key] = true
			records = append(records, e.rec)
		}
	}, func() bool { return q.Order == store.ByKey && len(records) > q.Limit })
	if err != nil {
		return store.Page{}, err
	}
	slices.SortFunc(records, func(a, b store.Record) int { return compare(q.Order, placeOf(&a), placeOf(&b)) })
	p := page(q, records)
	if q.Manifests {
		err = s.addManifests(ctx, p.Records)
	}
	return p, err
}

// page is the first records, and where to go on.
func page(q *store.Query, records []store.Record) store.Page {
	p := store.Page{Records: records}
	if len(records) > q.Limit {
		p.Records = records[:q.Limit:q.Limit]
		p.Next = encodeCursor(q, placeOf(&records[q.Limit-1]))
	}
	return p
}

func (s *Store) addManifests(ctx context.Context, records []store.Record) error {
	commands := make(rueidis.Commands, len(records))
	for i := range records {
		commands[i] = s.client.B().Get().Key(s.names.manifest(records[i].Key)).Build()
	}
	for i, r := range s.client.DoMulti(ctx, commands...) {
		d, err := r.AsBytes()
		if err != nil && !rueidis.IsRedisNil(err) {
			return s.failed(err)
		}
		records[i].Manifest = d
	}
	return nil
}

// Count implements store.Store.
func (s *Store) Count(ctx context.Context, q store.Query) (store.Totals, error) {
	var t store.Totals
	if err := s.enter(ctx); err != nil {
		return t, err
	}
	v, err := s.view(ctx, &q)
	if err == nil {
		err = s.scan(ctx, v, &q, q.All, func(e found) {
			t.Entries++
			t.Bytes += e.rec.Size
			t.Cost += e.rec.Cost
		}, never)
	}
	if err != nil {
		return store.Totals{}, fmt.Errorf("redisstore: count: %w", err)
	}
	return t, nil
}

func never() bool { return false }

// Purge implements store.Store. It goes from shard to shard; where it ends
// early, what was freed so far stays freed. An entry that is replaced meanwhile
// is left alone.
func (s *Store) Purge(ctx context.Context, q store.Query) (int, error) {
	if !selects(&q) {
		return 0, fmt.Errorf("redisstore: purge: the query selects everything: %w", store.ErrBadQuery)
	}
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	live, err := s.purge(ctx, &q)
	if err != nil {
		return live, fmt.Errorf("redisstore: purge: %w", err)
	}
	return live, nil
}

func (s *Store) purge(ctx context.Context, q *store.Query) (int, error) {
	v, err := s.view(ctx, q)
	if err != nil {
		return 0, err
	}
	total := 0
	shards := v.shards
	for _, i := range shards {
		v.shards = []int{i}
		var args []string
		live := make(map[string]bool)
		err := s.scan(ctx, v, q, true, func(e found) {
			args = append(args, keyText(e.rec.Key), e.head)
			live[keyText(e.rec.Key)] = e.live
		}, never)
		if err != nil {
			return total, err
		}
		n, err := s.purgeShard(ctx, i, args, live)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// purgeShard drops entries, given by key and header, some at a time.
func (s *Store) purgeShard(ctx context.Context, shard int, args []string, live map[string]bool) (int, error) {
	const most = 1000
	n := 0
	for part := range slices.Chunk(args, most) {
		dropped, err := s.onShard(ctx, opPurge, shard, part...)
		if err != nil {
			return n, err
		}
		for i := range dropped {
			if key, _ := dropped[i].ToString(); live[key] {
				n++
			}
		}
	}
	return n, nil
}

// selects tells whether any field narrows q.
func selects(q *store.Query) bool {
	return q.Key != nil || q.Kind != nil || q.Collection != nil || q.Function != nil ||
		q.Dataset != nil || q.Version != nil || q.Tag != nil || q.EntryPrefix != "" ||
		!q.CreatedBefore.IsZero() || q.Policy != nil
}

// place is where an entry stands in a listing.
type place struct {
	Key     store.Key
	Created time.Time
	Entry   string
}

func placeOf(r *store.Record) place { return place{r.Key, r.Created, r.Labels.Entry} }

// compare orders places as o says.
func compare(o store.Order, a, b place) int {
	c := 0
	switch o {
	case store.NewestFirst:
		c = b.Created.Compare(a.Created)
	case store.ByEntry:
		c = strings.Compare(a.Entry, b.Entry)
	}
	if c == 0 {
		c = slices.Compare(a.Key[:], b.Key[:])
	}
	return c
}
