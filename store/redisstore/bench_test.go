//go:build unix

package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

func benchKey(n uint64) (k store.Key) {
	for i := 0; i < len(k); i += 8 {
		n = n*6364136223846793005 + 1442695040888963407
		binary.BigEndian.PutUint64(k[i:], n^n>>29)
	}
	return k
}

func benchRecord(n uint64, size int) *store.Record {
	return &store.Record{
		Key:    benchKey(n),
		Labels: store.Labels{Collection: "execution_store", Function: "example.com/pkg.Fn", Version: "v1"},
		Value:  make([]byte, size),
		Cost:   time.Second,
	}
}

// putMany puts n entries from several goroutines.
func putMany(b *testing.B, s *Store, n, size int) {
	b.Helper()
	const writers = 32
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				if _, err := s.Put(context.Background(), benchRecord(uint64(i), size), store.PutSet); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkHit compares a hit of 1 KiB with a raw GET of as many bytes over
// the same client, in short laps that alternate, so that both see the same
// machine. It reports the median of the laps' ratios.
func BenchmarkHit(b *testing.B) {
	for _, goroutines := range []int{1, 64} {
		b.Run(fmt.Sprint(goroutines), func(b *testing.B) {
			s := opened(b, servertest.Redis(b).URL(), nil)
			const entries = 1000
			putMany(b, s, entries, 1024)
			for i := range entries {
				set := s.client.B().Set().Key(rawKey(uint64(i))).Value(string(make([]byte, 1024))).Build()
				if err := s.client.Do(b.Context(), set).Error(); err != nil {
					b.Fatal(err)
				}
			}
			get := func() error {
				l, err := s.Get(context.Background(), benchKey(rand.Uint64N(entries)))
				if err == nil && !l.Found {
					err = fmt.Errorf("not found")
				}
				return err
			}
			raw := func() error {
				get := s.client.B().Get().Key(rawKey(rand.Uint64N(entries))).Build()
				_, err := s.client.Do(context.Background(), get).AsBytes()
				return err
			}
			var hits, raws, ratios []float64
			for b.Loop() {
				r, h := lap(b, goroutines, raw), lap(b, goroutines, get)
				hits, raws, ratios = append(hits, h), append(raws, r), append(ratios, h/r)
			}
			b.ReportMetric(median(hits), "hit-µs")
			b.ReportMetric(median(raws), "raw-µs")
			b.ReportMetric(median(ratios), "ratio")
		})
	}
}

// rawKey is a digest too, as a cache without a store would use.
func rawKey(n uint64) string { return "{reprise:raw}:" + keyText(benchKey(n)) }

// lap is how many microseconds an operation takes, on the whole.
func lap(b *testing.B, goroutines int, op func() error) float64 {
	const each = 200
	var wg sync.WaitGroup
	started := time.Now()
	for range goroutines {
		wg.Go(func() {
			for range each {
				if err := op(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(time.Since(started).Nanoseconds()) / 1e3 / float64(each*goroutines)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkClearFunction hides a function with 100,000 entries, or with
// REPRISE_TORTURE=1 a million. The first bump finds them live, the others none.
func BenchmarkClearFunction(b *testing.B) {
	entries := 100_000
	if os.Getenv("REPRISE_TORTURE") == "1" {
		entries = 1_000_000
	}
	for name, url := range map[string]func(testing.TB) string{
		"single":  func(t testing.TB) string { return servertest.Redis(t).URL() },
		"cluster": func(t testing.TB) string { return servertest.RedisCluster(t).URL() },
	} {
		b.Run(name, func(b *testing.B) {
			s := opened(b, url(b), nil)
			putMany(b, s, entries, 16)
			label := store.FunctionLabel(store.KindFunction, "execution_store", "example.com/pkg.Fn")
			started := time.Now()
			bumped, err := s.Bump(b.Context(), label)
			if err != nil || bumped.Entries != entries {
				b.Fatalf("Bump = %+v, %v", bumped, err)
			}
			first := float64(time.Since(started).Microseconds()) / 1e3
			for b.Loop() {
				if _, err := s.Bump(b.Context(), label); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(first, "first-ms")
		})
	}
}
