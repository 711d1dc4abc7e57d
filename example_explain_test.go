package reprise_test

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise"
)

// Explain says why a call would miss: what the nearest result has that the
// call has not.
func ExampleFunc_Explain() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	type query struct {
		Text   string
		Limit  int
		APIKey string `reprise:"private"` // counts, and is never shown
	}
	find := reprise.MustWrap(cache, func(context.Context, query) ([]string, error) { return nil, nil },
		&reprise.Options[query, []string]{Name: "find"})
	find.Call(ctx, query{"gophers", 10, "k1"})

	x, err := find.Explain(ctx, query{"gophers", 20, "k2"})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(x.Hit, x.Reason)
	for _, d := range x.Nearest.Differences {
		fmt.Println(d)
	}
	// Output:
	// false absent
	// input.APIKey: changed (private)
	// input.Limit: 10 → 20
}
