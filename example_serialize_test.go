package reprise_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/reprise-go/reprise"
)

// With Serialize one of many processes runs, and the rest wait for its result.
// Two caches on one file stand for two processes here.
func Example_serialize() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "serialize")
	defer os.RemoveAll(dir)

	var runs atomic.Int32
	train := func(_ context.Context, model string) (string, error) {
		runs.Add(1)
		return model + ", trained", nil
	}
	var processes sync.WaitGroup
	var results [2]string
	for i := range results {
		cache, err := reprise.Open(ctx, "sqlite:"+filepath.Join(dir, "cache.db"), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer cache.Close()
		cached := reprise.MustWrap(cache, train, &reprise.Options[string, string]{Name: "train", Serialize: true})
		processes.Go(func() { results[i], _ = cached.Call(ctx, "gopher") })
	}
	processes.Wait()
	fmt.Println(results, "in", runs.Load(), "run")
	// Output: [gopher, trained gopher, trained] in 1 run
}
