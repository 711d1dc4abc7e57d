package reprise_test

import (
	"context"
	"fmt"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
)

// A result is valid for TTL, or for as long as TTLFunc says, in every tier.
func Example_ttl() {
	ctx := context.Background()
	now := time.Date(2030, time.January, 1, 12, 0, 0, 0, time.UTC)
	db := memstore.New(&memstore.Options{Now: func() time.Time { return now }}) // a clock to turn
	cache, _ := reprise.New(db, nil)
	defer cache.Close()

	price := reprise.MustWrap(cache, func(_ context.Context, ticker string) (float64, error) { return 42, nil },
		&reprise.Options[string, float64]{
			Name:      "price",
			TTL:       time.Hour,
			Residency: reprise.Transient, // memory follows the real clock
			TTLFunc: func(p float64) time.Duration {
				if p == 0 {
					return -1 // nothing to keep
				}
				return 0 // TTL it is
			},
		})

	r, _ := price.Do(ctx, "GO")
	fmt.Println(r.Outcome, "until", r.Expires.Format(time.Kitchen))
	now = now.Add(59 * time.Minute)
	r, _ = price.Do(ctx, "GO")
	fmt.Println(r.Outcome)
	now = now.Add(time.Minute)
	r, _ = price.Do(ctx, "GO")
	fmt.Println(r.Outcome, "because", r.Reason)
	// Output:
	// populated until 1:00PM
	// hit-store
	// populated because expired
}
