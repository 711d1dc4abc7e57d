package inspect

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// benchEntries is how many entries the store of the benchmarks has; the
// environment variable REPRISE_ENTRIES sets another number.
func benchEntries(b *testing.B) int {
	b.Helper()
	n := 100_000
	if s := os.Getenv("REPRISE_ENTRIES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

// large is a store of 20 functions, two versions each, and a small execution
// store. It is made once.
func large(b *testing.B) *Inspector {
	b.Helper()
	n := benchEntries(b)
	dir := os.Getenv("REPRISE_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	s, err := sqlitestore.Open(b.Context(), filepath.Join(dir, fmt.Sprint(n, ".db")), &sqlitestore.Options{SweepEvery: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	i, err := New(s, nil)
	if err != nil {
		b.Fatal(err)
	}
	if info, err := s.Info(b.Context()); err != nil || info.Entries >= n {
		return i
	}
	r := rig{store: s}
	for k := range n {
		var rec store.Record
		rec.Key = keyOf(fmt.Sprint(k))
		rec.Begun, rec.TTL, rec.Cost = 1, time.Duration(1+k%7)*time.Hour, time.Millisecond
		rec.Labels = store.Labels{Collection: "execution_store", Function: fmt.Sprint("pkg.F", k%20), Version: fmt.Sprint("v", k%2)}
		rec.Value = binary.BigEndian.AppendUint64(make([]byte, 500), uint64(k))
		if k < 3 {
			rec.Labels = store.Labels{Kind: store.KindEntry, Collection: "execution_store", Function: "state", Entry: fmt.Sprint(k)}
		}
		if _, err := r.store.Put(b.Context(), &rec, store.PutPublish); err != nil {
			b.Fatal(err)
		}
	}
	return i
}

func BenchmarkFunctions(b *testing.B) {
	i := large(b)
	for b.Loop() {
		if f, err := i.Functions(b.Context(), Filter{}); err != nil || len(f) != 21 {
			b.Fatal(len(f), err)
		}
	}
}

func BenchmarkUsage(b *testing.B) {
	i := large(b)
	for b.Loop() {
		if _, err := i.Usage(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPage is to be read per page of 100.
func BenchmarkPage(b *testing.B) {
	i := large(b)
	for name, q := range map[string]Query{
		"key": {}, "newest": {Order: NewestFirst}, "function": {Filter: Filter{Function: "pkg.F7"}},
		"function-newest": {Filter: Filter{Function: "pkg.F7"}, Order: NewestFirst}, "all": {All: true},
	} {
		b.Run(name, func(b *testing.B) {
			q := q
			for b.Loop() {
				p, err := i.Entries(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				q.Cursor = p.Next
			}
		})
	}
}

func BenchmarkEntryByPrefix(b *testing.B) {
	i := large(b)
	n := benchEntries(b)
	k := 0
	for b.Loop() {
		k = (k + 7919) % n
		if _, err := i.Entry(b.Context(), keyOf(fmt.Sprint(k)).String()[:12]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEachEntry(b *testing.B) {
	i := large(b)
	for b.Loop() {
		if _, err := i.Tags(b.Context(), Filter{}); err != nil {
			b.Fatal(err)
		}
	}
}
