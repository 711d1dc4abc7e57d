//go:build unix

package reprise_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/pgstore"
	"github.com/reprise-go/reprise/store/redisstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// mostOf opens the store at a URL with a limit for the size of a value.
func mostOf(t *testing.T, url string, most int64) (s store.Store) {
	t.Helper()
	var err error
	switch url[:5] {
	case "redis":
		s, err = redisstore.Open(t.Context(), url, &redisstore.Options{MaxValue: most})
	case "postg":
		s, err = pgstore.Open(t.Context(), url, &pgstore.Options{MaxValue: most})
	default:
		s, err = sqlitestore.Open(t.Context(), database(url), &sqlitestore.Options{MaxValue: most})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTooLargeValuesOnEveryStore: a value over the store's limit is returned
// and not stored; the result says so and how large the limit is. The store does
// not count as failing, and what was there stays.
func TestTooLargeValuesOnEveryStore(t *testing.T) {
	const most = 10_000
	onEveryStore(t, func(t *testing.T, url string) {
		c := over(t, mostOf(t, url, most), nil)
		for _, serialize := range []bool{false, true} {
			o := reprise.Options[int, []byte]{Name: fmt.Sprint("f", serialize), Version: "1", Residency: reprise.Transient, Serialize: serialize}
			f := wrap(t, c, func(_ context.Context, in int) ([]byte, error) { return noise(in, in), nil }, o)
			does(t, t.Context(), f, most-4000, reprise.Populated, reprise.Absent)
			for range 5 { // a failing store would be left in peace after three
				r := does(t, t.Context(), f, most+1, reprise.PutFailed, reprise.TooLarge)
				if !bytes.Equal(r.Value, noise(most+1, most+1)) || !errors.Is(r.Err, store.ErrTooLarge) || errors.Is(r.Err, reprise.ErrStore) {
					t.Errorf("a value of %d bytes; %v", len(r.Value), r.Err)
				}
				if !strings.Contains(fmt.Sprint(r.Err), "10000") {
					t.Errorf("the limit is not told: %v", r.Err)
				}
			}
			does(t, t.Context(), f, most-4000, reprise.HitStore, reprise.NoReason)
			says(t, f.Set(t.Context(), most-4000, noise(1, 2*most)), "set", "10000")
			does(t, t.Context(), f, most-4000, reprise.HitStore, reprise.NoReason)
		}
	})
}
