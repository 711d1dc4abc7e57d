package storetest

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/reprise-go/reprise/store"
)

// benchEntries is how many entries a benchmark finds in the store.
const benchEntries = 10_000

// Bench measures the operations that callers wait for, each on a store of
// 10,000 entries of 1 KiB. Only h.Open is used. Compare drivers within one run
// on one machine; the figures alone mean little.
func Bench(b *testing.B, h Harness) {
	for _, m := range []struct {
		name string
		run  func(*testing.B, store.Store)
	}{
		{"GetHit1KiB", benchGetHit},
		{"GetHit1KiBParallel", benchGetParallel},
		{"GetMiss", benchGetMiss},
		{"PutNew1KiB", benchPutNew},
		{"PutOverwrite1KiB", benchPutOverwrite},
		{"Bump", benchBump},
		{"Clear", benchClear},
		{"ChangesNone", benchChanges},
		{"ListPage100", benchList},
	} {
		b.Run(m.name, func(b *testing.B) {
			s := h.Open(b)
			defer s.Close()
			fill(b, s)
			b.ReportAllocs()
			m.run(b, s)
		})
	}
}

// benchKey spreads n over the key space, as digests do.
func benchKey(n uint64) (k store.Key) {
	for i := 0; i < len(k); i += 8 {
		n = n*6364136223846793005 + 1442695040888963407
		binary.BigEndian.PutUint64(k[i:], n^n>>29)
	}
	return k
}

func benchRecord(n uint64) *store.Record {
	r := rec("")
	r.Key = benchKey(n)
	r.Labels.Tags = []string{"bench"}
	r.Value = make([]byte, 1024)
	binary.BigEndian.PutUint64(r.Value, n)
	return r
}

func fill(b *testing.B, s store.Store) {
	b.Helper()
	for n := range uint64(benchEntries) {
		if _, err := s.Put(context.Background(), benchRecord(n), store.PutSet); err != nil {
			b.Fatal(err)
		}
	}
}

func benchGetHit(b *testing.B, s store.Store) {
	ctx := context.Background()
	for n := uint64(0); b.Loop(); n++ {
		l, err := s.Get(ctx, benchKey(n*7919%benchEntries))
		if err != nil || !l.Found {
			b.Fatalf("found %t, %v", l.Found, err)
		}
	}
}

func benchGetParallel(b *testing.B, s store.Store) {
	ctx := context.Background()
	b.ResetTimer() // b.Loop does so by itself; RunParallel counts the filling
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l, err := s.Get(ctx, benchKey(rand.Uint64N(benchEntries)))
			if err != nil || !l.Found {
				b.Errorf("found %t, %v", l.Found, err)
				return
			}
		}
	})
}

func benchGetMiss(b *testing.B, s store.Store) {
	ctx := context.Background()
	for n := uint64(benchEntries); b.Loop(); n++ {
		if l, err := s.Get(ctx, benchKey(n)); err != nil || l.Found {
			b.Fatalf("found %t, %v", l.Found, err)
		}
	}
}

func benchPutNew(b *testing.B, s store.Store) {
	for n := uint64(benchEntries); b.Loop(); n++ {
		if _, err := s.Put(context.Background(), benchRecord(n), store.PutSet); err != nil {
			b.Fatal(err)
		}
	}
}

func benchPutOverwrite(b *testing.B, s store.Store) {
	for n := uint64(0); b.Loop(); n++ {
		if _, err := s.Put(context.Background(), benchRecord(n%benchEntries), store.PutSet); err != nil {
			b.Fatal(err)
		}
	}
}

// benchBump bumps a label that no entry carries: the price of the write and of
// finding out that it hid nothing.
func benchBump(b *testing.B, s store.Store) {
	for b.Loop() {
		if _, err := s.Bump(context.Background(), store.TagLabel("nobody's")); err != nil {
			b.Fatal(err)
		}
	}
}

func benchClear(b *testing.B, s store.Store) {
	for n := uint64(0); b.Loop(); n++ {
		if _, err := s.Clear(context.Background(), benchKey(n%benchEntries)); err != nil {
			b.Fatal(err)
		}
	}
}

// benchChanges is the poll of an idle reader.
func benchChanges(b *testing.B, s store.Store) {
	info, err := s.Info(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Changes(context.Background(), info.Seq); err != nil {
			b.Fatal(err)
		}
	}
}

func benchList(b *testing.B, s store.Store) {
	function := "f"
	for b.Loop() {
		p, err := s.List(context.Background(), store.Query{Function: &function, Limit: 100})
		if err != nil || len(p.Records) != 100 {
			b.Fatalf("%d records, %v", len(p.Records), err)
		}
	}
}
