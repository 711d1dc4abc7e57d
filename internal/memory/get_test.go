package memory

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/store"
)

// TestExpiry: a value is a hit to the last nanosecond before its deadline,
// stands in during its grace, and is gone after that.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int](Options{Generations: trusted()})
		key := []byte("k")
		c.Put(key, Entry[int]{
			Value: 7, Deadline: processClock.In(time.Minute), GraceUntil: processClock.In(time.Hour),
		})
		for _, step := range []struct {
			wait  time.Duration
			want  Status
			value int
			left  int
		}{
			{time.Minute - 1, Hit, 7, 1},
			{1, Expired, 7, 1},
			{59*time.Minute - 1, Expired, 7, 1},
			{1, Miss, 0, 0},
		} {
			time.Sleep(step.wait) // moves the bubble's clock
			if v, status := c.Peek(key); status != step.want || v != step.value {
				t.Fatalf("peek after %v more: %d, status %d, want %d", step.wait, v, status, step.want)
			}
			if v, status := c.Get(key); status != step.want || v != step.value || c.Len() != step.left {
				t.Fatalf("get after %v more: %d, status %d, %d left; want status %d, %d left",
					step.wait, v, status, c.Len(), step.want, step.left)
			}
		}
	})
}

// TestGraceKeepsItsPlace: a value that only stands in is not used.
func TestGraceKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[int](Options{MaxSize: 2, Generations: trusted()})
		c.Put([]byte("a"), Entry[int]{Deadline: processClock.In(1), GraceUntil: processClock.In(time.Hour)})
		c.Put([]byte("b"), Entry[int]{})
		time.Sleep(time.Second)
		c.Get([]byte("a"))
		c.Put([]byte("c"), Entry[int]{})
		if _, status := c.Peek([]byte("b")); status != Hit {
			t.Fatal("b left, though a was the least recently used")
		}
	})
}

// TestNoAllocation: lookups allocate nothing, whatever they find.
func TestNoAllocation(t *testing.T) {
	c := New[[2]int](Options{Generations: trusted()})
	labels := []store.Label{store.All(), store.TagLabel("a")}
	plain, timed, old := []byte("no deadline, and a key over 32 bytes long"), []byte("deadline"), []byte("grace")
	c.Put(plain, Entry[[2]int]{Labels: labels})
	c.Put(timed, Entry[[2]int]{Labels: labels, Deadline: processClock.In(time.Hour)})
	c.Put(old, Entry[[2]int]{Deadline: 1, GraceUntil: processClock.In(time.Hour)})
	seq := uint64(0)
	for name, f := range map[string]func(){
		"hit":     func() { c.Get(plain); c.Get(timed) },
		"expired": func() { c.Get(old) },
		"miss":    func() { c.Get([]byte("absent")) },
		"peek":    func() { c.Peek(plain) },
		"recheck": func() {
			seq++
			c.generations.version.Add(1)
			c.Get(plain)
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if _, status := c.Get(plain); status != Hit {
		t.Fatal("the entry was lost")
	}
	if _, status := c.Get(old); status != Expired {
		t.Fatal("the old entry was lost")
	}
}

// TestDistrust: while changes by others do not arrive, only local caches
// answer, and what was held is there when trust returns.
func TestDistrust(t *testing.T) {
	g := NewGenerations()
	shared := New[int](Options{Generations: g})
	local := New[int](Options{Generations: g, Local: true})
	key := []byte("k")
	shared.Put(key, Entry[int]{Value: 1})
	local.Put(key, Entry[int]{Value: 2})
	if _, status := shared.Get(key); status != Miss {
		t.Fatalf("status %d from a cache that is not trusted", status)
	}
	if v, status := local.Get(key); status != Hit || v != 2 {
		t.Fatalf("%d, status %d from a local cache", v, status)
	}
	g.SetTrusted(true)
	if v, status := shared.Get(key); status != Hit || v != 1 {
		t.Fatalf("%d, status %d after trust returned", v, status)
	}
}
