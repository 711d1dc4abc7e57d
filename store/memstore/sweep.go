package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Sweep implements store.Store. It also drops leases that ended, and what it
// remembered of publishes that nobody retries any more.
func (s *Store) Sweep(ctx context.Context) (store.Swept, error) {
	if err := s.enter(ctx); err != nil {
		return store.Swept{}, err
	}
	defer s.mu.Unlock()
	now := s.now()
	swept, err := s.sweepDead(ctx, now)
	if err != nil {
		return swept, err
	}
	s.sweepLeases(now)
	if s.quota > 0 && s.bytes > s.quota {
		victims, freed := s.victims(s.bytes-s.quota, nil, now)
		s.removeAll(victims)
		swept.Evicted += len(victims)
		swept.Bytes += freed
	}
	return swept, nil
}

// sweepDead frees what nobody can see.
func (s *Store) sweepDead(ctx context.Context, now time.Time) (store.Swept, error) {
	var swept store.Swept
	n := 0
	for key, e := range s.entries {
		if n++; n%ctxEvery == 0 && ctx.Err() != nil {
			return swept, ctx.Err()
		}
		switch {
		case e.gone(now):
			swept.Expired++
		case s.hidden(e):
			swept.Hidden++
		default:
			continue
		}
		swept.Bytes += e.rec.Size
		s.remove(key)
	}
	return swept, nil
}

// makeRoom frees what the quota wants for rec, or nothing and returns ErrFull.
func (s *Store) makeRoom(rec *store.Record, now time.Time) error {
	size := int64(len(rec.Value))
	over := s.bytes + size - s.quota
	old := s.entries[rec.Key]
	if old != nil {
		over -= old.rec.Size
	}
	if s.quota == 0 || over <= 0 {
		return nil
	}
	victims, freed := s.victims(over, old, now)
	if freed < over {
		return fmt.Errorf("%d bytes over a quota of %d, and nothing more to evict: clear entries or raise the quota: %w",
			over-freed, s.quota, store.ErrFull)
	}
	s.removeAll(victims)
	return nil
}

// victims chooses entries, those that save least first, until their values
// come to want bytes. It spares keep, which may be nil and is about to be
// replaced, and all with policy Persist that can still be seen.
func (s *Store) victims(want int64, keep *entry, now time.Time) ([]*entry, int64) {
	var all []*entry
	for _, e := range s.entries {
		spared := e.rec.Policy == store.Persist && !s.dead(e, now)
		if e.rec.Size > 0 && !spared && e != keep {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int {
		return cmp.Or(
			cmp.Compare(s.worth(a, now), s.worth(b, now)),
			a.used.Compare(b.used),
			slices.Compare(a.rec.Key[:], b.rec.Key[:]))
	})
	var freed int64
	for i, e := range all {
		if freed >= want {
			return all[:i], freed
		}
		freed += e.rec.Size
	}
	return all, freed
}

// dead tells whether a sweep would free e in any case.
func (s *Store) dead(e *entry, now time.Time) bool { return e.gone(now) || s.hidden(e) }

// worth is what keeping a byte of e saves: seconds of work, discounted by the
// seconds since somebody wanted it.
func (s *Store) worth(e *entry, now time.Time) float64 {
	if s.dead(e, now) {
		return -1
	}
	age := max(now.Sub(e.used).Seconds(), 0)
	return e.rec.Cost.Seconds() / ((1 + age) * float64(e.rec.Size))
}

func (s *Store) removeAll(victims []*entry) {
	for _, e := range victims {
		s.remove(e.rec.Key)
	}
}
