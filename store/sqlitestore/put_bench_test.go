package sqlitestore

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
)

// BenchmarkPut compares Put of a new entry with what the driver needs at least
// in a transaction of its own: an INSERT of the same columns into a table with
// one index over the key ("bare"), and into entries with its indexes ("row").
// Laps are interleaved as in BenchmarkPointRead.
func BenchmarkPut(b *testing.B) {
	ctx := context.Background()
	s, rows := benchStore(b, 1000), benchStore(b, 1000)
	if err := rows.w.script(`CREATE TABLE bare AS SELECT * FROM entries WHERE 0; CREATE INDEX bare_prefix ON bare (prefix)`); err != nil {
		b.Fatal(err)
	}
	next := 1000
	bare := benchInsert(b, rows, "INSERT INTO bare (")
	row := benchInsert(b, rows, "INSERT INTO entries (")
	ways := map[string]func(*store.Record) error{
		"bare": func(r *store.Record) error { return bare(r) },
		"row":  func(r *store.Record) error { return row(r) },
		"put":  func(r *store.Record) error { _, err := s.Put(ctx, r, store.PutPublish); return err },
	}
	const lap = 20
	laps := map[string][]float64{}
	recs := make([]*store.Record, lap)
	for b.Loop() {
		for i := range recs {
			recs[i] = benchRecord(next, 1024)
			next++
		}
		for name, put := range ways {
			start := time.Now()
			for _, r := range recs {
				if err := put(r); err != nil {
					b.Fatal(err)
				}
			}
			laps[name] = append(laps[name], float64(time.Since(start))/lap)
		}
	}
	best := map[string]float64{}
	for _, name := range slices.Sorted(maps.Keys(laps)) {
		l := laps[name]
		slices.Sort(l)
		best[name] = l[len(l)/10]
		b.ReportMetric(best[name], name+"-ns")
		b.ReportMetric(l[len(l)/2], name+"-median-ns")
	}
	b.ReportMetric(best["put"]/best["bare"], "put/bare")
	b.ReportMetric(best["put"]/best["row"], "put/row")
}

// benchInsert prepares the statement, which commits by itself.
func benchInsert(b *testing.B, s *Store, into string) func(*store.Record) error {
	b.Helper()
	st, _, err := s.w.db.PrepareFlags(into+`present, set_id, begun, created, expires, grace, cost, size, fence, ntags, changed,
		entry, tags, file, value, manifest, prefix, key, cleared, id)
		VALUES (1, 1, 1, ?, ?, 0, 1000, 1024, 0, 0, 0, x'', x'', x'', ?, ?, ?, ?, 0, ?)`, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	id := int64(1 << 20)
	return func(r *store.Record) error {
		id++
		now := time.Now().UnixNano()
		st.BindInt64(1, now)
		st.BindInt64(2, now+int64(r.TTL))
		st.BindBlob(3, r.Value)
		st.BindBlob(4, r.Manifest)
		st.BindInt64(5, prefix(r.Key))
		st.BindBlob(6, r.Key[:])
		st.BindInt64(7, id)
		st.Step()
		return st.Reset()
	}
}
