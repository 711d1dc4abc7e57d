package memory

import (
	"testing"

	"github.com/reprise-go/reprise/store"
)

// TestCount: what has expired or was cleared does not count, nor what carries
// another label.
func TestCount(t *testing.T) {
	c := New[int](Options{Generations: trusted()})
	a, b := store.TagLabel("a"), store.TagLabel("b")
	c.Put([]byte("valid"), Entry[int]{AsOf: 2, Labels: []store.Label{a, b}})
	c.Put([]byte("grace"), Entry[int]{AsOf: 2, Labels: []store.Label{a}, Deadline: 1, GraceUntil: 1 << 62})
	c.Put([]byte("cleared"), Entry[int]{AsOf: 2, Labels: []store.Label{a}, Key: store.Key{1}})
	c.Put([]byte("other"), Entry[int]{AsOf: 2, Labels: []store.Label{b}})
	c.generations.Apply(store.Changes{Seq: 3, Keys: []store.KeyChange{{Key: store.Key{1}, Seq: 3}}})
	if n := c.Count(a); n != 1 {
		t.Fatalf("%d entries carry a, want 1", n)
	}
	if n := c.Count(b); n != 2 || c.Len() != 4 {
		t.Fatalf("%d entries carry b of %d, want 2 of 4", n, c.Len())
	}
}
