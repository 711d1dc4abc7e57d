package lease

import (
	"context"
	"sync"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Wake tells waiters of key (nil: all waiters) to look again now, because the
// store said that something changed. It is a hint: too many cost a look each,
// at most one per 5 ms and waiter, and too few cost time. It returns at once.
func (c *Coordinator) Wake(key *store.Key) {
	if key == nil {
		c.bells.ringAll()
		return
	}
	c.bells.ring(*key)
}

// bells wake waiters, one bell a key. The zero value is ready to use.
type bells struct {
	mu    sync.Mutex
	byKey map[store.Key]*bell // protected by mu; those with listeners
}

type bell struct {
	listeners int
	rung      chan struct{} // closed by the next ring, and replaced
}

// join makes a listener of the caller, until it leaves.
func (b *bells) join(key store.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byKey == nil {
		b.byKey = make(map[store.Key]*bell)
	}
	if b.byKey[key] == nil {
		b.byKey[key] = &bell{rung: make(chan struct{})}
	}
	b.byKey[key].listeners++
}

func (b *bells) leave(key store.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byKey[key].listeners--; b.byKey[key].listeners == 0 {
		delete(b.byKey, key)
	}
}

// next is closed by the next ring. A listener takes it before it looks, so
// that a ring while it looks is not lost.
func (b *bells) next(key store.Key) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byKey[key].rung
}

func (b *bells) ring(key store.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bell := b.byKey[key]; bell != nil {
		bell.ring()
	}
}

func (b *bells) ringAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bell := range b.byKey {
		bell.ring()
	}
}

func (b *bell) ring() {
	close(b.rung)
	b.rung = make(chan struct{})
}

// backoff is the pause after the n-th look, the first being 0.
func (c *Coordinator) backoff(n int) time.Duration {
	p := c.pace.Load()
	d := p.max
	if n < 32 && p.min<<n>>n == p.min {
		d = min(d, p.min<<n)
	}
	return d/2 + c.random(d/2)
}

func (c *Coordinator) random(below time.Duration) time.Duration {
	return time.Duration(c.jitter() * float64(below))
}

// pause is how long to wait after the n-th look, which was answered with g.
// Where what is in the way ends sooner, waiters come a random moment later, so
// that they do not come all at once.
func (c *Coordinator) pause(n int, g store.Grant) time.Duration {
	d := c.backoff(n)
	if g.Cooling {
		d = 2 * c.pace.Load().max // until then only a Set can bring the result
	}
	if g.Left < d {
		d = g.Left + c.random(c.pace.Load().min)
	}
	return max(d, minPause)
}

// wait lasts for d, or until rung, or until ctx ends, whose cause it returns.
// The next look comes no sooner than a spacing after the last, which was at
// looked: a busy store may ring at each of its writes.
func (c *Coordinator) wait(ctx context.Context, rung <-chan struct{}, d time.Duration, looked time.Time) error {
	woken, err := sleep(ctx, rung, d)
	if woken {
		_, err = sleep(ctx, nil, min(c.pace.Load().min, maxSpacing)-time.Since(looked))
	}
	return err
}

// sleep lasts for d, or until rung, or until ctx ends, whose cause it returns.
func sleep(ctx context.Context, rung <-chan struct{}, d time.Duration) (woken bool, err error) {
	if d <= 0 {
		return false, nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return false, nil
	case <-rung:
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
