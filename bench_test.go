package reprise_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise"
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

// BenchmarkSQLiteHit compares a call that is answered by the store with what
// cannot be spared: the driver's own prepared read of the value, by the same
// index of the same database, and the decoding. The laps of both are short and
// alternate, and the fastest tenth of each counts, so that whatever else the
// machine does disturbs the ratio little.
func BenchmarkSQLiteHit(b *testing.B) {
	ctx := context.Background()
	path := filepath.Join(b.TempDir(), "hit.db")
	c := open(b, "sqlite:"+path)
	f := reprise.MustWrap(c, func(_ context.Context, in smallInput) (benchDoc, error) {
		return benchDoc{in.City, strings.Repeat("reprise ", 124)}, nil
	}, &reprise.Options[smallInput, benchDoc]{Name: "bench", Residency: reprise.Transient})
	const entries = 1000
	prefixes := make([]int64, entries)
	for i := range prefixes {
		r, err := f.Do(ctx, smallInput{"Oslo", i, true})
		if err != nil || r.Outcome != reprise.Populated {
			b.Fatal(r.Outcome, err)
		}
		prefixes[i] = int64(binary.BigEndian.Uint64(r.Key[:8]) ^ 1<<63)
	}
	raw := rawReader(b, path)
	call := func(i int) bool {
		d, err := f.Call(ctx, smallInput{"Oslo", i, true})
		return err == nil && len(d.Text) > 0
	}
	floor := func(i int) bool {
		var d benchDoc
		return json.Unmarshal(raw(prefixes[i]), &d) == nil && len(d.Text) > 0
	}
	b.ReportAllocs()
	compareLaps(b, "call", call, "floor", floor, entries)
}

// rawReader is a prepared read of a sealed value, of which it gives the JSON
// inside without looking at the rest.
func rawReader(b *testing.B, path string) func(prefix int64) []byte {
	conn, err := sqlite3.OpenFlags("file:"+path, sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	st, _, err := conn.Prepare("SELECT value FROM entries WHERE prefix = ?")
	if err != nil {
		b.Fatal(err)
	}
	return func(prefix int64) []byte {
		st.BindInt64(1, prefix)
		if !st.Step() {
			b.Fatal("not found")
		}
		v := st.ColumnBlob(0, make([]byte, 0, 1200))
		st.Reset()
		v = v[bytes.Index(v, []byte(`{"Title"`)):]
		return v[:bytes.Index(v, []byte(`"}`))+2]
	}
}

// compareLaps runs two things in turn and reports the ratio of their costs.
func compareLaps(b *testing.B, an string, a func(int) bool, bn string, bf func(int) bool, entries int) {
	const lap = 50
	lapsA, lapsB := []float64{}, []float64{}
	time1 := func(f func(int) bool, from int) float64 {
		start := time.Now()
		for j := range lap {
			if !f((from + j) % entries) {
				b.Fatal("wrong answer")
			}
		}
		return float64(time.Since(start)) / lap
	}
	for i := 0; b.Loop(); i += lap {
		lapsA, lapsB = append(lapsA, time1(a, i)), append(lapsB, time1(bf, i))
	}
	slices.Sort(lapsA)
	slices.Sort(lapsB)
	bestA, bestB := lapsA[len(lapsA)/10], lapsB[len(lapsB)/10]
	b.ReportMetric(bestA, an+"-ns")
	b.ReportMetric(bestB, bn+"-ns")
	b.ReportMetric(bestA/bestB, an+"/"+bn)
}

type benchDoc struct{ Title, Text string }
