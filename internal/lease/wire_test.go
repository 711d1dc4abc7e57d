package lease_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/store"
)

// op names a message to the store.
type op string

const (
	acquire op = "acquire"
	renew   op = "renew"
	publish op = "publish"
	release op = "release"
	get     op = "get"
)

var errReset = errors.New("connection reset")

// wire is one client's connection to a store. What befalls a message decides
// fate, which calls deliver when the message reaches the store, if ever, and
// returns what the client sees. A nil fate delivers.
type wire struct {
	to   backend
	fate fate
	skew float64 // how much faster than the store's the client's clock runs; 0 is 1

	mu    sync.Mutex // protects fate too, once in use: see meet
	count map[op]int // messages sent
}

type fate func(ctx context.Context, o op, deliver func(context.Context) error) error

// meet changes the fate of the messages to come.
func (w *wire) meet(f fate) {
	w.mu.Lock()
	w.fate = f
	w.mu.Unlock()
}

func (w *wire) send(ctx context.Context, o op, deliver func(context.Context) error) error {
	w.mu.Lock()
	if w.count == nil {
		w.count = map[op]int{}
	}
	w.count[o]++
	fate := w.fate
	w.mu.Unlock()
	if fate == nil {
		return deliver(ctx)
	}
	return fate(ctx, o, deliver)
}

func (w *wire) sent(o op) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count[o]
}

// late holds the answer of a message that may arrive after the client gave up.
type late[T any] struct {
	mu sync.Mutex
	v  T
}

func (l *late[T]) set(v T) { l.mu.Lock(); l.v = v; l.mu.Unlock() }
func (l *late[T]) get() T  { l.mu.Lock(); defer l.mu.Unlock(); return l.v }

// scaled turns a duration of the client's clock into one of the store's.
func (w *wire) scaled(d time.Duration) time.Duration {
	if w.skew == 0 {
		return d
	}
	return time.Duration(w.skew * float64(d))
}

func (w *wire) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	var g late[store.Grant]
	err := w.send(ctx, acquire, func(ctx context.Context) error {
		v, err := w.to.Acquire(ctx, key, owner, w.scaled(ttl))
		g.set(v)
		return err
	})
	if err != nil {
		return store.Grant{}, err
	}
	return g.get(), nil
}

func (w *wire) Renew(ctx context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	return w.send(ctx, renew, func(ctx context.Context) error {
		return w.to.Renew(ctx, key, owner, fence, w.scaled(ttl))
	})
}

func (w *wire) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	var s late[store.Stamp]
	err := w.send(ctx, publish, func(ctx context.Context) error {
		v, err := w.to.Publish(ctx, rec, mode, owner, fence)
		s.set(v)
		return err
	})
	if err != nil {
		return store.Stamp{}, err
	}
	return s.get(), nil
}

func (w *wire) Release(ctx context.Context, key store.Key, owner store.Owner, fence uint64, cooldown time.Duration) error {
	return w.send(ctx, release, func(ctx context.Context) error {
		return w.to.Release(ctx, key, owner, fence, w.scaled(cooldown))
	})
}

func (w *wire) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	var l late[store.Lookup]
	err := w.send(ctx, get, func(ctx context.Context) error {
		v, err := w.to.Get(ctx, key)
		l.set(v)
		return err
	})
	if err != nil {
		return store.Lookup{}, err
	}
	return l.get(), nil
}

func (w *wire) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	return w.to.Clear(ctx, key)
}

// ready is what the engine gives to Acquire.
func ready(b backend, key store.Key) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		l, err := b.Get(ctx, key)
		return l.Found, err
	}
}

// cut drops the connection for good: requests hang until their deadline.
func cut(ctx context.Context, _ op, _ func(context.Context) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// losesReply loses the replies of one kind of message while f says so.
func losesReply(o op, f func() bool) fate {
	return func(ctx context.Context, got op, deliver func(context.Context) error) error {
		err := deliver(ctx)
		if got == o && f() {
			return errReset
		}
		return err
	}
}

// first is true the first n times.
func first(n int64) func() bool {
	var asked atomic.Int64
	return func() bool { return asked.Add(1) <= n }
}

// twoOfThree is true two times of three.
func twoOfThree() func() bool {
	var asked atomic.Int64
	return func() bool { return asked.Add(1)%3 != 0 }
}
