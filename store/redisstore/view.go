package redisstore

import (
	"context"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// view is what the store's own keys say at one moment about the sets of labels
// that a query selects.
type view struct {
	sets       []string          // their ids
	generation map[string]uint64 // by id: entries that began before are hidden
	birth      uint64
	shards     []int // that ever had an entry
}

// view reads the sets that q selects. Where q names a tag or a function, only
// those that carry its label are sent.
func (s *Store) view(ctx context.Context, q *store.Query) (*view, error) {
	answer, err := s.onMeta(ctx, opSets, labelFor(q))
	if err != nil {
		return nil, err
	}
	if len(answer) < 3 || len(answer)%3 != 0 {
		return nil, corrupt("sets")
	}
	s.see(number(&answer[0]))
	occupied, _ := answer[2].ToString()
	v := &view{birth: number(&answer[1]), shards: occupiedShards(occupied), generation: make(map[string]uint64)}
	for i := 3; i < len(answer); i += 3 {
		id, _ := answer[i].ToString()
		desc, _ := answer[i+1].ToString()
		labels, policy, err := parseSet(desc)
		if err != nil {
			return nil, corrupt("sets")
		}
		if matchesSet(q, &labels, policy) {
			v.sets = append(v.sets, id)
			v.generation[id] = number(&answer[i+2])
		}
	}
	if q.Key != nil {
		v.shards = []int{int(q.Key[0])}
	}
	return v, nil
}

// labelFor is a label that all entries which q selects carry, or "".
func labelFor(q *store.Query) string {
	switch {
	case q.Tag != nil:
		return labelText(store.TagLabel(*q.Tag))
	case q.Kind != nil && q.Collection != nil && q.Function != nil:
		return labelText(store.FunctionLabel(*q.Kind, *q.Collection, *q.Function))
	case q.Dataset != nil && *q.Dataset != "":
		return labelText(store.DatasetLabel(*q.Dataset))
	}
	return ""
}

// matchesSet tells whether q can select entries with these labels.
func matchesSet(q *store.Query, l *store.Labels, p store.Policy) bool {
	hasTag := q.Tag == nil
	for _, t := range l.Tags {
		hasTag = hasTag || t == *q.Tag
	}
	return hasTag && is(q.Kind, l.Kind) && is(q.Policy, p) &&
		is(q.Collection, l.Collection) && is(q.Function, l.Function) &&
		is(q.Dataset, l.Dataset) && is(q.Version, l.Version) &&
		(q.EntryPrefix == "" || l.Kind == store.KindEntry)
}

// is tells whether got is wanted, or anything is.
func is[T comparable](want *T, got T) bool { return want == nil || *want == got }

// matchesEntry tells the rest of what q asks for.
func matchesEntry(q *store.Query, r *store.Record) bool {
	return is(q.Key, r.Key) && strings.HasPrefix(r.Labels.Entry, q.EntryPrefix) &&
		(q.CreatedBefore.IsZero() || r.Created.Before(q.CreatedBefore))
}

// found is an entry on the medium.
type found struct {
	rec  store.Record // without value and manifest
	head string       // its header
	live bool
}

// scan gives every entry that q selects to f, shard by shard in order of their
// keys' first bytes; within a shard in no order. With all also expired and
// hidden ones. It ends early where done, called between groups of shards,
// says so.
func (s *Store) scan(ctx context.Context, v *view, q *store.Query, all bool, f func(found), done func() bool) error {
	args := &shardArgs{before: []string{flag(all)}, after: v.sets}
	if len(v.sets) == 0 {
		return nil
	}
	for list := v.shards; len(list) > 0 && !done(); {
		n := min(together, len(list))
		err := s.overShards(ctx, opScan, list[:n], args, func(_ []int, answer []rueidis.RedisMessage) error {
			return v.read(answer, q, all, f)
		})
		if err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// read goes through what the script scan found: the time, and key, header and
// labels of each entry. Damaged entries are left out.
func (v *view) read(answer []rueidis.RedisMessage, q *store.Query, all bool, f func(found)) error {
	if len(answer)%3 != 1 {
		return corrupt("scan")
	}
	now := time.UnixMilli(int64(number(&answer[0])))
	for i := 1; i < len(answer); i += 3 {
		e, ok := v.entry(answer[i:i+3], now)
		if ok && (all || e.live) && matchesEntry(q, &e.rec) {
			f(e)
		}
	}
	return nil
}

func (v *view) entry(m []rueidis.RedisMessage, now time.Time) (found, bool) {
	key, _ := m[0].ToString()
	labels, _ := m[2].ToString()
	var e found
	e.head, _ = m[1].ToString()
	h, err := parseHeader([]byte(e.head))
	if err != nil || !h.present || len(key) != len(e.rec.Key) || decodeLabels(labels, &e.rec) != nil {
		return e, false
	}
	copy(e.rec.Key[:], key)
	h.fill(&e.rec)
	set := setOf(&e.rec.Labels, e.rec.Policy)
	generation, known := v.generation[set.id]
	if !known {
		return e, false // it changed since the view was taken
	}
	e.live = h.begun >= generation && (h.expires == 0 || now.Before(e.rec.Expires))
	return e, true
}
