package inspect

import (
	"context"
	"sync"
	"sync/atomic"
)

// atOnce is how many operations are under way at a time on a store that is
// reached by a network, where each is mostly waiting.
const atOnce = 8

// together calls f for 0 to n-1, several at once unless the store is local,
// and returns the first error, after which it begins no more.
func together(ctx context.Context, n int, local bool, f func(ctx context.Context, k int) error) error {
	if local || n < 2 {
		for k := range n {
			if err := f(ctx, k); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(atOnce, n) {
		workers.Go(func() {
			for ctx.Err() == nil {
				k := int(next.Add(1)) - 1
				if k >= n {
					return
				}
				if err := f(ctx, k); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}
