package storetest

import (
	"context"

	"github.com/reprise-go/reprise/store"
)

// DropEvents makes all watches, also those that run, swallow every event while
// drop is true, as a network that loses notifications does.
func (f *Faulty) DropEvents(drop bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mute = drop
}

// BreakWatches ends every watch that runs now with err.
func (f *Faulty) BreakWatches(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for broken := range f.watches {
		select {
		case broken <- err:
		default: // is breaking already
		}
	}
}

type faultyWatcher struct {
	f     *Faulty
	inner store.Watcher
}

// Watch meets the faults of MethodWatch when it starts, and DropEvents and
// BreakWatches while it runs.
func (w faultyWatcher) Watch(ctx context.Context, ready func(), handle func(store.Event)) error {
	fault := w.f.take(MethodWatch)
	if err := fault.before(ctx); err != nil {
		return err
	}
	broken := w.f.joinWatches()
	defer w.f.leaveWatches(broken)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- w.inner.Watch(ctx, ready, func(e store.Event) {
			if !w.f.muted() {
				handle(e)
			}
		})
	}()
	select {
	case err := <-ended:
		return err
	case err := <-broken:
		cancel()
		<-ended // so that handle is not called after the return
		return err
	}
}

func (f *Faulty) joinWatches() chan error {
	f.mu.Lock()
	defer f.mu.Unlock()
	broken := make(chan error, 1)
	f.watches[broken] = struct{}{}
	return broken
}

func (f *Faulty) leaveWatches(broken chan error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watches, broken)
}

func (f *Faulty) muted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mute
}
