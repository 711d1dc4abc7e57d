package sqlitestore_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
	"github.com/reprise-go/reprise/store/storetest"
)

// clock moves only when told to, and by a microsecond at each look, so that no
// two records are made at the same time.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// harness runs the suite on real files. inline decides where values live.
func harness(inline int) storetest.Harness {
	c := newClock()
	paths := sync.Map{} // store.Store to path
	open := func(t testing.TB, path string, quota int64) store.Store {
		t.Helper()
		s, err := sqlitestore.Open(t.Context(), path, &sqlitestore.Options{
			Now: c.Now, InlineBelow: inline, Quota: quota, SweepEvery: -1,
		})
		if err != nil {
			t.Fatal(err)
		}
		paths.Store(store.Store(s), path)
		t.Cleanup(func() { s.Close() })
		return s
	}
	pathOf := func(s store.Store) string { p, _ := paths.Load(s); return p.(string) }
	fresh := func(t testing.TB) string { return filepath.Join(t.TempDir(), "reprise.db") }
	return storetest.Harness{
		Open: func(t testing.TB) store.Store { return open(t, fresh(t), -1) },
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, pathOf(s), -1)
		},
		Second:  func(t testing.TB, s store.Store) store.Store { return open(t, pathOf(s), -1) },
		Advance: c.Advance,
		Quota:   func(t testing.TB, quota int64) store.Store { return open(t, fresh(t), quota) },
		Corrupt: func(t testing.TB, s store.Store, key store.Key, how storetest.Corruption) {
			corrupt(t, pathOf(s), key, how)
		},
	}
}

// corrupt damages the value in its file or, through a connection of its own,
// in its row.
func corrupt(t testing.TB, path string, key store.Key, how storetest.Corruption) {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	hash, value := rowOf(t, db, key)
	if len(hash) > 0 {
		corruptFile(t, filepath.Join(path+".values", fmt.Sprintf("%x", hash[:1]), fmt.Sprintf("%x", hash[1:])), how)
		return
	}
	switch how {
	case storetest.FlipBit:
		value[len(value)/2] ^= 1
	case storetest.Truncate:
		value = value[:len(value)/2]
	case storetest.Lose:
		value = nil
	}
	st, _, err := db.Prepare("UPDATE entries SET value = ? WHERE key = ?")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	st.BindBlob(1, value)
	st.BindBlob(2, key[:])
	if err := st.Exec(); err != nil {
		t.Fatal(err)
	}
}

func rowOf(t testing.TB, db *sqlite3.Conn, key store.Key) (hash, value []byte) {
	t.Helper()
	st, _, err := db.Prepare("SELECT file, value FROM entries WHERE key = ?")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	st.BindBlob(1, key[:])
	if !st.Step() {
		t.Fatal("no such entry", st.Err())
	}
	return bytes.Clone(st.ColumnRawBlob(0)), bytes.Clone(st.ColumnRawBlob(1))
}

func corruptFile(t testing.TB, path string, how storetest.Corruption) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch how {
	case storetest.Lose:
		err = os.Remove(path)
	case storetest.FlipBit:
		b[len(b)/2] ^= 1
		err = os.WriteFile(path, b, 0o600)
	case storetest.Truncate:
		err = os.WriteFile(path, b[:len(b)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// histories has random tests make fewer runs than rapid would, except in a
// nightly run: each of their steps goes through all rows.
func histories(t *testing.T, n int) {
	t.Helper()
	if os.Getenv("REPRISE_TORTURE") == "1" {
		return
	}
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	t.Cleanup(func() { _ = checks.Set(before) })
	if err := checks.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	histories(t, 25)
	storetest.Run(t, harness(0))
}

// Every value in a file. Files are slow.
func TestConformanceFiles(t *testing.T) {
	histories(t, 8)
	storetest.Run(t, harness(-1))
}

func BenchmarkStore(b *testing.B) { storetest.Bench(b, harness(0)) }
