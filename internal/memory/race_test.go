package memory

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reprise-go/reprise/store"
)

// TestConcurrentUse: after any mix of calls the caches are in order and hold
// their bounds.
func TestConcurrentUse(t *testing.T) {
	g, b := trusted(), NewBudget(2000)
	caches := []*Cache[string]{
		New[string](Options{MaxSize: 50, Generations: g, Budget: b}),
		New[string](Options{MaxSize: 300, Generations: g, Budget: b, Local: true}),
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range 5000 {
				busy(t, caches[r.IntN(2)], g, r)
			}
		})
	}
	wg.Wait()
	var bytes int64
	for i, c := range caches {
		if err := consistent(c); err != nil {
			t.Fatalf("cache %d: %v", i, err)
		}
		if c.Len() > c.maxSize {
			t.Fatalf("cache %d: %d entries", i, c.Len())
		}
		bytes += c.Bytes()
	}
	if b.Used() != bytes || bytes > 2000 {
		t.Fatalf("budget: %d used, %d held", b.Used(), bytes)
	}
}

// busy makes one random call.
func busy(t *testing.T, c *Cache[string], g *Generations, r *rand.Rand) {
	key := strconv.Itoa(r.IntN(400))
	switch n := r.IntN(100); {
	case n < 60:
		if v, status := c.Get([]byte(key)); status == Hit && v != key {
			t.Errorf("got %q for %q", v, key)
		}
	case n < 90:
		c.Put([]byte(key), Entry[string]{Value: key, Bytes: int64(r.IntN(20)), AsOf: g.Seq(), Key: store.Key{byte(n)}})
	case n < 95:
		c.Delete([]byte(key))
	case n < 96:
		c.Clear()
	case n < 98:
		g.Apply(store.Changes{Seq: g.Seq() + 1, Keys: []store.KeyChange{{Key: store.Key{byte(r.IntN(100))}, Seq: g.Seq() + 1}}})
	default:
		c.Peek([]byte(key))
	}
}

// TestGrowthLosesNothing: while the table grows under them, readers find every
// entry that was put before they began.
func TestGrowthLosesNothing(t *testing.T) {
	const size = 20_000
	c := New[int](Options{MaxSize: size, Generations: trusted()})
	var filled atomic.Int64
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(w)))
			for {
				n := int(filled.Load())
				if n == size {
					return
				}
				if n == 0 {
					continue
				}
				i := r.IntN(n)
				if v, status := c.Get(strconv.AppendInt(nil, int64(i), 10)); status != Hit || v != i {
					t.Errorf("%d of %d: %d, status %d", i, n, v, status)
					return
				}
			}
		})
	}
	for i := range size {
		c.Put(strconv.AppendInt(nil, int64(i), 10), Entry[int]{Value: i})
		filled.Store(int64(i) + 1)
	}
	wg.Wait()
}

// TestNoValueFromBeforeAClear: a lookup that begins after a clear was applied
// never returns what was computed before it, whatever is put meanwhile.
func TestNoValueFromBeforeAClear(t *testing.T) {
	g := trusted()
	c := New[uint64](Options{MaxSize: 4, Generations: g})
	tag := []store.Label{store.TagLabel("t")}
	var applied atomic.Uint64
	var stop atomic.Bool
	var wg sync.WaitGroup
	key := func(r *rand.Rand) []byte { return fmt.Append(nil, r.IntN(6)) }
	for w := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(w)))
			for !stop.Load() {
				asOf := applied.Load() - min(applied.Load(), uint64(r.IntN(3)))
				c.Put(key(r), Entry[uint64]{Value: asOf, AsOf: asOf, Labels: tag})
			}
		})
		wg.Go(func() {
			r := rand.New(rand.NewPCG(4, uint64(w)))
			for !stop.Load() {
				since := applied.Load()
				if v, status := c.Get(key(r)); status == Hit && v < since {
					t.Errorf("a value as of %d after the clear at %d", v, since)
				}
			}
		})
	}
	for seq := uint64(1); seq <= 5000; seq++ {
		g.Apply(store.Changes{Seq: seq, Labels: []store.LabelChange{{Label: tag[0], Seq: seq}}})
		applied.Store(seq)
	}
	stop.Store(true)
	wg.Wait()
}
