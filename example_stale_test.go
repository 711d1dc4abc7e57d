package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
)

// With StaleOnError an expired result stands in for a function that fails, for
// a while.
func Example_staleOnError() {
	ctx := context.Background()
	now := time.Unix(0, 0)
	db := memstore.New(&memstore.Options{Now: func() time.Time { return now }}) // a clock to turn
	cache, _ := reprise.New(db, nil)
	defer cache.Close()

	down := false
	rate := reprise.MustWrap(cache, func(context.Context, string) (float64, error) {
		if down {
			return 0, errors.New("the bank does not answer")
		}
		return 1.09, nil
	}, &reprise.Options[string, float64]{Name: "rate", TTL: time.Hour, StaleOnError: 24 * time.Hour, Residency: reprise.Transient})

	rate.Call(ctx, "EUR")
	down = true
	now = now.Add(2 * time.Hour)
	r, err := rate.Do(ctx, "EUR")
	fmt.Println(r.Value, err, r.Outcome, r.Reason)
	fmt.Println(r.Err)
	now = now.Add(24 * time.Hour)
	_, err = rate.Do(ctx, "EUR")
	fmt.Println(err)
	// Output:
	// 1.09 <nil> hit-stale function-failed
	// the bank does not answer
	// the bank does not answer
}
