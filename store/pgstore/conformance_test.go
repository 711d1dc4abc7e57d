package pgstore

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/storetest"
)

var schemas atomic.Int64

// freshSchema is one that no other store uses.
func freshSchema() string { return fmt.Sprintf("Re\"prise's %d", schemas.Add(1)) }

// open opens a store and closes it when t ends.
func open(t testing.TB, url string, o Options) *Store {
	t.Helper()
	if o.SweepEvery == 0 {
		o.SweepEvery = -1
	}
	s, err := Open(t.Context(), url, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// harness runs the suite on a real server: a schema for each store, in one
// database. The clock is the server's, so the suite uses short real times.
func harness(t testing.TB, d Durability) storetest.Harness {
	h := &schemaHarness{url: servertest.Postgres(t).Database(t), durability: d, stores: map[string][]*Store{}}
	return storetest.Harness{
		Open: func(t testing.TB) store.Store { return h.open(t, h.take(t), -1) },
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return h.open(t, s.(*Store).o.Schema, -1)
		},
		Second: func(t testing.TB, s store.Store) store.Store { return h.open(t, s.(*Store).o.Schema, -1) },
		Quota:  func(t testing.TB, quota int64) store.Store { return h.open(t, h.take(t), quota) },
		Corrupt: func(t testing.TB, s store.Store, key store.Key, how storetest.Corruption) {
			corrupt(t, h.url, s.(*Store).o.Schema, key, how)
		},
	}
}

// schemaHarness has the schemas of one database. To empty one whose stores are
// all closed takes a tenth of the time that making another takes.
type schemaHarness struct {
	url        string
	durability Durability

	mu     sync.Mutex
	stores map[string][]*Store // by schema; protected by mu
}

func (h *schemaHarness) open(t testing.TB, schema string, quota int64) store.Store {
	t.Helper()
	s := open(t, h.url, Options{Schema: schema, Quota: quota, Durability: h.durability, MaxValue: 2 << 20})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stores[schema] = append(h.stores[schema], s)
	return s
}

// take is the name of a schema that is empty, or not there yet.
func (h *schemaHarness) take(t testing.TB) string {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for schema, stores := range h.stores {
		if !slices.ContainsFunc(stores, func(s *Store) bool { return s.life.Err() == nil }) {
			delete(h.stores, schema)
			empty(t, h.url, schema)
			return schema
		}
	}
	return freshSchema()
}

// empty makes a schema as it was when it was made. Deleting rows leaves more
// behind than TRUNCATE does, which makes a file anew for each table and index.
func empty(t testing.TB, url, schema string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	err = pgx.BeginFunc(t.Context(), c, func(tx pgx.Tx) error {
		var script string
		err := tx.QueryRow(t.Context(), `SELECT string_agg(format('DELETE FROM %I.%I', schemaname, tablename), '; ') FROM pg_tables
			WHERE schemaname = $1 AND tablename <> 'reprise_schema'`, schema).Scan(&script)
		if err == nil {
			_, err = c.PgConn().Exec(t.Context(), script).ReadAll()
		}
		if err == nil {
			err = seed(t.Context(), tx, schema)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func corrupt(t testing.TB, url, schema string, key store.Key, how storetest.Corruption) {
	t.Helper()
	value := map[storetest.Corruption]string{
		storetest.FlipBit:  "set_bit(value, 4 * length(value), 1 - get_bit(value, 4 * length(value)))",
		storetest.Truncate: "substr(value, 1, length(value) / 2)",
		storetest.Lose:     "''",
	}[how]
	run(t, url, "UPDATE "+quote(schema)+".entries SET value = "+value+" WHERE key = $1", key[:])
}

// run executes SQL on a connection of its own.
func run(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, harness(t, Relaxed))
}

func BenchmarkStore(b *testing.B) { storetest.Bench(b, harness(b, Relaxed)) }
