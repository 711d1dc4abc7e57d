package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/reprise-go/reprise/store"
)

func closeTopic() topic {
	return topic{"close", []check{
		{"afterwards every method says so", checkClosed},
		{"a second close does nothing", checkCloseTwice},
		{"may come in the middle of calls", checkCloseRace},
	}}
}

// call is one method of the store, with arguments that it accepts.
type call struct {
	name string
	do   func(context.Context, store.Store) error
}

// calls are all methods but Close and Watch; those of a Leaser only where s is
// one.
func calls(s store.Store) []call {
	key := keyOf("called")
	ttl := time.Hour
	all := []call{
		{"Get", func(ctx context.Context, s store.Store) error { _, err := s.Get(ctx, key); return err }},
		{"Put", func(ctx context.Context, s store.Store) error {
			_, err := s.Put(ctx, rec("called"), store.PutSet)
			return err
		}},
		{"Update", func(ctx context.Context, s store.Store) error {
			_, err := s.Update(ctx, key, store.Change{TTL: &ttl})
			return err
		}},
		{"Clear", func(ctx context.Context, s store.Store) error { _, err := s.Clear(ctx, key); return err }},
		{"Bump", func(ctx context.Context, s store.Store) error { _, err := s.Bump(ctx, store.TagLabel("t")); return err }},
		{"Changes", func(ctx context.Context, s store.Store) error { _, err := s.Changes(ctx, 1); return err }},
		{"List", func(ctx context.Context, s store.Store) error { _, err := s.List(ctx, store.Query{}); return err }},
		{"Count", func(ctx context.Context, s store.Store) error { _, err := s.Count(ctx, store.Query{}); return err }},
		{"Purge", func(ctx context.Context, s store.Store) error {
			_, err := s.Purge(ctx, store.Query{Key: &key})
			return err
		}},
		{"Sweep", func(ctx context.Context, s store.Store) error { _, err := s.Sweep(ctx); return err }},
		{"Info", func(ctx context.Context, s store.Store) error { _, err := s.Info(ctx); return err }},
	}
	if _, ok := s.(store.Leaser); ok {
		all = append(all, leaserCalls(key)...)
	}
	return all
}

func leaserCalls(key store.Key) []call {
	owner, ttl := store.Owner{1}, time.Hour
	return []call{
		{"Acquire", func(ctx context.Context, s store.Store) error {
			_, err := s.(store.Leaser).Acquire(ctx, key, owner, ttl)
			return err
		}},
		{"Release", func(ctx context.Context, s store.Store) error {
			return s.(store.Leaser).Release(ctx, key, owner, 1, 0)
		}},
		{"Renew", func(ctx context.Context, s store.Store) error {
			return ignore(s.(store.Leaser).Renew(ctx, key, owner, 1, ttl), store.ErrLeaseLost)
		}},
		{"Publish", func(ctx context.Context, s store.Store) error {
			_, err := s.(store.Leaser).Publish(ctx, rec("called"), store.PutPublish, owner, 1)
			return ignore(err, store.ErrLeaseLost, store.ErrSuperseded)
		}},
	}
}

// ignore is err unless it is one that the arguments of the call deserve.
func ignore(err error, deserved ...error) error {
	if slices.ContainsFunc(deserved, func(d error) bool { return errors.Is(err, d) }) {
		return nil
	}
	return err
}

func checkClosed(e *env) {
	e.must("Close", e.s.Close())
	for _, c := range calls(e.s) {
		if err := c.do(e.ctx, e.s); !errors.Is(err, store.ErrClosed) {
			e.Errorf("%s after Close = %v, want ErrClosed", c.name, err)
		}
	}
	if w, ok := e.s.(store.Watcher); ok {
		if err := w.Watch(e.ctx, func() {}, func(store.Event) {}); !errors.Is(err, store.ErrClosed) {
			e.Errorf("Watch after Close = %v, want ErrClosed", err)
		}
	}
}

func checkCloseTwice(e *env) {
	e.must("Close", e.s.Close())
	e.must("a second Close", e.s.Close())
}

func checkCloseRace(e *env) {
	var wg sync.WaitGroup
	started := make(chan struct{}, 64)
	for _, c := range calls(e.s) {
		wg.Go(func() {
			for first := true; ; first = false {
				err := c.do(e.ctx, e.s)
				if first {
					started <- struct{}{}
				}
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					e.Errorf("%s while the store closes = %v, want success or ErrClosed", c.name, err)
					return
				}
			}
		})
	}
	for range calls(e.s) {
		<-started
	}
	e.must("Close", e.s.Close())
	wg.Wait()
}
