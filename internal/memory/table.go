package memory

import (
	"hash/maphash"
	"sync/atomic"
)

// seed makes the hashes of this process its own, so that nobody can choose
// keys that collide.
var seed = maphash.MakeSeed()

// node is an entry in its place. What a lookup reads comes first and does not
// change, but for a few bits, once readers can see the node. What every hit
// and the recency write comes last, on another cache line: or else each hit on
// one processor would take from the others what they need to find the node.
type node[V any] struct {
	hash    uint64
	next    atomic.Pointer[node[V]]
	key     string
	checked atomic.Uint64 // version of the generations at which it was last found current
	entry   Entry[V]

	stamp  atomic.Uint64 // when it was last used, by the cache's counter; or dead
	placed uint64        // the stamp by which the heap has it; protected by the cache's lock
	place  int           // its index in the heap, -1 where it is not held; likewise
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

const (
	// minChains is the size of a new table: half a KiB, so that many small
	// caches cost little.
	minChains = 64
	// spread is the least number of chains per entry: with two, most lookups
	// find their node at once.
	spread = 2
)

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
