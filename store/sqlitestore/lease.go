package sqlitestore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

var _ store.Leaser = (*Store)(nil)

// lease is a row of leases. Fences come from one counter for all keys, in
// meta: so they grow even where the row of a key was deleted.
type lease struct {
	state, fence, until int64
	owner               []byte

	// The last publish under a lease of the key, for who asks again.
	pubFence, pubCreated, pubExpires, pubSeq int64
	pubOwner                                 []byte
}

const (
	leaseFree = iota
	leaseHeld
	leaseCooling
)

// blocks reports whether the lease or the cool-down stands in the way.
func (l *lease) blocks(now int64) bool { return l.state != leaseFree && now < l.until }

func (l *lease) heldBy(owner store.Owner, fence uint64, now int64) bool {
	return l.state == leaseHeld && l.blocks(now) && bytes.Equal(l.owner, owner[:]) && uint64(l.fence) == fence
}

func (c *conn) lease(key store.Key) (l lease, err error) {
	_, err = c.one(`SELECT state, fence, until, pub_fence, pub_created, pub_expires, pub_seq, owner, pub_owner
		FROM leases WHERE key = ?`, func(r row) error {
		int64s(r, &l.state, &l.fence, &l.until, &l.pubFence, &l.pubCreated, &l.pubExpires, &l.pubSeq)
		l.owner, l.pubOwner = r.ColumnBlob(7, nil), r.ColumnBlob(8, nil)
		return nil
	}, key[:])
	return l, err
}

func (tx *txn) setLease(key store.Key, l lease) error {
	return tx.exec(`INSERT OR REPLACE INTO leases (key, state, fence, until, pub_fence, pub_created, pub_expires, pub_seq, owner, pub_owner)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		key[:], l.state, l.fence, l.until, l.pubFence, l.pubCreated, l.pubExpires, l.pubSeq, l.owner, l.pubOwner)
}

// busy is the answer to whoever may not have the lease.
func (l *lease) busy(now int64) store.Grant {
	return store.Grant{Fence: uint64(l.fence), Left: time.Duration(l.until - now), Cooling: l.state == leaseCooling}
}

// Acquire takes the lease of key, or says who is in the way. Where somebody is,
// that takes no write: many who wait would keep each other, and the owner, from
// the lock of the file.
func (s *Store) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	if ttl <= 0 {
		return store.Grant{}, fmt.Errorf("sqlitestore: acquire %s: TTL %v: must be positive", key.Short(), ttl)
	}
	var l lease
	err := s.read(ctx, "acquire", func(c *conn) (err error) {
		l, err = c.lease(key)
		return err
	})
	if err != nil {
		return store.Grant{}, err
	}
	if now := s.now(); l.blocks(now) && !l.heldBy(owner, uint64(l.fence), now) {
		return l.busy(now), nil
	}
	return s.acquire(ctx, key, owner, ttl)
}

func (s *Store) acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	var g store.Grant
	err := s.write(ctx, "acquire", func(tx *txn) error {
		l, err := tx.lease(key)
		if err != nil {
			return err
		}
		if l.blocks(tx.now) && !l.heldBy(owner, uint64(l.fence), tx.now) {
			g = l.busy(tx.now)
			return nil
		}
		if !l.blocks(tx.now) {
			tx.fence++
			tx.dirty = true
			l.state, l.fence, l.owner = leaseHeld, tx.fence, owner[:]
		}
		l.until = after(tx.now, ttl)
		g = store.Grant{Granted: true, Fence: uint64(l.fence), Left: ttl}
		return tx.setLease(key, l)
	})
	if err != nil {
		return store.Grant{}, err
	}
	return g, nil
}

// Renew extends a lease that is held.
func (s *Store) Renew(ctx context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("sqlitestore: renew %s: TTL %v: must be positive", key.Short(), ttl)
	}
	return s.write(ctx, "renew", func(tx *txn) error {
		l, err := tx.lease(key)
		if err != nil {
			return err
		}
		if !l.heldBy(owner, fence, tx.now) {
			return fmt.Errorf("key %s, fence %d: %w", key.Short(), fence, store.ErrLeaseLost)
		}
		l.until = after(tx.now, ttl)
		return tx.setLease(key, l)
	})
}

// Release gives a lease up. A cool-down that is not positive is none.
func (s *Store) Release(ctx context.Context, key store.Key, owner store.Owner, fence uint64, cooldown time.Duration) error {
	return s.write(ctx, "release", func(tx *txn) error {
		l, err := tx.lease(key)
		if err != nil || !l.heldBy(owner, fence, tx.now) {
			return err
		}
		l.state, l.until = leaseCooling, after(tx.now, max(cooldown, 0))
		return tx.setLease(key, l)
	})
}

// Publish puts rec and releases the lease in one transaction.
func (s *Store) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	if mode > store.PutRefresh {
		return store.Stamp{}, fmt.Errorf("sqlitestore: publish %s: mode %d is not for publishing", rec.Key.Short(), mode)
	}
	fenced := *rec
	fenced.Fence = fence
	return s.putWith(ctx, "publish", &fenced, mode, func(tx *txn, put func() (store.Stamp, error)) (store.Stamp, error) {
		return tx.publish(rec.Key, owner, fence, put)
	})
}

func (tx *txn) publish(key store.Key, owner store.Owner, fence uint64, put func() (store.Stamp, error)) (store.Stamp, error) {
	l, err := tx.lease(key)
	if err != nil {
		return store.Stamp{}, err
	}
	if l.pubFence != 0 && uint64(l.pubFence) == fence && bytes.Equal(l.pubOwner, owner[:]) {
		return store.Stamp{Created: asTime(l.pubCreated), Expires: asTime(l.pubExpires), Seq: uint64(l.pubSeq)}, nil
	}
	if !l.heldBy(owner, fence, tx.now) {
		return store.Stamp{}, fmt.Errorf("key %s, fence %d: %w", key.Short(), fence, store.ErrLeaseLost)
	}
	stamp, err := put()
	if err != nil {
		return store.Stamp{}, err
	}
	l.state, l.pubFence, l.pubOwner = leaseFree, l.fence, l.owner
	l.pubCreated, l.pubExpires, l.pubSeq = stamp.Created.UnixNano(), 0, int64(stamp.Seq)
	if !stamp.Expires.IsZero() {
		l.pubExpires = stamp.Expires.UnixNano()
	}
	return stamp, tx.setLease(key, l)
}
