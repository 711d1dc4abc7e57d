package sqlitestore

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
)

func openTest(t *testing.T, o *Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "reprise.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A panic of the driver is an error of the call, and the next call has another
// connection.
func TestDriverPanics(t *testing.T) {
	s := openTest(t, &Options{SweepEvery: -1})
	ctx := t.Context()
	rec := &store.Record{Key: store.Key{1}, Value: []byte("v"), Begun: 1}
	if _, err := s.Put(ctx, rec, store.PutPublish); err != nil {
		t.Fatal(err)
	}
	for text, corrupt := range map[string]bool{"sqlite3: out of memory": false, "index out of range": true} {
		burst := func(c *conn) error { return c.each("SELECT 1", func(row) error { panic(text) }) }
		for what, err := range map[string]error{
			"write": s.write(ctx, "test", func(tx *txn) error { return burst(tx.conn) }),
			"read":  s.read(ctx, "test", burst),
		} {
			if err == nil || errors.Is(err, store.ErrCorrupt) != corrupt || !strings.Contains(err.Error(), text) {
				t.Errorf("%s = %v, want an error that tells of the panic, ErrCorrupt %t", what, err, corrupt)
			}
		}
	}
	for range 3 {
		if l, err := s.Get(ctx, rec.Key); err != nil || !l.Found {
			t.Errorf("Get afterwards = %+v, %v", l, err)
		}
		if _, err := s.Put(ctx, rec, store.PutSet); err != nil {
			t.Errorf("Put afterwards: %v", err)
		}
	}
}

// What a failed transaction made up does not live on in the maps of names.
func TestNamesOfFailedTransaction(t *testing.T) {
	s := openTest(t, &Options{SweepEvery: -1})
	ctx := t.Context()
	failed := errors.New("failed")
	a := labelSet{function: "a"}
	err := s.write(ctx, "test", func(tx *txn) error {
		if _, err := tx.set(a); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	for i, f := range []string{"b", "a"} {
		rec := &store.Record{Key: store.Key{byte(i)}, Labels: store.Labels{Function: f}}
		if _, err := s.Put(ctx, rec, store.PutSet); err != nil {
			t.Fatal(err)
		}
		if l, err := s.Get(ctx, rec.Key); err != nil || l.Record.Labels.Function != f {
			t.Errorf("entry of %s = %+v, %v", f, l, err)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	s := openTest(t, &Options{SweepEvery: -1, MaxValue: 10})
	for name, c := range map[string]struct {
		rec  store.Record
		mode store.PutMode
		want error
	}{
		"mode":     {mode: 9},
		"ttl":      {rec: store.Record{TTL: -1}},
		"grace":    {rec: store.Record{Grace: -1}},
		"begun":    {rec: store.Record{Begun: math.MaxUint64}},
		"fence":    {rec: store.Record{Fence: math.MaxUint64}},
		"value":    {rec: store.Record{Value: make([]byte, 11)}, want: store.ErrTooLarge},
		"manifest": {rec: store.Record{Manifest: make([]byte, maxSideBytes+1)}, want: store.ErrTooLarge},
		"tags":     {rec: store.Record{Labels: store.Labels{Tags: []string{strings.Repeat("x", maxSideBytes)}}}, want: store.ErrTooLarge},
	} {
		_, err := s.Put(t.Context(), &c.rec, c.mode)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ttl := -time.Second
	if _, err := s.Update(t.Context(), store.Key{}, store.Change{TTL: &ttl}); err == nil {
		t.Error("Update took a negative TTL")
	}
}

// Full durability takes the same paths as Relaxed, and syncs.
func TestFullDurability(t *testing.T) {
	s := openTest(t, &Options{SweepEvery: -1, Durability: Full, InlineBelow: 10})
	for _, size := range []int{5, 50} {
		rec := &store.Record{Key: store.Key{byte(size)}, Value: make([]byte, size)}
		if _, err := s.Put(t.Context(), rec, store.PutSet); err != nil {
			t.Fatal(err)
		}
		if l, err := s.Get(t.Context(), rec.Key); err != nil || len(l.Record.Value) != size {
			t.Errorf("Get = %+v, %v", l, err)
		}
	}
	if n, err := s.w.number("PRAGMA synchronous"); err != nil || n != 2 {
		t.Errorf("synchronous = %d, %v, want 2 (FULL)", n, err)
	}
}

// Replacing large values does not pile up files until the next sweep.
func TestReplacedFilesAreReaped(t *testing.T) {
	const quota, size = 1 << 20, 50 << 10
	s := openTest(t, &Options{SweepEvery: -1, InlineBelow: -1, Quota: quota})
	for i := range 100 {
		value := make([]byte, size)
		value[0] = byte(i)
		if _, err := s.Put(t.Context(), &store.Record{Key: store.Key{byte(i % 3)}, Value: value}, store.PutSet); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(s.path + ".values/??/*")
		if err != nil {
			t.Fatal(err)
		}
		if most := 3 + quota/slackShare/size + 1; len(files) > most {
			t.Fatalf("%d files after %d puts of three keys, want at most %d", len(files), i+1, most)
		}
	}
}

// A writer that waits for its turn goes away with its context, and one that
// waits for another process after BusyTimeout.
func TestWaitingForTheWriter(t *testing.T) {
	s := openTest(t, &Options{SweepEvery: -1, BusyTimeout: 20 * time.Millisecond})
	other, err := Open(t.Context(), s.path, &Options{SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	err = other.write(t.Context(), "test", func(*txn) error {
		_, err := s.Clear(t.Context(), store.Key{})
		if err == nil || !strings.Contains(err.Error(), "busy") || !strings.Contains(err.Error(), s.path) {
			t.Errorf("Clear while another process writes = %v, want that the database is busy", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.write(t.Context(), "test", func(*txn) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.Clear(ctx, store.Key{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Clear while another goroutine writes = %v, want DeadlineExceeded", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
