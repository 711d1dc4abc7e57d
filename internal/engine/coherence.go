package engine

import (
	"context"
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
// When its watch breaks, memory is not trusted until another watch is ready,
// whatever the looks find: the short wait is what its users count on.
type coherence struct {
	e    *Engine
	used atomic.Bool // somebody asked since the last look
	// listeners are subscriptions, for which looking never rests.
	listeners atomic.Int32
	mu        sync.Mutex // protects what follows, to expiry
	running   bool
	deaf      bool // the watch broke, and no other is ready
	closed    bool
	stop      context.CancelFunc
	expiry    *time.Timer
	nudge     chan struct{}
	ended     sync.WaitGroup
	looks     looks
	hearers   hearers
	mute      atomic.Bool // Logger knows that the store cannot push
}

// idlePolls is how many looks without a call in between end the polling.
const idlePolls = 10

func (c *coherence) init(e *Engine) {
	c.e = e
	c.nudge = make(chan struct{}, 1)
	c.expiry = time.AfterFunc(time.Hour, func() { e.gens.SetTrusted(false) })
	c.expiry.Stop()
}

// touch notes that memory is in use, so that polling goes on.
func (e *Engine) touch() {
	if !e.watch.used.Load() {
		e.watch.used.Store(true)
	}
}

// inStep reports whether all that others changed before the call is known
// here, after a look at the store where nothing else tells.
func (e *Engine) inStep(ctx context.Context) bool {
	e.touch()
	return e.gens.Trusted() || e.watch.looks.join(ctx, e, false) == nil
}

// revive makes the memory tier trusted again after an idle time. It reports
// whether that worked.
func (e *Engine) revive(ctx context.Context) bool {
	if e.touch(); e.watch.isDeaf() {
		return false
	}
	return e.inStep(ctx) && e.gens.Trusted()
}

// wake keeps the looks coming for somebody who does not wait for one:
// ephemeral values are valid without the store, but follow what it tells.
func (e *Engine) wake() {
	e.called()
	if e.touch(); !e.gens.Trusted() {
		e.watch.trust(0)
	}
}

// trust lets the memory tier answer for d, and keeps the looks coming.
func (c *coherence) trust(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if d > 0 && !c.deaf {
		c.expiry.Reset(d)
		c.e.gens.SetTrusted(true)
	}
	if !c.running {
		ctx, stop := context.WithCancel(context.Background())
		c.running, c.stop = true, stop
		c.ended.Add(1)
		go c.poll(ctx)
		if d <= 0 {
			c.hint() // nobody has looked yet
		}
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
	c.running, c.deaf = false, false
	c.stop()
	c.expiry.Stop()
	c.e.gens.SetTrusted(false)
	return true
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
	c.looks.ended.Wait()
	c.e.gens.SetTrusted(false)
}
