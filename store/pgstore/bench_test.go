package pgstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

const benchEntries = 10_000

func benchKey(i int) store.Key {
	return sha256.Sum256(binary.AppendUvarint(nil, uint64(i)))
}

func benchRecord(i, size int, ttl time.Duration, begun uint64) *store.Record {
	return &store.Record{
		Key: benchKey(i), Value: make([]byte, size), Begun: begun, Cost: time.Second, TTL: ttl,
		Labels:   store.Labels{Collection: "execution_store", Function: "pkg.Fn", Dataset: "d", Version: "v1"},
		Manifest: make([]byte, 200),
	}
}

// benchStore has n entries: one that was put, and copies of its row, which are
// made and counted with two statements.
func benchStore(b *testing.B, n, size int, ttl time.Duration) *Store {
	b.Helper()
	s := open(b, servertest.Postgres(b).Database(b), Options{Quota: -1})
	if _, err := s.Put(b.Context(), benchRecord(0, size, ttl, 0), store.PutSet); err != nil {
		b.Fatal(err)
	}
	for _, sql := range []string{
		fmt.Sprintf(`INSERT INTO {schema}.entries SELECT set_id, bucket, begun, created, expires, grace, dead, cost, size, fence, cleared, 0, present,
			sha256(i::text::bytea), entry, value, manifest FROM {schema}.entries, generate_series(1, %d) i`, n-1),
		`DELETE FROM {schema}.tallies`,
		`INSERT INTO {schema}.tallies SELECT set_id, bucket, 0, count(*), count(*), sum(size), get_byte(key, 0) & 7 FROM {schema}.entries
			GROUP BY set_id, bucket, get_byte(key, 0) & 7`,
		`ANALYZE {schema}.entries`,
	} {
		if err := s.exec(b.Context(), s.sql.in(sql)); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkPointRead compares Get with a prepared select of the same value by
// the same client: from the same pool, and on a connection of its own. The laps
// are interleaved and short, and the fastest tenth counts beside the median, so
// that other programs on the machine disturb the ratio little.
func BenchmarkPointRead(b *testing.B) {
	s := benchStore(b, benchEntries, 1024, time.Hour)
	ctx := b.Context()
	c, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())
	key := func(i int) store.Key {
		return sha256.Sum256(strconv.AppendInt(nil, int64(1+i*7919%(benchEntries-1)), 10))
	}
	const sql = `SELECT value FROM reprise.entries WHERE key = $1`
	raw := func(k store.Key) bool {
		var value []byte
		err := s.pool.QueryRow(ctx, sql, k[:]).Scan(&value)
		return err == nil && len(value) == 1024
	}
	alone := func(k store.Key) bool {
		var value []byte
		err := c.QueryRow(ctx, sql, k[:]).Scan(&value)
		return err == nil && len(value) == 1024
	}
	get := func(k store.Key) bool { l, err := s.Get(ctx, k); return err == nil && l.Found }
	const lap = 25
	laps := map[string][]float64{}
	for i := 0; b.Loop(); i += lap {
		for name, read := range map[string]func(store.Key) bool{"raw": raw, "alone": alone, "get": get} {
			start := time.Now()
			for j := range lap {
				if !read(key(i + j)) {
					b.Fatal(name, " did not find it")
				}
			}
			laps[name] = append(laps[name], float64(time.Since(start))/lap)
		}
	}
	for name, l := range laps {
		slices.Sort(l)
		b.ReportMetric(l[len(l)/10], name+"-p10-ns")
	}
	for _, than := range []string{"raw", "alone"} {
		b.ReportMetric(laps["get"][len(laps["get"])/10]/laps[than][len(laps[than])/10], "get/"+than+"-p10")
		b.ReportMetric(laps["get"][len(laps["get"])/2]/laps[than][len(laps[than])/2], "get/"+than+"-p50")
	}
}

// BenchmarkBump hides all entries; they are made visible again in between,
// untimed. REPRISE_TORTURE=1 adds the large sizes.
func BenchmarkBump(b *testing.B) {
	sizes := []int{1_000, 20_000}
	if os.Getenv("REPRISE_TORTURE") != "" {
		sizes = append(sizes, 100_000, 1_000_000)
	}
	for _, ttl := range []time.Duration{0, time.Hour} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("ttl=%v/%d", ttl, n), func(b *testing.B) {
				s := benchStore(b, n, 100, ttl)
				label := store.FunctionLabel(store.KindFunction, "execution_store", "pkg.Fn")
				for b.Loop() {
					r, err := s.Bump(b.Context(), label)
					if err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					if r.Entries != n {
						b.Fatal("hid", r.Entries)
					}
					if err := s.exec(b.Context(), s.sql.in("UPDATE {schema}.labels SET seq = 0")); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			})
		}
	}
}

// BenchmarkPut compares plain puts in both modes, by many goroutines.
func BenchmarkPut(b *testing.B) {
	for _, d := range []Durability{Relaxed, Full} {
		for _, parallel := range []int{1, 16} {
			b.Run(fmt.Sprintf("durability=%d/goroutines=%d", d, parallel), func(b *testing.B) {
				s := open(b, servertest.Postgres(b).Database(b), Options{Quota: -1, Durability: d})
				info, err := s.Info(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				work := make(chan int)
				done := make(chan error, parallel)
				for range parallel {
					go func() {
						for i := range work {
							if _, err := s.Put(b.Context(), benchRecord(i, 1024, time.Hour, info.Seq), store.PutPublish); err != nil {
								done <- err
								return
							}
						}
						done <- nil
					}()
				}
				for i := 0; b.Loop(); i++ {
					work <- i
				}
				close(work)
				for range parallel {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
