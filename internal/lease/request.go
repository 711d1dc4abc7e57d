package lease

import (
	"context"
	"time"

	"github.com/reprise-go/reprise/store"
)

// request is one question for a lease. Who asked may leave; the request goes
// on until its deadline. One that is called off may reach the store all the
// same, and later than what takes it back: then nobody would hold the lease.
type request struct {
	done     chan struct{}
	grant    store.Grant // valid when done, as are err and panicked
	err      error
	panicked any
}

// request asks, for timeout at most.
func (c *Coordinator) request(ctx context.Context, timeout time.Duration, key store.Key, owner store.Owner, ttl time.Duration) *request {
	r := &request{done: make(chan struct{})}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	c.inBackground(func() {
		defer cancel()
		defer close(r.done)
		defer func() { r.panicked = recover() }()
		r.grant, r.err = c.leaser.Acquire(own, key, owner, ttl)
	})
	return r
}

// answer waits for the store's answer, or for the end of ctx. A panic of the
// driver is the caller's.
func (r *request) answer(ctx context.Context) (store.Grant, error) {
	select {
	case <-r.done:
	case <-ctx.Done():
		return store.Grant{}, ctx.Err()
	}
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.grant, r.err
}
