package memory

import (
	"sync"
	"sync/atomic"
)

// Budget bounds the bytes that several caches of one process hold together.
// While it is exceeded, entries leave the cache that holds the most, least
// recently used first. Puts at the same moment may exceed it until each of
// them has made room. It keeps the caches that were made with it reachable.
type Budget struct {
	max  int64
	used atomic.Int64

	mu     sync.Mutex // taken before a cache's own, never after
	caches []spender
}

// spender is a cache, whatever it holds.
type spender interface {
	Bytes() int64
	evictOne() bool
}

// NewBudget allows max bytes. With 0 or less nothing that has a size fits.
func NewBudget(max int64) *Budget { return &Budget{max: max} }

// Used is the number of bytes held now.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) register(s spender) {
	b.mu.Lock()
	b.caches = append(b.caches, s)
	b.mu.Unlock()
}

// fits reports whether an entry of n bytes could be held at all.
func (b *Budget) fits(n int64) bool { return b == nil || n <= max(b.max, 0) }

// settle makes room until the budget holds.
func (b *Budget) settle() {
	if b == nil || b.used.Load() <= b.max {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used.Load() > max(b.max, 0) {
		if c := b.largest(); c == nil || !c.evictOne() {
			return
		}
	}
}

// largest is called with mu held.
func (b *Budget) largest() spender {
	var largest spender
	var most int64
	for _, c := range b.caches {
		if n := c.Bytes(); n > most {
			largest, most = c, n
		}
	}
	return largest
}
