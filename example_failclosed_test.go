package reprise_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// A failing store does not fail a call, unless the function is so costly that
// running it uncached would be worse.
func Example_failClosed() {
	ctx := context.Background()
	faults := storetest.NewFaulty(memstore.New(nil)) // a store that fails when told to
	cache, _ := reprise.New(faults.Store(), nil)
	defer cache.Close()

	for _, policy := range []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed} {
		bill := reprise.MustWrap(cache, func(_ context.Context, n int) (string, error) { return "ran", nil },
			&reprise.Options[int, string]{Name: "bill " + policy.String(), OnStoreError: policy})
		faults.Fail(storetest.MethodGet, 1, errors.New("connection refused"))
		r, err := bill.Do(ctx, 1)
		fmt.Printf("%v: %q, %v (%v)\n", policy, r.Value, r.Outcome, r.Reason)
		fmt.Println(errors.Is(err, reprise.ErrStore))
	}
	// Output:
	// fail-open: "ran", lookup-failed (store-error)
	// false
	// fail-closed: "", failed (store-error)
	// true
}
