package reprise_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise"
)

// Results can be set, looked at and cleared one by one.
func ExampleFunc_Set() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	capital := reprise.MustWrap(cache, func(_ context.Context, country string) (string, error) { return "computed", nil },
		&reprise.Options[string, string]{Name: "capital"})

	if err := capital.Set(ctx, "Norway", "Oslo"); err != nil {
		fmt.Println(err)
	}
	s, _ := capital.Call(ctx, "Norway")
	fmt.Println(s)

	r, err := capital.Peek(ctx, "Norway") // never runs the function
	fmt.Println(r.Value, r.Outcome, err)
	if err := capital.Clear(ctx, "Norway"); err != nil {
		fmt.Println(err)
	}
	_, err = capital.Peek(ctx, "Norway")
	fmt.Println(errors.Is(err, reprise.ErrMiss))

	n, err := capital.ClearAll(ctx, nil)
	fmt.Println(n, err)
	// Output:
	// Oslo
	// Oslo hit-memory <nil>
	// true
	// 0 <nil>
}
