package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

const (
	adviceRights = "the user of the URL must be allowed to write there; see docs for what the store needs"
	adviceRoom   = "clear entries, run gc, or raise the quota"
)

// write stores, reads, clears and looks again.
func (d *doctor) write(ctx context.Context) Check {
	rec := d.probe()
	_, err := d.store.Put(ctx, rec, store.PutPublish)
	switch {
	case errors.Is(err, store.ErrFull):
		return fail(adviceRoom, err)
	case err != nil:
		return fail(adviceRights, err)
	}
	lk, err := d.store.Get(ctx, rec.Key)
	if err == nil && (!lk.Found || !bytes.Equal(lk.Record.Value, rec.Value)) {
		err = errors.New("what was stored does not come back")
	}
	if err == nil {
		_, err = d.store.Clear(ctx, rec.Key)
	}
	if err == nil {
		lk, err = d.store.Get(ctx, rec.Key)
	}
	if err == nil && lk.Found {
		err = errors.New("what was cleared is still there")
	}
	if err != nil {
		return fail(adviceRights, err)
	}
	return ok("an entry was stored, read and cleared")
}

// leases tries a lease, and that one whose owner is gone is taken over.
func (d *doctor) leases(ctx context.Context) Check {
	l, is := d.store.(store.Leaser)
	if !is {
		return warn("functions with Serialize run once in each process", "the store has no leases")
	}
	const short = 50 * time.Millisecond
	key, gone, next := randomKey(), store.Owner{1}, store.Owner{2}
	first, err := l.Acquire(ctx, key, gone, short)
	if err != nil {
		return fail(adviceRights, err)
	}
	took, err := takeOver(ctx, l, key, next)
	if err == nil && took.Fence <= first.Fence {
		err = fmt.Errorf("a lease was taken over with fence %d, after %d: fences must grow", took.Fence, first.Fence)
	}
	if err == nil {
		err = l.Renew(ctx, key, next, took.Fence, time.Second)
	}
	if e := l.Release(ctx, key, next, took.Fence, 0); err == nil {
		err = e
	}
	if err != nil {
		return fail("executions may run more than once; see the store's log", err)
	}
	return ok("a lease was taken over when its owner was gone, renewed and released")
}

// takeOver waits until a lease is over, and takes it.
func takeOver(ctx context.Context, l store.Leaser, key store.Key, owner store.Owner) (store.Grant, error) {
	for {
		g, err := l.Acquire(ctx, key, owner, time.Second)
		if err != nil || g.Granted {
			return g, err
		}
		timer := time.NewTimer(max(g.Left, time.Millisecond))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return g, fmt.Errorf("a lease whose owner is gone is not free after its time: %w", context.Cause(ctx))
		}
	}
}

// watch makes a change and waits to be told of it.
func (d *doctor) watch(ctx context.Context) Check {
	w, is := d.store.(store.Watcher)
	if !is {
		return skip("the store cannot push changes; they are polled for")
	}
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p := push{ready: make(chan struct{}), told: make(chan struct{}, 1), ended: make(chan struct{})}
	go p.watch(ctx, w)
	var began time.Time
	err := p.await(ctx, p.ready, "a watch does not get ready")
	if err == nil {
		began = time.Now()
		_, err = d.store.Clear(ctx, randomKey())
	}
	if err == nil {
		err = p.await(ctx, p.told, "a change is not pushed")
	}
	delay := time.Since(began)
	cancel()
	<-p.ended // nothing of it outlives the check
	switch {
	case errors.Is(err, store.ErrNoWatch):
		return warn("programs hear of clears by others with some delay (Config.CoherenceInterval)", "%v", err)
	case err != nil:
		return warn("programs poll for changes instead; see that notifications pass: no proxy that pools transactions, and the right to subscribe", "%v", err)
	}
	return ok("a change was pushed after %v", delay.Round(10*time.Microsecond))
}

// push is a watch that a check began.
type push struct {
	ready, told, ended chan struct{}
	err                error // valid when ended is closed
}

func (p *push) watch(ctx context.Context, w store.Watcher) {
	defer close(p.ended)
	p.err = w.Watch(ctx, func() { close(p.ready) }, func(store.Event) {
		select {
		case p.told <- struct{}{}:
		default:
		}
	})
}

// await waits for one of the channels, and says why it does not come.
func (p *push) await(ctx context.Context, c <-chan struct{}, otherwise string) error {
	select {
	case <-c:
		return nil
	case <-p.ended:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", otherwise, context.Cause(ctx))
	}
}
