package memory

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
)

// filled is a cache of 1,024 entries under keys of a length, and the keys in
// an order that does not follow memory.
func filled(b *testing.B, length int, ttl time.Duration) (*Cache[int], [][]byte) {
	b.Helper()
	clock := NewClock()
	c := New[int](Options{Generations: trusted(), Clock: clock})
	keys := make([][]byte, DefaultMaxSize)
	labels := []store.Label{store.All(), store.FunctionLabel(store.KindFunction, "c", "f")}
	for i := range keys {
		k := (i * 709) % len(keys)
		keys[i] = fmt.Appendf(nil, "%0*d", length, k)
		if !c.Put(keys[i], Entry[int]{Value: k, Labels: labels, Deadline: clock.In(ttl), Bytes: 64}) {
			b.Fatal("put refused")
		}
	}
	return c, keys
}

func BenchmarkGet(b *testing.B) {
	for _, length := range []int{20, 60, 240} {
		for _, ttl := range []time.Duration{0, math.MaxInt64 / 2} {
			name := fmt.Sprintf("key=%d/ttl=%t", length, ttl > 0)
			b.Run(name+"/serial", func(b *testing.B) {
				c, keys := filled(b, length, ttl)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if _, status := c.Get(keys[i&(DefaultMaxSize-1)]); status != Hit {
						b.Fatal(status)
					}
					i++
				}
			})
			b.Run(name+"/parallel", func(b *testing.B) {
				c, keys := filled(b, length, ttl)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					i := 0
					for pb.Next() {
						if _, status := c.Get(keys[i&(DefaultMaxSize-1)]); status != Hit {
							b.Error(status)
							return
						}
						i++
					}
				})
			})
		}
	}
}

func BenchmarkPut(b *testing.B) {
	c, keys := filled(b, 60, 0)
	b.Run("replace", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			c.Put(keys[i&(DefaultMaxSize-1)], Entry[int]{Value: i})
			i++
		}
	})
	b.Run("evict", func(b *testing.B) {
		b.ReportAllocs()
		key := make([]byte, 60)
		i := 0
		for b.Loop() {
			key = fmt.Appendf(key[:0], "%060d", i)
			c.Put(key, Entry[int]{Value: i})
			i++
		}
	})
}
