package sqlitestore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
)

const benchEntries = 10_000

func benchKey(i int) store.Key {
	return sha256.Sum256(binary.AppendUvarint(nil, uint64(i)))
}

func benchRecord(i, size int) *store.Record {
	return &store.Record{
		Key: benchKey(i), Value: make([]byte, size), Begun: 1, Cost: time.Second, TTL: time.Hour,
		Labels:   store.Labels{Collection: "execution_store", Function: "pkg.Fn", Dataset: "d", Version: "v1"},
		Manifest: make([]byte, 200),
	}
}

// benchStore has n entries of 1 KiB, put in pages to be quick.
func benchStore(b *testing.B, n int) *Store { return benchStoreOf(b, n, 1024) }

func benchStoreOf(b *testing.B, n, size int) *Store {
	b.Helper()
	ctx := context.Background()
	s, err := Open(ctx, filepath.Join(b.TempDir(), "reprise.db"), &Options{SweepEvery: -1, Quota: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	for i := 0; i < n; {
		err := s.write(ctx, "fill", func(tx *txn) error {
			for end := min(i+maxPage, n); i < end; i++ {
				if _, err := tx.put(benchRecord(i, size), store.PutPublish, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkPointRead compares Get with what the driver needs at least: a
// prepared read of the value by the same index in the same database, copied
// once. The laps of all are interleaved and short, and the fastest tenth
// counts, so that other programs on the machine disturb the ratio little.
func BenchmarkPointRead(b *testing.B) {
	s := benchStore(b, benchEntries)
	ctx := context.Background()
	keys := make([]store.Key, benchEntries)
	for i := range keys {
		keys[i] = benchKey(i * 7919 % benchEntries)
	}
	c, err := dial(ctx, s.path, &s.o, sqlite3.OPEN_READWRITE)
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	st, err := c.prepare("SELECT key, value FROM entries WHERE prefix = ?")
	if err != nil {
		b.Fatal(err)
	}
	raw := func(k store.Key) bool {
		st.BindInt64(1, prefix(k))
		ok := st.Step() && bytes.Equal(st.ColumnRawBlob(0), k[:]) && len(st.ColumnBlob(1, make([]byte, 0, 1024))) == 1024
		st.Reset()
		return ok
	}
	get := func(k store.Key) bool { l, err := s.Get(ctx, k); return err == nil && l.Found }
	const lap = 50
	laps := map[string][]float64{}
	for i := 0; b.Loop(); i += lap {
		for name, read := range map[string]func(store.Key) bool{"raw": raw, "get": get} {
			start := time.Now()
			for j := range lap {
				if !read(keys[(i+j)%benchEntries]) {
					b.Fatal("not found")
				}
			}
			laps[name] = append(laps[name], float64(time.Since(start))/lap)
		}
	}
	best := map[string]float64{}
	for name, l := range laps {
		slices.Sort(l)
		best[name] = l[len(l)/10]
		b.ReportMetric(best[name], name+"-ns")
	}
	b.ReportMetric(best["get"]/best["raw"], "get/raw")
}

// BenchmarkBump hides all entries; each counts again in between, untimed. A
// million takes minutes to fill: REPRISE_MILLION=1 includes it.
func BenchmarkBump(b *testing.B) {
	sizes := []int{1_000, 100_000}
	if os.Getenv("REPRISE_MILLION") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := benchStore(b, n)
			for b.Loop() {
				r, err := s.Bump(context.Background(), store.FunctionLabel(0, "execution_store", "pkg.Fn"))
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if r.Entries != n {
					b.Fatal("hid", r.Entries)
				}
				s.write(context.Background(), "test", func(tx *txn) error {
					return errors.Join(tx.exec("UPDATE labels SET seq = 0"),
						tx.exec("UPDATE tallies SET live = entries, live_bytes = bytes, live_cost = cost"))
				})
				b.StartTimer()
			}
		})
	}
}
