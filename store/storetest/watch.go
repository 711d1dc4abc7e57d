package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

func watchTopic() topic {
	return topic{"watch", []check{
		{"tells that the sequence moved", checkWatchSeq},
		{"tells that a result is there", checkWatchPut},
		{"tells that a lease is free", checkWatchLease},
		{"serves several watchers", checkWatchMany},
		{"misses nothing in a burst", checkWatchBurst},
		{"ends with its context", checkWatchEnds},
		{"ends with the store", checkWatchCloses},
	}}
}

// watcher is the store's capability; without it the check is skipped.
func (e *env) watcher() store.Watcher {
	e.Helper()
	w, ok := e.s.(store.Watcher)
	e.needs(ok, "pushed changes (store.Watcher)")
	return w
}

// watch is a running Watch.
type watch struct {
	*env
	events chan store.Event
	cancel context.CancelFunc
	ended  chan error
}

// watch starts a Watch and returns once it is ready.
func (e *env) watch() *watch {
	e.Helper()
	watcher := e.watcher()
	ctx, cancel := context.WithCancel(e.ctx)
	w := &watch{env: e, events: make(chan store.Event, 100_000), cancel: cancel, ended: make(chan error, 1)}
	e.Cleanup(cancel)
	ready := make(chan struct{})
	go func() {
		w.ended <- watcher.Watch(ctx, func() { close(ready) }, func(ev store.Event) { w.events <- ev })
	}()
	select {
	case <-ready:
	case err := <-w.ended:
		e.Fatalf("Watch ended before it was ready: %v", err)
	case <-time.After(patience):
		e.Fatal("Watch was never ready")
	}
	return w
}

// stop ends the watch and returns what it returned.
func (w *watch) stop() error {
	w.Helper()
	w.cancel()
	return w.end()
}

func (w *watch) end() error {
	w.Helper()
	select {
	case err := <-w.ended:
		return err
	case <-time.After(patience):
		w.Fatal("Watch did not return")
		return nil
	}
}

// await reads events until one is as wanted.
func (w *watch) await(what string, wanted func(store.Event) bool) {
	w.Helper()
	deadline := time.After(patience)
	for {
		select {
		case ev := <-w.events:
			if wanted(ev) {
				return
			}
		case err := <-w.ended:
			w.Fatalf("Watch ended while waiting for %s: %v", what, err)
		case <-deadline:
			w.Fatalf("no event told of %s", what)
		}
	}
}

func (w *watch) awaitSeq(seq uint64) {
	w.Helper()
	w.await(fmt.Sprint("sequence number ", seq), func(ev store.Event) bool { return ev.Seq >= seq })
}

func (w *watch) awaitKey(key store.Key) {
	w.Helper()
	w.await("key "+key.Short(), func(ev store.Event) bool { return ev.Key == nil || *ev.Key == key })
}

func checkWatchSeq(e *env) {
	w := e.watch()
	w.awaitSeq(e.bump(store.TagLabel("t")).Seq)
	w.awaitSeq(e.clear(keyOf("a")).Seq)
	w.awaitSeq(e.put(rec("a"), store.PutSet).Seq)
	r := rec("a")
	r.Begun = e.seq()
	w.awaitSeq(e.put(r, store.PutRefresh).Seq)
	persist := store.Persist
	e.update(r.Key, store.Change{Policy: &persist})
	w.awaitSeq(e.seq())
}

func checkWatchPut(e *env) {
	w := e.watch()
	e.publish(rec("a"))
	w.awaitKey(keyOf("a"))
	e.put(rec("b"), store.PutSet)
	w.awaitKey(keyOf("b"))
}

func checkWatchLease(e *env) {
	e.leaser()
	w := e.watch()
	key := keyOf("a")
	g := e.acquire(key, us, time.Hour)
	e.must("Release", e.leaser().Release(e.ctx, key, us, g.Fence, 0))
	w.awaitKey(key)
	g = e.acquire(key, us, time.Hour)
	r := rec("a")
	r.Begun = e.seq()
	_, err := e.tryPublish(r, store.PutPublish, us, g.Fence)
	e.must("Publish", err)
	w.awaitKey(key)
}

func checkWatchMany(e *env) {
	watches := []*watch{e.watch(), e.watch(), e.watch()}
	watches[0].stop()
	seq := e.bump(store.All()).Seq
	for _, w := range watches[1:] {
		w.awaitSeq(seq)
	}
}

func checkWatchBurst(e *env) {
	w := e.watch()
	const n = 3000
	for i := range n {
		if i%2 == 0 {
			e.clear(keyOf("cleared"))
		} else {
			e.publish(rec("put"))
		}
	}
	w.awaitSeq(e.bump(store.All()).Seq)
	e.publish(rec("last"))
	w.awaitKey(keyOf("last"))
}

func checkWatchEnds(e *env) {
	w := e.watch()
	if err := w.stop(); !errors.Is(err, context.Canceled) {
		e.Errorf("Watch = %v after its context was cancelled", err)
	}
	e.bump(store.All()) // nobody to tell
}

func checkWatchCloses(e *env) {
	w := e.watch()
	e.must("Close", e.s.Close())
	if err := w.end(); !errors.Is(err, store.ErrClosed) {
		e.Errorf("Watch = %v after Close, want ErrClosed", err)
	}
}
