package reprise_test

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise"
)

// A mode changes how one call, or with REPRISE_MODE a whole program, uses the
// cache.
func ExampleWithMode() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	runs := 0
	report := reprise.MustWrap(cache, func(context.Context, string) (int, error) { runs++; return runs, nil },
		&reprise.Options[string, int]{Name: "report"})
	for _, m := range []reprise.Mode{reprise.ReadOnly, reprise.Use, reprise.Use, reprise.Off, reprise.Use, reprise.Refresh, reprise.Use} {
		r, _ := report.Do(reprise.WithMode(ctx, m), "May")
		fmt.Printf("%v: run %d, %v\n", m, r.Value, r.Outcome)
	}
	// Output:
	// read-only: run 1, bypassed
	// use: run 2, populated
	// use: run 2, hit-memory
	// off: run 3, bypassed
	// use: run 2, hit-memory
	// refresh: run 4, refreshed
	// use: run 4, hit-memory
}
