package flight

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
)

// Call is one execution, or the quick look that may spare it, and those who
// wait for it. All methods are safe for concurrent use.
type Call[V any] struct {
	group  *Group[V]
	key    Key
	origin context.Context // the leader's
	begun  atomic.Uint64

	// The rest is protected by group.mu, except that value, err, panicked and
	// exited may be read once finished was seen true.
	ctx        context.Context // of the execution; made when first asked for
	cancel     context.CancelCauseFunc
	cause      error         // why the execution was cancelled; nil while it was not
	done       chan struct{} // made by the first who has to wait; closed when finished
	settled    bool          // Finish, Go or Abandon was called
	detached   bool          // the leader does not wait
	finished   bool
	value      V
	err        error
	panicked   *PanicError
	exited     bool // by runtime.Goexit
	waiters    int
	waitedBy   []*Call[V] // executions with callers that wait for this one
	visited    uint64
	prev, next *Call[V] // flights under way
}

// Begun is the sequence number noted for the execution's begin.
func (c *Call[V]) Begun() uint64 { return c.begun.Load() }

// SetBegun notes the sequence number that is current as the leader sees it.
// The leader calls it before the execution begins, never after: followers
// judge by it whether the result will do for them.
func (c *Call[V]) SetBegun(seq uint64) { c.begun.Store(seq) }

// Waiters is the number of callers that have joined, the leader included, and
// have not left. Those who got their result have not left.
func (c *Call[V]) Waiters() int {
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	return c.waiters
}

// Context is what the execution runs under: the values of the leader's ctx
// without its cancellation and deadline. It is cancelled when the last caller
// has left (the cause wraps ErrNoWaiters), when Close gives up waiting
// (ErrClosed), and after the end. Calls that the execution makes must carry
// it, or recursion is not recognised.
func (c *Call[V]) Context() context.Context {
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	return c.context()
}

// context is Context with mu held.
func (c *Call[V]) context() context.Context {
	if c.ctx == nil {
		values := context.WithValue(context.WithoutCancel(c.origin), chainKey[V]{c.group}, c)
		c.ctx, c.cancel = context.WithCancelCause(values)
		if c.cause != nil || c.finished {
			c.cancel(c.cause)
		}
	}
	return c.ctx
}

// Finish completes the call on the leader's goroutine. Every follower's Wait
// returns v and err, so an error that concerns the leader alone, such as its
// own cancelled ctx, calls for Abandon instead. After Finish, Go or Abandon it
// does nothing.
func (c *Call[V]) Finish(v V, err error) {
	if c.settle() {
		c.end(outcome[V]{value: v, err: err})
	}
}

// Abandon ends a call that was neither finished nor started; its followers get
// ErrAbandoned and join again. After Finish or Go it does nothing: leaders
// defer it, so that a panic between Join and Go strands nobody.
func (c *Call[V]) Abandon() {
	if c.settle() {
		c.end(outcome[V]{err: ErrAbandoned})
	}
}

// Detach says that the leader, having called Go, will not Wait: the execution
// goes on without it and is not cancelled when all others leave. A result that
// nobody waits for is dropped, a panic with it.
func (c *Call[V]) Detach() {
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	if !c.detached {
		c.detached = true
		c.leftBy(c.group.within(c.origin))
	}
}

// Wait returns the result of the call. Where ctx is done before that, this
// caller leaves with the cause of ctx while the others go on; the last one to
// leave cancels the execution. Where the function panicked, Wait panics with a
// *PanicError; where it called runtime.Goexit, so does Wait. A leader calls
// Wait only after Go, a follower once.
func (c *Call[V]) Wait(ctx context.Context) (V, error) {
	if done := c.completion(); done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			if err := c.leave(ctx); err != nil {
				var zero V
				return zero, err
			}
		}
	}
	if c.panicked != nil {
		panic(c.panicked)
	}
	if c.exited {
		runtime.Goexit()
	}
	return c.value, c.err
}

// Leave takes a follower out that will not Wait, or not any longer, for the
// reason given. The last one to leave cancels the execution. ctx is the one
// that the follower joined with.
func (c *Call[V]) Leave(ctx context.Context, why error) {
	gone, cancel := context.WithCancelCause(ctx)
	cancel(why)
	_ = c.leave(gone)
}

// completion is a channel that is closed at the end, nil where that was.
func (c *Call[V]) completion() <-chan struct{} {
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	if c.finished {
		return nil
	}
	if c.done == nil {
		c.done = make(chan struct{})
	}
	return c.done
}

// leave takes a caller whose ctx is done out and returns why it left: nil
// where the result came first after all.
func (c *Call[V]) leave(ctx context.Context) error {
	cause := context.Cause(ctx)
	c.group.mu.Lock()
	if c.finished {
		c.group.mu.Unlock()
		return nil
	}
	c.waiters--
	c.leftBy(c.group.within(ctx))
	var cancel context.CancelCauseFunc
	if c.waiters == 0 && c.cause == nil {
		// Nobody may join what is about to be cancelled.
		c.group.retire(c)
		c.cause = fmt.Errorf("%w: %w", ErrNoWaiters, cause)
		cancel = c.cancel
	}
	why := c.cause
	c.group.mu.Unlock()
	if cancel != nil {
		cancel(why)
	}
	return cause
}
