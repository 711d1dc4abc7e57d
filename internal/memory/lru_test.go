package memory

import (
	"slices"
	"strconv"
	"testing"
)

// trusted are generations of a live watch.
func trusted() *Generations {
	g := NewGenerations()
	g.SetTrusted(true)
	return g
}

// TestReferenceSequence is the reference system's own: with a bound of two,
// calls 1, 2, 1, 3, 2 run the function for 1, 2, 3, 2.
func TestReferenceSequence(t *testing.T) {
	c := New[int](Options{MaxSize: 2, Generations: trusted()})
	var ran []int
	for _, in := range []int{1, 2, 1, 3, 2} {
		key := []byte(strconv.Itoa(in))
		if v, status := c.Get(key); status == Hit {
			if v != in {
				t.Fatalf("got %d for %d", v, in)
			}
			continue
		}
		ran = append(ran, in)
		c.Put(key, Entry[int]{Value: in})
	}
	if want := []int{1, 2, 3, 2}; !slices.Equal(ran, want) {
		t.Fatalf("ran %v, want %v", ran, want)
	}
}
