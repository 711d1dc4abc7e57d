package reprise_test

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// kept is a store that outlives the caches of this example, as a database
// does.
type kept struct{ store.Store }

func (kept) Close() error { return nil }

// Residency says where results live: in memory and the store, in the store
// only, or in memory only.
func Example_residency() {
	ctx := context.Background()
	db := kept{memstore.New(nil)}
	for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient, reprise.Ephemeral} {
		for range 2 { // the second time as after a restart of the program
			cache, _ := reprise.New(db, nil)
			square := reprise.MustWrap(cache, func(_ context.Context, n int) (int, error) { return n * n, nil },
				&reprise.Options[int, int]{Name: "square " + r.String(), Residency: r})
			first, _ := square.Do(ctx, 7)
			second, _ := square.Do(ctx, 7)
			fmt.Printf("%v: %v, %v\n", r, first.Outcome, second.Outcome)
			cache.Close()
		}
	}
	// Output:
	// hybrid: populated, hit-memory
	// hybrid: hit-store, hit-memory
	// transient: populated, hit-store
	// transient: hit-store, hit-store
	// ephemeral: populated, hit-memory
	// ephemeral: populated, hit-memory
}
