package flight

import "context"

// outcome is how an execution ended.
type outcome[V any] struct {
	value    V
	err      error
	panicked *PanicError
	exited   bool
}

// Go runs fn in a goroutine of its own, under Context. Panics and
// runtime.Goexit reach every caller. Where the execution was cancelled before
// it began, because the group was closed, fn does not run and callers get the
// cause. After Finish, Go or Abandon it does nothing.
func (c *Call[V]) Go(fn func(ctx context.Context) (V, error)) {
	if !c.settle() {
		return
	}
	c.group.mu.Lock()
	ctx, cause := c.context(), c.cause
	c.group.mu.Unlock()
	if cause != nil {
		c.end(outcome[V]{err: cause})
		return
	}
	go c.run(ctx, fn)
}

func (c *Call[V]) run(ctx context.Context, fn func(ctx context.Context) (V, error)) {
	var out outcome[V]
	attempted := false
	defer func() {
		// Goexit runs the deferred functions and nothing after them, so it is
		// told apart by where it left off. recover's result would not do:
		// GODEBUG=panicnil=1 makes that of panic(nil) the same as none.
		if !attempted {
			out = outcome[V]{exited: true}
		}
		c.end(out)
	}()
	out = attempt(ctx, fn)
	attempted = true
}

// attempt returns where fn returned or panicked, and not where it called
// runtime.Goexit.
func attempt[V any](ctx context.Context, fn func(ctx context.Context) (V, error)) (out outcome[V]) {
	returned := false
	defer func() {
		if !returned {
			out = outcome[V]{panicked: newPanicError(recover())}
		}
	}()
	out.value, out.err = fn(ctx)
	returned = true
	return out
}

// settle lets the first of Finish, Go and Abandon decide.
func (c *Call[V]) settle() bool {
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	first := !c.settled
	c.settled = true
	return first
}

// end completes the call and takes it off the group's list.
func (c *Call[V]) end(out outcome[V]) {
	c.group.mu.Lock()
	c.complete(out)
	c.group.land(c)
	cancel := c.cancel
	c.group.mu.Unlock()
	if cancel != nil {
		cancel(context.Canceled)
	}
}

// complete gives every caller the outcome, unless they have one already. It
// is called with mu held.
func (c *Call[V]) complete(out outcome[V]) {
	if c.finished {
		return
	}
	c.value, c.err, c.panicked, c.exited = out.value, out.err, out.panicked, out.exited
	c.finished = true
	c.waitedBy = nil
	c.group.retire(c)
	if c.done != nil {
		close(c.done)
	}
}
