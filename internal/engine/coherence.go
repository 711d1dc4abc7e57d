package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/store"
)

// coherence keeps what this process remembers in step with what others clear
// and set. While anyone calls, a goroutine looks at the store's changes every
// Config.Poll; the memory tier is trusted for Config.Trust after each look that
// succeeded, by a timer that a hanging store cannot stop. When nobody calls for
// a while the goroutine ends, trust lapses, and the next call begins with a
// look. A store that pushes changes shortens the wait, and is still polled.
type coherence struct {
	e    *Engine
	used atomic.Bool // somebody asked since the last look
	// listeners are subscriptions, for which looking never rests.
	listeners atomic.Int32
	mu        sync.Mutex // protects running, stop, expiry
	running   bool
	closed    bool
	stop      context.CancelFunc
	expiry    *time.Timer
	nudge     chan struct{}
	ended     sync.WaitGroup
	looking   chan struct{} // holds a token during a look: one at a time
	failures  atomic.Uint64 // looks that the store failed
	failure   error         // the last of these; guarded by looking
	hearers   hearers
}

// idlePolls is how many looks without a call in between end the polling.
const idlePolls = 10

func (c *coherence) init(e *Engine) {
	c.e = e
	c.nudge = make(chan struct{}, 1)
	c.looking = make(chan struct{}, 1)
	c.expiry = time.AfterFunc(time.Hour, func() { e.gens.SetTrusted(false) })
	c.expiry.Stop()
}

// touch notes that memory is in use, so that polling goes on.
func (e *Engine) touch() {
	if !e.watch.used.Load() {
		e.watch.used.Store(true)
	}
}

// revive makes the memory tier trusted again after an idle time, by a look at
// the store now. It reports whether that worked.
func (e *Engine) revive(ctx context.Context) bool {
	e.touch()
	if e.gens.Trusted() {
		return true
	}
	if e.sync(ctx) != nil {
		return false
	}
	return e.gens.Trusted()
}

// look waits until nobody else looks. Who waited for a look that the store
// failed fails with it: a hanging store costs each caller one timeout, not one
// for everybody who came before.
func (c *coherence) look(ctx context.Context) error {
	select {
	case c.looking <- struct{}{}:
		return nil
	default:
	}
	before := c.failures.Load()
	select {
	case c.looking <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c.failures.Load() == before {
		return nil
	}
	defer c.looked()
	return c.failure
}

func (c *coherence) looked() { <-c.looking }

// sync applies all changes since the last look.
func (e *Engine) sync(ctx context.Context) error {
	c := &e.watch
	if err := c.look(ctx); err != nil {
		return err
	}
	defer c.looked()
	since := e.gens.Seq()
	began := time.Now()
	var ch store.Changes
	err := e.ask(ctx, &e.looks, func(ctx context.Context) (err error) {
		ch, err = e.store.Changes(ctx, since)
		return err
	})
	if err != nil {
		if errors.Is(err, ErrStore) {
			c.failure = err
			c.failures.Add(1)
		}
		return err
	}
	e.apply(ch)
	c.trust(e.cfg.Trust - time.Since(began))
	return nil
}

// syncTo looks at the store only where seq is news.
func (e *Engine) syncTo(ctx context.Context, seq uint64) error {
	if e.gens.Seq() >= seq {
		return nil
	}
	return e.sync(ctx)
}

// apply takes changes over into both kinds of memory. Ephemeral values follow
// labels too: a dataset deleted elsewhere hides them as well.
func (e *Engine) apply(ch store.Changes) {
	first := e.gens.Seq() == 0
	e.gens.Apply(ch)
	if !first {
		for _, l := range ch.Labels {
			e.bumpLocal(l.Label)
		}
	}
	e.watch.hearers.tell(ch)
}

// bumpLocal hides the ephemeral values that carry l.
func (e *Engine) bumpLocal(l store.Label) {
	e.localMu.Lock()
	defer e.localMu.Unlock()
	seq := e.local.Seq() + 1
	e.local.Apply(store.Changes{Seq: seq, Labels: []store.LabelChange{{Label: l, Seq: seq}}})
}

// clearLocal hides the ephemeral value under key and returns the number of
// the clear.
func (e *Engine) clearLocal(key store.Key) uint64 {
	e.localMu.Lock()
	defer e.localMu.Unlock()
	seq := e.local.Seq() + 1
	e.local.Apply(store.Changes{Seq: seq, Keys: []store.KeyChange{{Key: key, Seq: seq}}})
	return seq
}

// trust lets the memory tier answer for d, and keeps the looks coming.
func (c *coherence) trust(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if d > 0 {
		c.expiry.Reset(d)
		c.e.gens.SetTrusted(true)
	}
	if !c.running {
		ctx, stop := context.WithCancel(context.Background())
		c.running, c.stop = true, stop
		c.ended.Add(1)
		go c.poll(ctx)
	}
}

func (c *coherence) poll(ctx context.Context) {
	defer c.ended.Done()
	push := c.push(ctx)
	defer push.Wait()
	tick := time.NewTicker(c.e.cfg.Poll)
	defer tick.Stop()
	for idle := 0; idle < idlePolls || !c.rest(); {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			idle++
		case <-c.nudge:
		}
		if c.used.Swap(false) || c.listeners.Load() > 0 {
			idle = 0
		}
		// A failed look needs no report: trust lapses by itself.
		_ = c.e.sync(ctx)
	}
}

// rest ends the polling of a cache that nobody uses, unless somebody has come
// to listen meanwhile.
func (c *coherence) rest() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listeners.Load() > 0 {
		return false
	}
	c.running = false
	c.stop()
	c.expiry.Stop()
	c.e.gens.SetTrusted(false)
	return true
}

// push turns a store's events into looks.
func (c *coherence) push(ctx context.Context) *sync.WaitGroup {
	var wg sync.WaitGroup
	w, ok := c.e.store.(store.Watcher)
	if !ok {
		return &wg
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			_ = w.Watch(ctx, c.hint, c.heard)
			select { // a broken watch is tried again, in no hurry: the poll goes on
			case <-ctx.Done():
			case <-time.After(c.e.cfg.Poll):
			}
		}
	})
	return &wg
}

// heard passes an event on: to the poll, and to those who wait for a lease.
func (c *coherence) heard(ev store.Event) {
	if c.e.leases != nil {
		c.e.leases.Wake(ev.Key)
	}
	c.hint()
}

func (c *coherence) hint() {
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}

func (c *coherence) close() {
	c.mu.Lock()
	c.closed = true
	if c.stop != nil {
		c.stop()
	}
	c.expiry.Stop()
	c.mu.Unlock()
	c.ended.Wait()
	c.e.gens.SetTrusted(false)
}
