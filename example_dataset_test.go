package reprise_test

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise"
)

// Results belong to the dataset that a call runs for, and go with it.
func ExampleCache_DeleteDataset() {
	cache, _ := reprise.Open(context.Background(), "memory:", nil)
	defer cache.Close()

	count := reprise.MustWrap(cache, func(ctx context.Context, label string) (int, error) { return len(label), nil },
		&reprise.Options[string, int]{Name: "count"})
	cats := reprise.WithExecution(context.Background(), reprise.Execution{Dataset: "cats"})
	dogs := reprise.WithExecution(context.Background(), reprise.Execution{Dataset: "dogs"})
	for _, ctx := range []context.Context{cats, dogs} {
		r, _ := count.Do(ctx, "tail")
		fmt.Println(r.Outcome)
	}

	n, err := cache.DeleteDataset(cats, "cats")
	fmt.Println(n, err)
	for _, ctx := range []context.Context{cats, dogs} {
		r, _ := count.Do(ctx, "tail")
		fmt.Println(r.Outcome)
	}
	// Output:
	// populated
	// populated
	// 1 <nil>
	// populated
	// hit-memory
}
