// Package memstore keeps entries in the memory of one process. It is the
// reference driver: complete, with the standard library alone, and written to
// be read beside the contract in package store. Use it in tests, and where
// results need not outlive the process.
//
// Get takes constant time. Bump, Count, List, Purge, Sweep and a Put that must
// make room look at every entry.
package memstore

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Options tune a Store. The zero value is a store without limits on the real
// clock.
type Options struct {
	// Now is the store's clock. Nil means time.Now. It is called with the
	// store locked and must not call the store.
	Now func() time.Time
	// Quota bounds the sum of all values, in bytes. A Put that would exceed it
	// evicts, and fails with store.ErrFull where that cannot help. 0 means no
	// bound; negative means the same.
	Quota int64
	// MaxValue is the largest value that Put takes, in bytes. 0 means no
	// bound; negative means the same.
	MaxValue int64
}

// Store implements store.Store, store.Leaser and store.Watcher. It is safe for
// concurrent use by the goroutines of one process. A method looks at its
// context when it starts, and Sweep, Purge, List and Count now and then.
type Store struct {
	now      func() time.Time
	quota    int64
	maxValue int64
	id       [32]byte

	mu       sync.Mutex // protects what follows
	closed   bool
	seq      uint64
	floor    uint64 // executions that began before are refused: see forget
	entries  map[store.Key]*entry
	bytes    int64 // sum of the values in entries
	bumped   map[store.Label]uint64
	cleared  map[store.Key]tombstone
	log      keyLog
	leases   map[store.Key]*lease
	fence    uint64 // the last one given out, over all keys
	watchers map[*watcher]struct{}
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Leaser  = (*Store)(nil)
	_ store.Watcher = (*Store)(nil)
)

// New returns an empty store. A nil o means the zero Options; o is not kept.
func New(o *Options) *Store {
	if o == nil {
		o = &Options{}
	}
	s := &Store{
		now:      o.Now,
		quota:    max(o.Quota, 0),
		maxValue: max(o.MaxValue, 0),
		seq:      1, // since 0 asks Changes for no keys: nobody may have seen 0
		entries:  make(map[store.Key]*entry),
		bumped:   make(map[store.Label]uint64),
		cleared:  make(map[store.Key]tombstone),
		leases:   make(map[store.Key]*lease),
		watchers: make(map[*watcher]struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	rand.Read(s.id[:]) // never fails: see crypto/rand
	return s
}

// enter locks the store for one operation. The caller unlocks s.mu where it
// returns nil.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	return nil
}

// next takes the next sequence number.
func (s *Store) next() uint64 {
	s.seq++
	return s.seq
}

// Info implements store.Store. Entries and Bytes include what a Sweep would
// free.
func (s *Store) Info(ctx context.Context) (store.Info, error) {
	if err := s.enter(ctx); err != nil {
		return store.Info{}, err
	}
	defer s.mu.Unlock()
	return store.Info{
		Driver:   "memory",
		ID:       s.id,
		Seq:      s.seq,
		Now:      s.now(),
		Entries:  len(s.entries),
		Bytes:    s.bytes,
		Quota:    s.quota,
		MaxValue: s.maxValue,
		Local:    true,
	}, nil
}

// Close implements store.Store: it drops everything and ends every Watch.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.entries, s.bumped, s.cleared, s.leases = nil, nil, nil, nil
	s.log = keyLog{}
	for w := range s.watchers {
		close(w.broken)
	}
	s.watchers = nil
	return nil
}
