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

// TestUsesOnOtherGoroutines: an order of uses that goroutines agree on is the
// order in which entries leave.
func TestUsesOnOtherGoroutines(t *testing.T) {
	const size = 100
	c := New[int](Options{MaxSize: size, Generations: trusted()})
	for i := range size {
		c.Put([]byte(strconv.Itoa(i)), Entry[int]{Value: i})
	}
	order := make([]int, size)
	turns := [2]chan int{make(chan int), make(chan int)}
	done := make(chan bool)
	for me := range turns {
		go func() {
			for i := range turns[me] {
				order[i] = (i * 37) % size
				c.Get([]byte(strconv.Itoa(order[i])))
				if i+1 == size {
					close(done)
					return
				}
				turns[1-me] <- i + 1
			}
		}()
	}
	turns[0] <- 0
	<-done
	close(turns[0]) // the other one was the last to use an entry
	for i, victim := range order {
		if _, status := c.Peek([]byte(strconv.Itoa(victim))); status != Hit {
			t.Fatalf("%d left before its turn", victim)
		}
		c.Put([]byte(strconv.Itoa(size+i)), Entry[int]{})
		if _, status := c.Peek([]byte(strconv.Itoa(victim))); status != Miss {
			t.Fatalf("%d did not leave at its turn", victim)
		}
	}
}

// TestDefaultSize: a bound of zero is the default, not none.
func TestDefaultSize(t *testing.T) {
	c := New[int](Options{Generations: trusted()})
	for i := range DefaultMaxSize + 10 {
		c.Put([]byte(strconv.Itoa(i)), Entry[int]{})
	}
	if c.Len() != DefaultMaxSize {
		t.Fatalf("%d entries, want %d", c.Len(), DefaultMaxSize)
	}
}

// TestNoGenerations: the mistake is found where it is made.
func TestNoGenerations(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("a cache without generations was made")
		}
	}()
	New[int](Options{})
}
