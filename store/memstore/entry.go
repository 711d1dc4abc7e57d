package memstore

import (
	"slices"
	"time"

	"github.com/reprise-go/reprise/store"
)

// entry is a record and when it was last asked for.
type entry struct {
	rec    store.Record
	labels []store.Label // rec.Labels.Of(rec.Policy)
	used   time.Time
}

// relabel brings e.labels up to date with e.rec.
func (e *entry) relabel() { e.labels = e.rec.Labels.Of(e.labels[:0], e.rec.Policy) }

// expired tells whether the entry is stale, or gone altogether.
func (e *entry) expired(now time.Time) bool {
	return !e.rec.Expires.IsZero() && !now.Before(e.rec.Expires)
}

// gone tells whether the grace is over too, so that not even Get sees it.
func (e *entry) gone(now time.Time) bool {
	return !e.rec.Expires.IsZero() && !now.Before(e.rec.Expires.Add(e.rec.Grace))
}

// hidden tells whether a label of e was bumped after its execution began. A
// clear of the key removes the entry, so it need not be asked here.
func (s *Store) hidden(e *entry) bool {
	for _, l := range e.labels {
		if s.bumped[l] > e.rec.Begun {
			return true
		}
	}
	return false
}

// live tells whether a caller would be given e as valid.
func (s *Store) live(e *entry, now time.Time) bool {
	return !e.expired(now) && !s.hidden(e)
}

// insert puts e in place of what was there.
func (s *Store) insert(e *entry) {
	s.remove(e.rec.Key)
	s.entries[e.rec.Key] = e
	s.bytes += e.rec.Size
}

// remove frees the entry under key, if any.
func (s *Store) remove(key store.Key) {
	if e, ok := s.entries[key]; ok {
		delete(s.entries, key)
		s.bytes -= e.rec.Size
	}
}

// copyOf returns rec with memory of its own. What is not wanted is left out.
func copyOf(rec *store.Record, value, manifest bool) store.Record {
	c := *rec
	c.Labels.Tags = slices.Clone(rec.Labels.Tags)
	c.Value, c.Manifest = nil, nil
	if value {
		c.Value = slices.Clone(rec.Value)
	}
	if manifest {
		c.Manifest = slices.Clone(rec.Manifest)
	}
	return c
}
