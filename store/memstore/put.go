package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	if err := s.enter(ctx); err != nil {
		return store.Lookup{}, err
	}
	defer s.mu.Unlock()
	l := store.Lookup{Seq: s.seq, Now: s.now()}
	e, ok := s.entries[key]
	if !ok || e.gone(l.Now) {
		l.Expired = ok
		return l, nil
	}
	e.used = l.Now
	l.Found = true
	l.Record = copyOf(&e.rec, true, false)
	return l, nil
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	if mode > store.PutSet {
		return store.Stamp{}, fmt.Errorf("memstore: put %s: unknown mode %d", rec.Key.Short(), mode)
	}
	if err := s.enter(ctx); err != nil {
		return store.Stamp{}, err
	}
	defer s.mu.Unlock()
	return s.put(rec, mode, 0)
}

// put is Put and the storing half of Publish. It changes nothing where it
// returns an error.
func (s *Store) put(rec *store.Record, mode store.PutMode, fence uint64) (store.Stamp, error) {
	now := s.now()
	if err := s.admit(rec, mode, now); err != nil {
		return store.Stamp{}, fmt.Errorf("memstore: put %s: %w", rec.Key.Short(), err)
	}
	if err := s.makeRoom(rec, now); err != nil {
		return store.Stamp{}, fmt.Errorf("memstore: put %s: %w", rec.Key.Short(), err)
	}
	e := &entry{rec: copyOf(rec, true, true), used: now}
	e.rec.TTL, e.rec.Fence, e.rec.Size = 0, fence, int64(len(rec.Value))
	e.rec.Created, e.rec.Expires = now, expiry(now, rec.TTL)
	if mode != store.PutPublish {
		s.logKey(keyChange{key: rec.Key, seq: s.next()}, e.rec.Labels)
	}
	if mode == store.PutSet {
		e.rec.Begun = s.seq
	}
	e.relabel()
	s.insert(e)
	s.tellKey(rec.Key, mode != store.PutPublish)
	return store.Stamp{Created: now, Expires: e.rec.Expires, Seq: s.seq}, nil
}

// admit says why rec may not be stored.
func (s *Store) admit(rec *store.Record, mode store.PutMode, now time.Time) error {
	switch {
	case rec.TTL < 0 || rec.Grace < 0:
		return fmt.Errorf("ttl %v, grace %v: must not be negative", rec.TTL, rec.Grace)
	case s.maxValue > 0 && int64(len(rec.Value)) > s.maxValue:
		return fmt.Errorf("%d bytes, at most %d: %w", len(rec.Value), s.maxValue, store.ErrTooLarge)
	case mode == store.PutSet:
		return nil
	}
	begun := rec.Begun
	old, ok := s.entries[rec.Key]
	switch {
	case begun < s.cleared[rec.Key].seq, begun < s.floor:
	case ok && begun < old.rec.Begun:
	case begun > s.seq: // of another store, or of this one before it lost its data
	default:
		return nil
	}
	return fmt.Errorf("began at %d: %w", begun, store.ErrSuperseded)
}

// expiry is when something that lives for ttl from now ends.
func expiry(now time.Time, ttl time.Duration) time.Time {
	if ttl == 0 {
		return time.Time{}
	}
	return now.Add(ttl)
}
