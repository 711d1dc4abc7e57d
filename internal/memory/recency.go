package memory

import "math"

// dead is the stamp of a node that was evicted, deleted or cleared.
const dead = math.MaxUint64

// recency finds the least recently used node without sorting at every use.
//
// Each use takes the next number of the cache's counter as the node's stamp,
// and leaves the node where it is. The heap orders nodes by the stamp that
// they had when they were placed. Stamps only grow, so a node's place is never
// too late, only too early: when the first node's stamp is still the one it was
// placed by, every other was used after it and it is the least recently used.
// Otherwise it is placed anew. Every such move is paid for by a use since the
// last one, which did not have to move anything.
//
// It is protected by the cache's lock.
type recency[V any] struct {
	heap []*node[V]
}

// fanout of the heap: 4 children fit in half a cache line and halve the depth.
const fanout = 4

// add places a node that was used after all others: the end is its place.
func (r *recency[V]) add(n *node[V]) {
	n.placed = n.stamp.Load()
	r.heap = append(r.heap, n)
	r.put(len(r.heap)-1, n)
}

// replace puts n, used after all others, where old was.
func (r *recency[V]) replace(old, n *node[V]) {
	n.placed = n.stamp.Load()
	r.put(old.place, n)
	old.place = -1
	r.down(n.place)
}

// remove takes n out.
func (r *recency[V]) remove(n *node[V]) {
	last := len(r.heap) - 1
	moved, at := r.heap[last], n.place
	r.heap[last] = nil
	r.heap = r.heap[:last]
	n.place = -1
	if moved == n {
		return
	}
	r.put(at, moved)
	r.down(at)
	r.up(moved.place)
}

// evict takes out the least recently used node and marks it dead, or returns
// nil where there is none. A use at the same moment either comes first, and
// saves the node, or finds it dead.
func (r *recency[V]) evict() *node[V] {
	for moves := 0; len(r.heap) > 0; {
		n := r.heap[0]
		switch stamp := n.stamp.Load(); {
		case stamp != n.placed && moves < len(r.heap)/rebuildShare:
			n.placed = stamp
			r.down(0)
			moves++
		case stamp != n.placed:
			r.rebuild()
			moves = 0
		case n.stamp.CompareAndSwap(stamp, dead):
			r.remove(n)
			return n
		}
	}
	return nil
}

// rebuildShare: where one eviction finds more than one in so many out of
// place, it is cheaper to place all of them at once.
const rebuildShare = 16

// rebuild places all nodes by their present stamps.
func (r *recency[V]) rebuild() {
	for _, n := range r.heap {
		n.placed = n.stamp.Load()
	}
	for at := (len(r.heap) - 2) / fanout; at >= 0; at-- {
		r.down(at)
	}
}

func (r *recency[V]) put(at int, n *node[V]) {
	r.heap[at] = n
	n.place = at
}

func (r *recency[V]) up(at int) {
	n := r.heap[at]
	for at > 0 {
		parent := (at - 1) / fanout
		if r.heap[parent].placed <= n.placed {
			break
		}
		r.put(at, r.heap[parent])
		at = parent
	}
	r.put(at, n)
}

func (r *recency[V]) down(at int) {
	n := r.heap[at]
	for {
		first := at*fanout + 1
		if first >= len(r.heap) {
			break
		}
		least := first
		for i := first + 1; i < min(first+fanout, len(r.heap)); i++ {
			if r.heap[i].placed < r.heap[least].placed {
				least = i
			}
		}
		if n.placed <= r.heap[least].placed {
			break
		}
		r.put(at, r.heap[least])
		at = least
	}
	r.put(at, n)
}
