// Package flight lets identical calls in one process join one execution.
//
//	c, leader, err := g.Join(ctx, key, begun, current)
//	if err != nil { return … }            // recursive, closed, or ctx was done
//	if !leader { return c.Wait(ctx) }     // a follower: ErrAbandoned means join again
//	defer c.Abandon()                     // no-op after Finish or Go
//	if v, ok := quickLookup(); ok {
//		c.Finish(v, nil)                  // on the leader's own goroutine
//		return v, nil
//	}
//	c.Go(fn)                              // in a goroutine of its own
//	return c.Wait(ctx)
//
// # Whose context
//
// A caller's cancel is not the execution's. Each caller waits under its own
// ctx and leaves alone; the execution runs under Call.Context, which has the
// values of the leader's ctx but neither its deadline nor its cancellation,
// and ends when the last caller has left.
//
// # No deadlock
//
// A group knows which execution waits for which, because Call.Context carries
// the execution to the joins that are made within it. A join that would close
// a circle, directly, through other flights or across goroutines, gets
// ErrRecursive. Two groups know nothing of each other, so calls that may call
// each other belong in one group.
package flight
