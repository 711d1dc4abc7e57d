package engine

import (
	"context"
	"sync"
	"time"

	"github.com/reprise-go/reprise/store"
)

// looks are the looks at the store's changes: one at a time, each under its
// own deadline and for everybody who waits. A caller who leaves takes nothing
// from the others, and a store that hangs is seen to hang although every
// caller leaves before it does.
type looks struct {
	mu    sync.Mutex
	now   *look // under way
	next  *look // for those who came too late for now
	ended sync.WaitGroup
}

type look struct {
	done chan struct{}
	err  error // valid when done
}

// join waits for a look. Where fresh, it is one that began after the call.
func (ls *looks) join(ctx context.Context, e *Engine, fresh bool) error {
	l := ls.find(e, fresh)
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (ls *looks) find(e *Engine, fresh bool) *look {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.now == nil {
		ls.now = &look{done: make(chan struct{})}
		ls.ended.Add(1)
		go ls.run(e, ls.now)
		return ls.now
	}
	if !fresh {
		return ls.now
	}
	if ls.next == nil {
		ls.next = &look{done: make(chan struct{})}
	}
	return ls.next
}

// run looks for as long as there is somebody to look for.
func (ls *looks) run(e *Engine, l *look) {
	defer ls.ended.Done()
	for l != nil {
		l.err = e.lookOnce()
		ls.mu.Lock()
		ls.now, ls.next = ls.next, nil
		next := ls.now
		ls.mu.Unlock()
		close(l.done)
		l = next
	}
}

// sync applies all changes that were made before the call.
func (e *Engine) sync(ctx context.Context) error { return e.watch.looks.join(ctx, e, true) }

// syncTo looks at the store only where seq is news. life is that of before seq
// was asked for: where the store has begun anew since, seq belongs to its past.
func (e *Engine) syncTo(ctx context.Context, seq, life uint64) error {
	for fresh := false; e.gens.Seq() < seq && e.life.Load() == life; fresh = true {
		if err := e.watch.looks.join(ctx, e, fresh); err != nil {
			return err
		}
	}
	return nil
}

// lookOnce applies all changes since the last look.
func (e *Engine) lookOnce() error {
	since, began := e.gens.Seq(), time.Now()
	var ch store.Changes
	err := e.ask(context.Background(), &e.looks, func(ctx context.Context) (err error) {
		ch, err = e.store.Changes(ctx, since)
		return err
	})
	if err != nil {
		return err
	}
	if e.info.Load() == nil { // it did not answer when the cache was opened
		_, _ = e.storeInfo(context.Background()) // or the next look asks again
	}
	e.apply(since, ch)
	e.watch.trust(e.cfg.Trust - time.Since(began))
	return nil
}

// apply takes changes over into both kinds of memory. Ephemeral values follow
// labels too: a dataset deleted elsewhere hides them as well.
func (e *Engine) apply(since uint64, ch store.Changes) {
	switch {
	case ch.Seq < since:
		e.restart(ch)
	case since == 0:
		// Until now nothing was known: whatever memory holds was computed
		// without the store, past clears that nobody could tell.
		ch.Flush = true
		e.flushLocal()
		e.gens.Apply(ch)
	default:
		e.gens.Apply(ch)
		e.bumpLocal(ch.Labels...)
	}
	e.watch.hearers.tell(ch)
}

// restart begins anew with a store whose numbers went back: it lost its data,
// or was put back to an older state. Numbers from before mean nothing now, so
// nothing that was filed under one may be used, joined or published.
func (e *Engine) restart(ch store.Changes) {
	e.life.Add(1)
	e.flights.ForgetAll()
	e.gens.Restart(ch)
	e.tiersMu.Lock()
	defer e.tiersMu.Unlock()
	for _, f := range e.tiers {
		f.memory.Clear()
	}
}

// bumpLocal hides the ephemeral values that carry any of the labels.
func (e *Engine) bumpLocal(labels ...store.LabelChange) {
	if len(labels) == 0 {
		return
	}
	e.localMu.Lock()
	defer e.localMu.Unlock()
	ch := store.Changes{Seq: e.local.Seq() + 1}
	for _, l := range labels {
		ch.Labels = append(ch.Labels, store.LabelChange{Label: l.Label, Seq: ch.Seq})
	}
	e.local.Apply(ch)
}

// flushLocal hides all ephemeral values.
func (e *Engine) flushLocal() {
	e.localMu.Lock()
	defer e.localMu.Unlock()
	e.local.Apply(store.Changes{Seq: e.local.Seq() + 1, Flush: true})
}

// clearLocal hides the ephemeral value under key, and files another in its
// place where file is given, as of the same moment.
func (e *Engine) clearLocal(key store.Key, file func(asOf uint64)) {
	e.localMu.Lock()
	defer e.localMu.Unlock()
	seq := e.local.Seq() + 1
	if file != nil {
		file(seq)
	}
	e.local.Apply(store.Changes{Seq: seq, Keys: []store.KeyChange{{Key: key, Seq: seq}}})
}
