package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// Changes implements store.Store. Of several changes of a key it tells the
// last.
func (s *Store) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	if err := s.enter(ctx); err != nil {
		return store.Changes{}, err
	}
	answer, err := s.onMeta(ctx, opChanges, decimal(min(since, maxNumber)))
	if err != nil {
		return store.Changes{}, fmt.Errorf("redisstore: changes: %w", err)
	}
	if len(answer) != 4 {
		return store.Changes{}, corrupt("changes")
	}
	c := store.Changes{Seq: s.see(number(&answer[0])), Flush: number(&answer[1]) == 1}
	labels, _ := answer[2].ToArray()
	for i := 0; i+1 < len(labels); i += 2 {
		text, _ := labels[i].ToString()
		l, err := parseLabel(text)
		if err != nil {
			return store.Changes{}, corrupt("changes")
		}
		c.Labels = append(c.Labels, store.LabelChange{Label: l, Seq: number(&labels[i+1])})
	}
	keys, _ := answer[3].ToArray()
	for i := 0; i+3 < len(keys); i += 4 {
		k, err := keyChange(keys[i : i+4])
		if err != nil {
			return store.Changes{}, err
		}
		c.Keys = append(c.Keys, k)
	}
	return c, nil
}

// keyChange reads key, number, whether it was a clear, and labels.
func keyChange(m []rueidis.RedisMessage) (store.KeyChange, error) {
	var r store.Record
	key, _ := m[0].ToString()
	labels, _ := m[3].ToString()
	if len(key) != len(r.Key) || decodeLabels(labels, &r) != nil {
		return store.KeyChange{}, corrupt("changes")
	}
	copy(r.Key[:], key)
	return store.KeyChange{Key: r.Key, Seq: number(&m[1]), Gone: number(&m[2]) == 1, Labels: r.Labels}, nil
}
