package memory

import (
	"hash/maphash"
	"sync/atomic"
)

// seed makes the hashes of this process its own, so that nobody can choose
// keys that collide.
var seed = maphash.MakeSeed()

// node is an entry in its place. The fields that are not atomic do not change
// once readers can see the node, except placed and place, which belong to the
// recency and are protected by the cache's lock.
type node[V any] struct {
	hash    uint64
	next    atomic.Pointer[node[V]]
	stamp   atomic.Uint64 // when it was last used, by the cache's counter; or dead
	checked atomic.Uint64 // version of the generations at which it was last found current
	key     string
	entry   Entry[V]

	placed uint64 // the stamp by which the heap has it
	place  int    // its index in the heap; -1 where it is not held
}

// table is a hash table of chains. Readers walk it without a lock; writers
// hold the cache's. A node that was unlinked still points into its chain, so a
// reader that stands on it goes on undisturbed.
type table[V any] struct {
	chains []atomic.Pointer[node[V]] // a power of two
	// moved is set before the nodes are linked into a larger table. From then
	// on a reader of this one may be led astray and miss a node that is there,
	// but never find a wrong one.
	moved atomic.Bool
}

// minChains is the size of a new table: one page's eighth, so that many small
// caches cost little.
const minChains = 64

func newTable[V any](chains int) *table[V] {
	return &table[V]{chains: make([]atomic.Pointer[node[V]], chains)}
}

func (t *table[V]) chain(hash uint64) *atomic.Pointer[node[V]] {
	return &t.chains[hash&uint64(len(t.chains)-1)]
}

// find is for readers and writers. Without the lock, nil is certain only
// where moved is not set afterwards.
func (t *table[V]) find(hash uint64, key []byte) *node[V] {
	for n := t.chain(hash).Load(); n != nil; n = n.next.Load() {
		if n.hash == hash && n.key == string(key) {
			return n
		}
	}
	return nil
}

// link puts n at the front of its chain.
func (t *table[V]) link(n *node[V]) {
	chain := t.chain(n.hash)
	n.next.Store(chain.Load())
	chain.Store(n)
}

// swap puts n in old's place, in one step for readers; with n nil it takes
// old out.
func (t *table[V]) swap(old, n *node[V]) {
	after := old.next.Load()
	if n != nil {
		n.next.Store(after)
		after = n
	}
	at := t.chain(old.hash)
	for at.Load() != old {
		at = &at.Load().next
	}
	at.Store(after)
}
