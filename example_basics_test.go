package reprise_test

import (
	"context"
	"fmt"
	"log"

	"github.com/reprise-go/reprise"
)

// Query is an input: all its exported fields count.
type Query struct {
	City string
	Days int
}

// forecast is expensive. It has a name of its own, so results need none.
func forecast(_ context.Context, q Query) (string, error) {
	fmt.Println("computing")
	return fmt.Sprintf("%d fine days in %s", q.Days, q.City), nil
}

// Wrap a function once, and call the result in its place.
func ExampleWrap() {
	ctx := context.Background()
	cache, err := reprise.Open(ctx, "memory:", nil) // "" opens the embedded store
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()

	cached, err := reprise.Wrap(cache, forecast, nil)
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		s, err := cached.Call(ctx, Query{"Oslo", 3})
		fmt.Println(s, err)
	}
	// Output:
	// computing
	// 3 fine days in Oslo <nil>
	// 3 fine days in Oslo <nil>
	// 3 fine days in Oslo <nil>
}
