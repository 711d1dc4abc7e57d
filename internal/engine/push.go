package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/reprise-go/reprise/store"
)

// noWatchPause is how long a store that cannot push is left alone before it is
// asked again: a proxy in between may have been set right.
const noWatchPause = time.Minute

// push turns a store's events into looks, until ctx ends.
func (c *coherence) push(ctx context.Context) *sync.WaitGroup {
	var wg sync.WaitGroup
	if w, ok := c.e.store.(store.Watcher); ok {
		wg.Go(func() {
			for ctx.Err() == nil {
				pause := c.broke(ctx, w.Watch(ctx, c.hears, c.heard))
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	return &wg
}

// hears notes that from now on events arrive. What happened before, a look
// tells.
func (c *coherence) hears() {
	c.mu.Lock()
	c.deaf = false
	c.mu.Unlock()
	c.hint()
}

// broke draws the conclusions from the end of a watch, and says when to try
// again.
func (c *coherence) broke(ctx context.Context, err error) (pause time.Duration) {
	switch {
	case ctx.Err() != nil:
		return 0
	case errors.Is(err, store.ErrNoWatch):
		if !c.mute.Swap(true) {
			c.e.warn("the store cannot tell of changes; it is asked for them every "+c.e.cfg.Poll.String(), err)
		}
		c.hears() // as much as it ever will
		return noWatchPause
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = true
	c.expiry.Stop()
	c.e.gens.SetTrusted(false)
	return c.e.cfg.Poll // the looks go on meanwhile
}

func (c *coherence) isDeaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf
}
