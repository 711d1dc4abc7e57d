package memory

import (
	"strconv"
	"testing"
)

// TestEqualHashes: keys are compared in full, so two that share a hash, and so
// a chain, are two entries.
func TestEqualHashes(t *testing.T) {
	table := newTable[int](minChains)
	for _, key := range []string{"a", "b", "c"} {
		table.link(&node[int]{hash: 5, key: key})
	}
	for _, key := range []string{"a", "b", "c"} {
		if n := table.find(5, []byte(key)); n == nil || n.key != key {
			t.Fatalf("%q: found %+v", key, n)
		}
	}
	table.swap(table.find(5, []byte("b")), nil)
	if table.find(5, []byte("b")) != nil || table.find(5, []byte("a")) == nil || table.find(5, []byte("c")) == nil {
		t.Fatal("taking b out took another out, or not b")
	}
}

// TestReaderInAnOldTable: a reader that began before the table was replaced may
// be led astray by the nodes' new links. Then it knows, and looks again.
func TestReaderInAnOldTable(t *testing.T) {
	const before, after = 20, 2000
	c := New[int](Options{MaxSize: after, Generations: trusted()})
	old := c.table.Load()
	for i := range after {
		c.Put([]byte(strconv.Itoa(i)), Entry[int]{Value: i})
	}
	astray := 0
	for i := range before {
		key := []byte(strconv.Itoa(i))
		n := old.find(hashOf(key), key)
		if n == nil {
			astray++
			n = c.findAgain(hashOf(key), key)
		}
		if n == nil || n.entry.Value != i {
			t.Fatalf("%d is lost", i)
		}
	}
	if astray > 0 && !old.moved.Load() {
		t.Fatalf("%d lookups failed in the old table, and it does not show", astray)
	}
}
