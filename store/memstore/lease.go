package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// publishMemory is how long a publish is remembered so that a retry after a
// lost reply is recognised: far longer than any retry takes.
const publishMemory = 10 * time.Minute

// lease is the state of one key. Fences come from one counter for all keys, so
// they grow also where the state of a key was dropped.
type lease struct {
	state leaseState
	owner store.Owner
	fence uint64
	until time.Time // end of the lease, or of the cool-down

	published *publication // the last one, by whomever
}

type leaseState uint8

const (
	leaseFree leaseState = iota
	leaseHeld
	leaseCooling
)

// publication is what Publish answers when it is asked again.
type publication struct {
	owner store.Owner
	fence uint64
	stamp store.Stamp
}

// running tells whether the lease or the cool-down stands in the way.
func (l *lease) running(now time.Time) bool {
	return l.state != leaseFree && now.Before(l.until)
}

// heldBy tells whether owner holds the lease under fence now.
func (l *lease) heldBy(owner store.Owner, fence uint64, now time.Time) bool {
	return l != nil && l.state == leaseHeld && l.running(now) && l.owner == owner && l.fence == fence
}

// Acquire implements store.Leaser.
func (s *Store) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	if ttl <= 0 {
		return store.Grant{}, fmt.Errorf("memstore: acquire %s: ttl %v: must be positive", key.Short(), ttl)
	}
	if err := s.enter(ctx); err != nil {
		return store.Grant{}, err
	}
	defer s.mu.Unlock()
	now := s.now()
	l := s.leases[key]
	if l == nil {
		l = new(lease)
		s.leases[key] = l
	}
	if l.running(now) && !l.heldBy(owner, l.fence, now) {
		return store.Grant{Fence: l.fence, Left: l.until.Sub(now), Cooling: l.state == leaseCooling}, nil
	}
	if !l.running(now) {
		s.fence++
		l.state, l.owner, l.fence = leaseHeld, owner, s.fence
	}
	l.until = now.Add(ttl)
	return store.Grant{Granted: true, Fence: l.fence, Left: ttl}, nil
}

// Renew implements store.Leaser.
func (s *Store) Renew(ctx context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("memstore: renew %s: ttl %v: must be positive", key.Short(), ttl)
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	now := s.now()
	l := s.leases[key]
	if !l.heldBy(owner, fence, now) {
		return fmt.Errorf("memstore: renew %s: fence %d: %w", key.Short(), fence, store.ErrLeaseLost)
	}
	l.until = now.Add(ttl)
	return nil
}

// Publish implements store.Leaser.
func (s *Store) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	if mode > store.PutRefresh {
		return store.Stamp{}, fmt.Errorf("memstore: publish %s: mode %d is not for publishing", rec.Key.Short(), mode)
	}
	if err := s.enter(ctx); err != nil {
		return store.Stamp{}, err
	}
	defer s.mu.Unlock()
	l := s.leases[rec.Key]
	if l != nil && l.published != nil && l.published.owner == owner && l.published.fence == fence {
		return l.published.stamp, nil
	}
	if !l.heldBy(owner, fence, s.now()) {
		return store.Stamp{}, fmt.Errorf("memstore: publish %s: fence %d: %w", rec.Key.Short(), fence, store.ErrLeaseLost)
	}
	stamp, err := s.put(rec, mode, fence)
	if err != nil {
		return store.Stamp{}, err
	}
	l.state = leaseFree
	l.published = &publication{owner, fence, stamp}
	return stamp, nil
}

// Release implements store.Leaser. A cool-down that is not positive is none.
func (s *Store) Release(ctx context.Context, key store.Key, owner store.Owner, fence uint64, cooldown time.Duration) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	now := s.now()
	l := s.leases[key]
	if !l.heldBy(owner, fence, now) {
		return nil
	}
	l.state, l.until = leaseCooling, now.Add(max(cooldown, 0))
	s.tellKey(key, false)
	return nil
}

// sweepLeases drops the state of keys that nobody is at.
func (s *Store) sweepLeases(now time.Time) {
	for key, l := range s.leases {
		p := l.published
		if !l.running(now) && (p == nil || now.Sub(p.stamp.Created) > publishMemory) {
			delete(s.leases, key)
		}
	}
}
