package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise"
)

// An execution store keeps what a program wants to find again, rather than
// what it could compute again.
func ExampleCache_ExecutionStore() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	jobs, err := cache.ExecutionStore("jobs", nil)
	if err != nil {
		fmt.Println(err)
	}
	events := make(chan reprise.Event, 10)
	stop, err := jobs.Subscribe(ctx, func(e reprise.Event) { events <- e })
	if err != nil {
		fmt.Println(err)
	}
	defer stop()

	type progress struct{ Done, Total int }
	jobs.Set(ctx, "import/1", progress{3, 10}, nil)
	jobs.Set(ctx, "import/2", progress{0, 5}, &reprise.SetOptions{TTL: time.Hour, Policy: reprise.Evict})

	var p progress
	err = jobs.Get(ctx, "import/1", &p)
	fmt.Println(p, err)
	keys, _ := jobs.ListKeys(ctx, "import/")
	fmt.Println(keys)

	jobs.Delete(ctx, "import/1")
	fmt.Println(errors.Is(jobs.Get(ctx, "import/1", &p), reprise.ErrMiss))
	n, _ := jobs.ClearCache(ctx) // what may be given up
	fmt.Println(n)
	for range 4 {
		e := <-events
		fmt.Println(e.Type, e.Key)
	}
	// Output:
	// {3 10} <nil>
	// [import/1 import/2]
	// true
	// 1
	// changed import/1
	// changed import/2
	// deleted import/1
	// deleted import/2
}
