package engine

import (
	"context"
	"sync"
	"time"

	"github.com/reprise-go/reprise/store"
)

// probes are questions to a store that hung, asked in the background so that
// no caller waits for the answer. They end with the engine.
type probes struct {
	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex // no probe begins after cancel
	ended  sync.WaitGroup
}

// probing gives b a probe: ask shows whether the store does such work again.
func (e *Engine) probing(b *breaker, ask func(context.Context) error) {
	b.probe = func(in time.Duration) { // must not block: b is locked
		e.probes.mu.Lock()
		defer e.probes.mu.Unlock()
		if e.probes.ctx.Err() != nil {
			return // nobody comes any more
		}
		e.probes.ended.Go(func() {
			select {
			case <-time.After(in):
				b.probed(e.probe(ask))
			case <-e.probes.ctx.Done():
			}
		})
	}
}

// probe asks once, under a deadline.
func (e *Engine) probe(ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(e.probes.ctx, e.cfg.Timeout)
	defer cancel()
	if err := ask(ctx); err != nil && !isAnswer(err) {
		return failing(err)
	}
	return nil
}

// initProbes says with what each kind of operation is tried: a look-up and a
// change of an entry that does not exist, and a look at the changes.
func (e *Engine) initProbes() {
	e.probes.ctx, e.probes.cancel = context.WithCancel(context.Background())
	e.probing(&e.reads, func(ctx context.Context) error {
		_, err := e.store.Get(ctx, store.Key{})
		return err
	})
	e.probing(&e.looks, func(ctx context.Context) error {
		_, err := e.store.Changes(ctx, e.gens.Seq())
		return err
	})
	e.probing(&e.writes, func(ctx context.Context) error {
		policy := store.Evict
		_, err := e.store.Update(ctx, store.Key{}, store.Change{Policy: &policy})
		return err
	})
}

func (p *probes) close() {
	p.mu.Lock()
	p.cancel() // none begins after this
	p.mu.Unlock()
	p.ended.Wait()
}
