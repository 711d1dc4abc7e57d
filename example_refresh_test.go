package reprise_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
)

// With RefreshAfter nobody waits for a new result: who hits an old one gets
// it, and a refresh begins behind his back.
func Example_refreshAhead() {
	ctx := context.Background()
	var passed atomic.Int64 // on a clock to turn
	db := memstore.New(&memstore.Options{Now: func() time.Time { return time.Unix(0, passed.Load()) }})
	cache, _ := reprise.New(db, nil)
	defer cache.Close()

	var version atomic.Int32
	config := reprise.MustWrap(cache, func(context.Context, string) (int32, error) { return version.Add(1), nil },
		&reprise.Options[string, int32]{Name: "config", RefreshAfter: time.Minute, TTL: time.Hour, Residency: reprise.Transient})

	r, _ := config.Do(ctx, "app")
	fmt.Println(r.Value, r.Outcome)
	passed.Add(int64(2 * time.Minute))
	r, _ = config.Do(ctx, "app")
	fmt.Println(r.Value, r.Outcome, r.Reason)
	for r.Outcome == reprise.HitStale { // soon
		r, _ = config.Do(ctx, "app")
	}
	fmt.Println(r.Value, r.Outcome)
	// Output:
	// 1 populated
	// 1 hit-stale refresh-due
	// 2 hit-store
}
