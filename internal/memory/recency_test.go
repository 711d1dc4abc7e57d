package memory

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRecency: whatever is used, replaced, removed and evicted, nodes leave in
// the order of their latest use. The heaps are deep and the runs long enough
// to leave them in every disorder that a heap allows.
func TestRecency(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		u := &uses{t: t}
		for range 1 + r.IntN(120) {
			u.add(u.node())
		}
		for range 600 {
			u.step(r)
			u.check()
		}
		for len(u.order) > 0 {
			u.evict()
		}
		if u.evict(); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// uses is a recency beside a list in the true order, least recently used
// first.
type uses struct {
	t       *testing.T
	recency recency[int]
	order   []*node[int]
	clock   uint64
}

func (u *uses) node() *node[int] {
	u.clock++
	n := &node[int]{place: -1}
	n.stamp.Store(u.clock)
	return n
}

func (u *uses) add(n *node[int]) {
	u.recency.add(n)
	u.order = append(u.order, n)
}

func (u *uses) step(r *rand.Rand) {
	if len(u.order) == 0 {
		u.add(u.node())
		return
	}
	i := r.IntN(len(u.order))
	n := u.order[i]
	switch r.IntN(8) {
	case 0:
		u.evict()
		u.add(u.node())
	case 1:
		u.recency.remove(n)
		u.order = slices.Delete(u.order, i, i+1)
		u.add(u.node())
	case 2:
		with := u.node()
		u.recency.replace(n, with)
		u.order = append(slices.Delete(u.order, i, i+1), with)
	default:
		u.clock++
		n.stamp.Store(u.clock)
		u.order = append(slices.Delete(u.order, i, i+1), n)
	}
}

func (u *uses) evict() {
	n := u.recency.evict()
	if len(u.order) == 0 {
		if n != nil {
			u.t.Error("something was left")
		}
		return
	}
	if n != u.order[0] || n.stamp.Load() != dead || n.place != -1 {
		u.t.Error("the wrong node was evicted, or left alive")
	}
	u.order = u.order[1:]
}

// check looks at the heap itself: no node is placed before its parent.
func (u *uses) check() {
	for i, n := range u.recency.heap {
		if parent := u.recency.heap[max(i-1, 0)/fanout]; parent.placed > n.placed || n.place != i {
			u.t.Fatalf("node %d is placed by %d under one placed by %d", i, n.placed, parent.placed)
		}
	}
}

// TestRemoveBesideOlderNodes: the node that fills the gap of a removed one can
// be older than the gap's parent, and then goes up. Chance rarely brings this
// about: all nodes of one branch must have been replaced.
func TestRemoveBesideOlderNodes(t *testing.T) {
	u := &uses{t: t}
	for range 1 + fanout + fanout*fanout {
		u.add(u.node())
	}
	for range 1 + fanout {
		u.recency.replace(u.recency.heap[1], u.node())
	}
	u.recency.remove(u.recency.heap[1+fanout])
	u.check()
}

// TestUseAfterEviction: a lookup that found a node just before it was evicted
// does not count as a hit, or it would have saved the node.
func TestUseAfterEviction(t *testing.T) {
	c := New[int](Options{MaxSize: 1, Generations: trusted()})
	c.Put([]byte("a"), Entry[int]{})
	n, _ := c.lookup([]byte("a"))
	c.Put([]byte("b"), Entry[int]{})
	if c.use(n) {
		t.Fatal("an evicted entry was used")
	}
}
