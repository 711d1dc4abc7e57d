package reprise_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

type smallInput struct {
	City  string
	Limit int
	Exact bool
}

type structuredInput struct {
	Path   string
	Labels []string
	Limit  int
	Meta   map[string]string
}

var structured = structuredInput{
	Path: "/data/warehouse/2026/events.parquet", Limit: 250,
	Labels: []string{"region=eu-north-1", "tier=gold", "source=ingest", "owner=analytics"},
	Meta:   map[string]string{"unit": "ms", "zone": "a", "team": "core", "mode": "daily"},
}

func benchmarkHit[In any](b *testing.B, in In, o reprise.Options[In, int64]) {
	c := open(b, "memory:")
	o.Name = "bench"
	f := reprise.MustWrap(c, func(context.Context, In) (int64, error) { return 42, nil }, &o)
	ctx := context.Background()
	if _, err := f.Call(ctx, in); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v, err := f.Call(ctx, in); v != 42 || err != nil {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkMemoryHit(b *testing.B) {
	small := smallInput{"Oslo", 10, true}
	b.Run("small", func(b *testing.B) { benchmarkHit(b, small, reprise.Options[smallInput, int64]{}) })
	b.Run("small-ttl", func(b *testing.B) {
		benchmarkHit(b, small, reprise.Options[smallInput, int64]{TTL: time.Hour})
	})
	b.Run("structured", func(b *testing.B) { benchmarkHit(b, structured, reprise.Options[structuredInput, int64]{}) })
}

// BenchmarkKeyByJSON is what a key costs that is built by hand the usual way,
// before any lookup.
func BenchmarkKeyByJSON(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		j, _ := json.Marshal(&structured)
		_ = sha256.Sum256(j)
	}
}

func BenchmarkMemoryHitParallel(b *testing.B) {
	c := open(b, "memory:")
	f := reprise.MustWrap(c, func(context.Context, smallInput) (int64, error) { return 42, nil },
		&reprise.Options[smallInput, int64]{Name: "bench"})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		ctx := context.Background()
		for pb.Next() {
			if _, err := f.Call(ctx, smallInput{"Oslo", 10, true}); err != nil {
				b.Error(err)
			}
		}
	})
}

type document struct{ Title, Text string }

// BenchmarkSQLiteHit reads results of 1 KiB from the store, and beside it does
// only what cannot be spared: the driver's read and the decoding.
func BenchmarkSQLiteHit(b *testing.B) {
	doc := document{"a kilobyte", strings.Repeat("reprise ", 124)}
	ctx := context.Background()
	b.Run("call", func(b *testing.B) {
		c := open(b, "sqlite:"+filepath.Join(b.TempDir(), "hit.db"))
		f := reprise.MustWrap(c, func(context.Context, smallInput) (document, error) { return doc, nil },
			&reprise.Options[smallInput, document]{Name: "bench", Residency: reprise.Transient})
		if _, err := f.Call(ctx, smallInput{"Oslo", 10, true}); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.Call(ctx, smallInput{"Oslo", 10, true}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("store.Get+decode", func(b *testing.B) {
		s, err := sqlitestore.Open(ctx, filepath.Join(b.TempDir(), "raw.db"), nil)
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		j, _ := json.Marshal(doc)
		if _, err := s.Put(ctx, &store.Record{Key: store.Key{1}, Value: j}, store.PutPublish); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			lk, err := s.Get(ctx, store.Key{1})
			var d document
			if err != nil || json.Unmarshal(lk.Record.Value, &d) != nil {
				b.Fatal(err)
			}
		}
	})
}
