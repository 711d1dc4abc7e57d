package pgstore

import (
	"flag"
	"fmt"
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
	url := servertest.Postgres(t).Database(t)
	var opened sync.Map // store.Store to its schema
	start := func(t testing.TB, schema string, quota int64) store.Store {
		s := open(t, url, Options{Schema: schema, Quota: quota, Durability: d})
		opened.Store(store.Store(s), schema)
		return s
	}
	schemaOf := func(s store.Store) string { n, _ := opened.Load(s); return n.(string) }
	return storetest.Harness{
		Open: func(t testing.TB) store.Store { return start(t, freshSchema(), -1) },
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return start(t, schemaOf(s), -1)
		},
		Second: func(t testing.TB, s store.Store) store.Store { return start(t, schemaOf(s), -1) },
		Quota:  func(t testing.TB, quota int64) store.Store { return start(t, freshSchema(), quota) },
		Corrupt: func(t testing.TB, s store.Store, key store.Key, how storetest.Corruption) {
			corrupt(t, url, schemaOf(s), key, how)
		},
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

// Each of the model's runs makes a schema and connections, each of which plans
// all functions anew: so where nobody asks for more it makes fewer runs.
func TestConformance(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	if before := checks.String(); before == "100" {
		defer func() { checks.Set(before) }()
		if err := checks.Set("25"); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Run(t, harness(t, Relaxed))
}

func BenchmarkStore(b *testing.B) { storetest.Bench(b, harness(b, Relaxed)) }
