package memory

import (
	"fmt"
	"testing"
)

// TestBudgetTakesFromTheLargest: a small cache is safe from its own growth
// while another holds more.
func TestBudgetTakesFromTheLargest(t *testing.T) {
	b := NewBudget(100)
	large := New[int](Options{Generations: trusted(), Budget: b})
	small := New[int](Options{Generations: trusted(), Budget: b})
	for i := range 9 {
		large.Put(fmt.Append(nil, i), Entry[int]{Bytes: 10})
	}
	large.Get([]byte("0"))
	for i := range 3 {
		if !small.Put(fmt.Append(nil, i), Entry[int]{Bytes: 10}) {
			t.Fatalf("put %d was refused", i)
		}
	}
	if b.Used() != 100 || large.Bytes() != 70 || small.Bytes() != 30 {
		t.Fatalf("%d bytes used: %d and %d", b.Used(), large.Bytes(), small.Bytes())
	}
	for i, want := range []Status{Hit, Miss, Miss, Hit} {
		if _, status := large.Peek(fmt.Append(nil, i)); status != want {
			t.Errorf("entry %d: status %d, want %d", i, status, want)
		}
	}
	large.Clear()
	if b.Used() != 30 {
		t.Fatalf("%d bytes used after the clear", b.Used())
	}
}

// TestBudgetNothingFits: a value over the budget takes the one it supersedes
// out and nothing else.
func TestBudgetNothingFits(t *testing.T) {
	c := New[int](Options{Generations: trusted(), Budget: NewBudget(100)})
	c.Put([]byte("a"), Entry[int]{Bytes: 10})
	c.Put([]byte("b"), Entry[int]{Bytes: 10})
	if c.Put([]byte("a"), Entry[int]{Bytes: 101}) {
		t.Fatal("101 bytes fit a budget of 100")
	}
	if _, status := c.Peek([]byte("a")); status != Miss {
		t.Fatal("the superseded value is still there")
	}
	if _, status := c.Peek([]byte("b")); status != Hit {
		t.Fatal("another entry left")
	}
	none := New[int](Options{Generations: trusted(), Budget: NewBudget(-5)})
	if none.Put([]byte("a"), Entry[int]{Bytes: 1}) || !none.Put([]byte("b"), Entry[int]{Bytes: -1}) {
		t.Fatal("a budget of nothing takes what has no size, and only that")
	}
}
