package lease

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Coordinator acquires leases from one store. All methods are safe for
// concurrent use; leases exclude each other among all who share the store,
// within this process too. Make one with New.
type Coordinator struct {
	leaser store.Leaser
	opts   Options
	pace   atomic.Pointer[pace]
	jitter func() float64 // in [0, 1)
	bells  bells

	life context.Context // ends with Close
	end  context.CancelCauseFunc
	work sync.WaitGroup // what Close waits for; grows only under mu

	mu     sync.Mutex
	closed bool                // protected by mu
	held   map[*Lease]struct{} // protected by mu
}

// New returns a Coordinator for the leases of l, which must not be nil. It
// starts no goroutine; leases and failed attempts do, and Close ends those.
func New(l store.Leaser, o Options) *Coordinator {
	c := &Coordinator{
		leaser: l,
		opts:   o.withDefaults(),
		jitter: rand.Float64,
		held:   make(map[*Lease]struct{}),
	}
	c.SetPoll(c.opts.PollMin, c.opts.PollMax)
	c.life, c.end = context.WithCancelCause(context.Background())
	return c
}

// pace is how often waiters look.
type pace struct{ min, max time.Duration }

// SetPoll changes Options.PollMin and PollMax, with the same meaning, for
// pauses that begin from now on: what kind of store it is may show late.
func (c *Coordinator) SetPoll(shortest, longest time.Duration) {
	o := Options{PollMin: shortest, PollMax: longest}.withDefaults()
	c.pace.Store(&pace{o.PollMin, o.PollMax})
}

// Close refuses new acquires, ends the waits under way with ErrClosed,
// releases all leases held, without a cool-down, cancels their contexts, and
// waits for its goroutines. The store is asked for Timeout at most. Closing
// again waits again.
func (c *Coordinator) Close() {
	c.mu.Lock()
	c.closed = true
	held := make([]*Lease, 0, len(c.held))
	for l := range c.held {
		held = append(held, l)
	}
	c.mu.Unlock()
	c.end(ErrClosed)
	var releases sync.WaitGroup
	for _, l := range held {
		releases.Go(func() { l.shut() })
	}
	releases.Wait()
	c.work.Wait()
}

// begin makes Close wait for the caller, until it calls c.work.Done. It
// refuses after Close.
func (c *Coordinator) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.work.Add(1)
	return true
}

// inBackground runs f, which must be bounded, without holding up the caller.
// After Close it does hold it up: nothing may outlast that.
func (c *Coordinator) inBackground(f func()) {
	if !c.begin() {
		f()
		return
	}
	go func() {
		defer c.work.Done()
		f()
	}()
}

// register refuses after Close, which would not know of l.
func (c *Coordinator) register(l *Lease) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.held[l] = struct{}{}
	return true
}

func (c *Coordinator) forget(l *Lease) {
	c.mu.Lock()
	delete(c.held, l)
	c.mu.Unlock()
}

// untilClosed is ctx, ended by Close too.
func (c *Coordinator) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.life, func() { cancel(context.Cause(c.life)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// attempts is how often an operation is tried that fails in a way that may
// pass, such as a lost reply.
const attempts = 3

// retry calls op until it succeeds or fails for good. It gives up after three
// failures, and begins no attempt later than twice Timeout after the first:
// a store that hangs is asked twice.
func (c *Coordinator) retry(ctx context.Context, timeout time.Duration, op func(context.Context) error) error {
	began := time.Now()
	for n := 1; ; n++ {
		err := bounded(ctx, timeout, op)
		switch {
		case err == nil || isFinal(err):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case n == attempts || time.Since(began) >= 2*c.opts.Timeout:
			return err
		}
		if _, err := sleep(ctx, nil, c.backoff(n-1)); err != nil {
			return err
		}
	}
}

// bounded calls op with a deadline.
func bounded(ctx context.Context, timeout time.Duration, op func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return op(ctx)
}
