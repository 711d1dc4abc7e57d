package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

const (
	// maxPending bounds what a slow watcher may owe; more is folded into one.
	maxPending = 4096
	// checkEvery is how often a watch compares the sequence number with what
	// it was told: Redis sends messages once, and between the nodes of a
	// cluster one can be lost without anybody's connection breaking.
	checkEvery = time.Second
)

var errWatchBroken = errors.New("redisstore: watch: the connection broke: changes may have been missed")

// Watch implements store.Watcher, on a connection of its own. It returns an
// error as soon as that breaks, and does not reconnect.
func (s *Store) Watch(ctx context.Context, ready func(), f func(store.Event)) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	w := &watcher{wake: make(chan struct{}, 1), subscribed: make(chan struct{})}
	conn, release := s.client.Dedicate()
	defer release()
	broken := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: w.message, OnSubscription: w.subscription})
	if err := conn.Do(ctx, conn.B().Subscribe().Channel(s.names.channel()).Build()).Error(); err != nil {
		return s.watchFailed(ctx, err)
	}
	select {
	case <-w.subscribed:
	case err := <-broken:
		return s.watchFailed(ctx, err)
	case <-ctx.Done():
		return ctx.Err()
	case <-s.quit:
		return store.ErrClosed
	}
	seq, err := s.number(ctx)
	if err != nil {
		return s.watchFailed(ctx, err)
	}
	w.told = seq
	ready()
	return s.deliver(ctx, w, broken, f)
}

// deliver calls f for what comes, until something ends the watch.
func (s *Store) deliver(ctx context.Context, w *watcher, broken <-chan error, f func(store.Event)) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-w.wake:
			w.drain(f)
		case <-tick.C:
			seq, err := s.number(ctx)
			if err != nil {
				return s.watchFailed(ctx, err)
			}
			w.drain(f)
			if seq > w.told {
				w.told = seq
				f(store.Event{Seq: seq})
			}
		case err := <-broken:
			w.drain(f)
			return s.watchFailed(ctx, err)
		case <-ctx.Done():
			w.drain(f) // what happened before the end is told
			return ctx.Err()
		case <-s.quit:
			return store.ErrClosed
		}
	}
}

// number is the sequence number as it is now.
func (s *Store) number(ctx context.Context) (uint64, error) {
	n, err := s.client.Do(ctx, s.client.B().Hget().Key(s.names.metaKey()).Field("seq").Build()).AsUint64()
	if rueidis.IsRedisNil(err) {
		return 0, errWatchBroken // the store lost its data: start over
	}
	return n, err
}

func (s *Store) watchFailed(ctx context.Context, err error) error {
	switch {
	case s.closed.Load():
		return store.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil || errors.Is(err, errWatchBroken):
		return errWatchBroken
	case strings.Contains(err.Error(), "NOPERM"):
		return fmt.Errorf("redisstore: watch: %w: %w", store.ErrNoWatch, s.failed(err))
	}
	return fmt.Errorf("%w: %w", errWatchBroken, s.failed(err))
}

// watcher is one running Watch.
type watcher struct {
	wake       chan struct{} // holds one signal: pending is not empty
	subscribed chan struct{} // closed when Redis confirmed the subscription
	once       sync.Once
	told       uint64 // highest number given to f; used by the Watch alone

	mu      sync.Mutex
	pending []store.Event // protected by mu
}

func (w *watcher) subscription(p rueidis.PubSubSubscription) {
	if p.Kind == "subscribe" {
		w.once.Do(func() { close(w.subscribed) })
	}
}

// message notes an announcement. It runs on the connection's goroutine.
func (w *watcher) message(m rueidis.PubSubMessage) {
	e, ok := parseEvent(m.Message)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) == maxPending {
		newest := e.Seq
		for _, p := range w.pending {
			newest = max(newest, p.Seq)
		}
		w.pending, e = w.pending[:0], store.Event{Seq: newest}
	}
	w.pending = append(w.pending, e)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// parseEvent reads a number, 0 where none was taken, a colon, and the key's
// bytes or nothing.
func parseEvent(text string) (store.Event, bool) {
	digits, key, ok := strings.Cut(text, ":")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil {
		return store.Event{}, false
	}
	e := store.Event{Seq: seq}
	if len(key) == len(store.Key{}) {
		k := store.Key([]byte(key))
		e.Key = &k
	}
	return e, true
}

// drain calls f for all that is pending.
func (w *watcher) drain(f func(store.Event)) {
	w.mu.Lock()
	events := w.pending
	w.pending = nil
	w.mu.Unlock()
	for _, e := range events {
		w.told = max(w.told, e.Seq)
		f(e)
	}
}
