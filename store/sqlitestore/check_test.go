package sqlitestore

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/store"
)

func TestCheckFindsWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	s, err := Open(t.Context(), path, &Options{SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Path() != path {
		t.Errorf("path %q", s.Path())
	}
	for n := range 600 { // more than a tail
		rec := &store.Record{Key: store.Key{byte(n), byte(n >> 8)}, Begun: 1, Value: fmt.Append(nil, "value ", n)}
		if _, err := s.Put(t.Context(), rec, store.PutPublish); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Clear(t.Context(), store.Key{1}); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Check(t.Context()); err != nil || found != nil {
		t.Fatalf("a sound database: %q, %v", found, err)
	}
	err = s.write(t.Context(), "test", func(tx *txn) error {
		if err := tx.exec("UPDATE tallies SET entries = entries + 3"); err != nil {
			return err
		}
		return tx.exec("UPDATE entries SET size = size + 1 WHERE id = 5")
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Check(t.Context())
	if err != nil || len(found) != 2 || !strings.Contains(found[0], "tallies") || !strings.Contains(found[1], "bytes") {
		t.Errorf("sums that are off: %q, %v", found, err)
	}
}
