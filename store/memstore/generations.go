package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/reprise-go/reprise/store"
)

// tombstone remembers a clear, and whose entry it was.
type tombstone struct {
	seq    uint64
	labels store.Labels
}

// maxBumped bounds the labels of which a bump is remembered.
const maxBumped = 65_536

// Clear implements store.Store. It frees the entry at once.
func (s *Store) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	if err := s.enter(ctx); err != nil {
		return store.Bumped{}, err
	}
	defer s.mu.Unlock()
	b := store.Bumped{Seq: s.next()}
	t := tombstone{seq: b.Seq, labels: s.cleared[key].labels}
	if e, ok := s.entries[key]; ok {
		t.labels = e.rec.Labels
		if s.live(e, s.now()) {
			b.Entries = 1
		}
	}
	s.remove(key)
	s.cleared[key] = t
	s.logKey(keyChange{key: key, seq: b.Seq, gone: true}, t.labels)
	s.tellKey(key, true)
	return b, nil
}

// Bump implements store.Store.
func (s *Store) Bump(ctx context.Context, labels ...store.Label) (store.Bumped, error) {
	if err := checkLabels(labels); err != nil {
		return store.Bumped{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Bumped{}, err
	}
	defer s.mu.Unlock()
	b := store.Bumped{Entries: s.countCarrying(labels), Seq: s.next()}
	for _, l := range labels {
		s.bumped[l] = b.Seq
	}
	s.forgetLabels()
	s.tell(store.Event{Seq: b.Seq})
	return b, nil
}

func checkLabels(labels []store.Label) error {
	if len(labels) == 0 {
		return fmt.Errorf("memstore: bump: no label given: %w", store.ErrBadQuery)
	}
	for _, l := range labels {
		if l.Kind < store.LabelAll || l.Kind > store.LabelTag {
			return fmt.Errorf("memstore: bump: label of unknown kind %d: %w", l.Kind, store.ErrBadQuery)
		}
	}
	return nil
}

// countCarrying counts the live entries that carry any of labels.
func (s *Store) countCarrying(labels []store.Label) int {
	n, now := 0, s.now()
	for _, e := range s.entries {
		if carries(e, labels) && s.live(e, now) {
			n++
		}
	}
	return n
}

func carries(e *entry, labels []store.Label) bool {
	return slices.ContainsFunc(e.labels, func(l store.Label) bool { return slices.Contains(labels, l) })
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, key store.Key, c store.Change) (bool, error) {
	if c.TTL != nil && *c.TTL < 0 {
		return false, fmt.Errorf("memstore: update %s: ttl %v: must not be negative", key.Short(), *c.TTL)
	}
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	now := s.now()
	e, ok := s.entries[key]
	if !ok || !s.live(e, now) {
		return false, nil
	}
	if c.TTL != nil {
		e.rec.Expires = expiry(now, *c.TTL)
	}
	if c.Policy != nil {
		e.rec.Policy = *c.Policy
		e.relabel()
	}
	s.logKey(keyChange{key: key, seq: s.next()}, e.rec.Labels)
	s.tellKey(key, true)
	return true, nil
}

// Changes implements store.Store. Of several changes of a key it tells the
// last.
func (s *Store) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	if err := s.enter(ctx); err != nil {
		return store.Changes{}, err
	}
	defer s.mu.Unlock()
	c := store.Changes{Seq: s.seq}
	if since > s.seq { // not a number of ours
		c.Flush, since = true, 0
	}
	for l, seq := range s.bumped {
		if seq > since {
			c.Labels = append(c.Labels, store.LabelChange{Label: l, Seq: seq})
		}
	}
	if since == 0 {
		return c, nil
	}
	if since < s.log.lost {
		c.Flush = true
	}
	c.Keys = s.log.since(since)
	return c, nil
}

// forgetLabels bounds s.bumped: of too many it drops the older half. What the
// dropped ones hide is freed, and executions that began before the newest of
// them are refused from now on, so nothing hidden ever shows again.
func (s *Store) forgetLabels() {
	if len(s.bumped) <= maxBumped {
		return
	}
	limit := medianSeq(s.bumped)
	for key, e := range s.entries {
		if s.hidden(e) {
			s.remove(key)
		}
	}
	for l, seq := range s.bumped {
		if seq <= limit {
			delete(s.bumped, l)
		}
	}
	s.forget(limit)
}

// forget notes that clears and bumps up to seq are no longer remembered one by
// one.
func (s *Store) forget(seq uint64) {
	s.floor = max(s.floor, seq)
	s.log.lost = max(s.log.lost, seq)
}
