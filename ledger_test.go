package reprise_test

import (
	"context"
	"errors"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// ledgerStore keeps a store open after its cache was closed.
func ledgerStore(t *testing.T) *memstore.Store {
	t.Helper()
	s := memstore.New(nil)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// pagesIn counts the entries of the savings ledger.
func pagesIn(t *testing.T, s store.Store) int {
	t.Helper()
	totals, err := s.Count(context.Background(), ledger.Query(""))
	if err != nil {
		t.Fatal(err)
	}
	return totals.Entries
}

// TestLedgerIsFiledAtClose: what a process did is in the store when it has
// closed its cache, unless it wanted none of that.
func TestLedgerIsFiledAtClose(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   reprise.Config
		calls int
		pages int
	}{
		"calls": {calls: 3, pages: 1}, "no calls": {}, "no ledger": {cfg: reprise.Config{LedgerInterval: -1}, calls: 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := ledgerStore(t)
			cache, err := reprise.New(unowned{s, s, s}, &c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			fn, _ := counting[int]()
			f := wrap(t, cache, fn, reprise.Options[int, int]{})
			for i := range c.calls {
				_ = call(t, t.Context(), f, i)
			}
			closeNow(t, cache)
			if n := pagesIn(t, s); n != c.pages {
				t.Errorf("%d pages, want %d", n, c.pages)
			}
		})
	}
}

// TestLedgerIsNobodyElses: programs cannot write into its collection.
func TestLedgerIsNobodyElses(t *testing.T) {
	c := open(t, "memory:")
	_, err := reprise.Wrap(c, func(context.Context, int) (int, error) { return 0, nil },
		&reprise.Options[int, int]{Name: "f", Version: "1", Collection: "reprise"})
	says(t, err, "Collection", "reprise's own entries")
	_, err = c.ExecutionStore("ledger", &reprise.ExecutionStoreOptions{Collection: "reprise"})
	says(t, err, "Collection", "own entries")
	if errors.Is(err, reprise.ErrStore) {
		t.Error("a refusal is no failure of the store")
	}
}
