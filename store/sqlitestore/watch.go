package sqlitestore

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/reprise-go/reprise/store"
)

var _ store.Watcher = (*Store)(nil)

// A watch looks for changes this often: soon after one, and then less and less.
const (
	watchSoonest = 5 * time.Millisecond
	watchLatest  = 80 * time.Millisecond
)

// settleIn is how long after Open the first watch begins. It is another
// connection, which costs a process that looks one thing up and ends as much as
// the look.
const settleIn = 50 * time.Millisecond

// Watch tells of changes by any process, 5 to 80 ms after they happened; just
// after Open it takes 50 ms to begin.
// SQLite pushes nothing, so it polls the version that SQLite counts for each
// connection, on a connection of its own; an event stands for everything that
// changed since the one before. It returns ctx.Err(), ErrClosed, or what broke
// it.
func (s *Store) Watch(ctx context.Context, ready func(), f func(store.Event)) error {
	if err := s.settle(ctx); err != nil {
		return s.fail(ctx, "watch", err)
	}
	c, err := s.beginWatch(ctx)
	if err != nil {
		return err
	}
	defer s.background.Done()
	defer c.close()
	w := &watch{c: c, wait: watchSoonest}
	if _, err := w.poll(); err != nil {
		return s.fail(ctx, "watch", err)
	}
	ready()
	timer := time.NewTimer(w.pause(true))
	defer timer.Stop()
	for {
		var ended error
		select {
		case <-timer.C:
		case <-ctx.Done():
			ended = ctx.Err()
		case <-s.life.Done():
			ended = store.ErrClosed
		}
		seq, err := w.poll() // what happened before the end is told
		if err != nil {
			return s.fail(ctx, "watch", err)
		}
		if seq > 0 {
			f(store.Event{Seq: seq})
		}
		if ended != nil {
			return s.fail(ctx, "watch", ended)
		}
		timer.Reset(w.pause(seq > 0))
	}
}

// settle waits until this process has shown that it stays.
func (s *Store) settle(ctx context.Context) error {
	select {
	case <-time.After(settleIn - time.Since(s.opened)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.life.Done():
		return store.ErrClosed
	}
}

// beginWatch opens the connection, and has Close wait for the watch.
func (s *Store) beginWatch(ctx context.Context) (*conn, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	c, err := s.dialAgain(ctx)
	if err != nil {
		return nil, s.fail(ctx, "watch", err)
	}
	s.background.Add(1)
	return c, nil
}

// watch is the state of one Watch.
type watch struct {
	c       *conn
	version int64 // of the database, as the connection counts it
	wait    time.Duration
}

// poll returns the sequence number where anything changed, else 0.
func (w *watch) poll() (uint64, error) {
	v, err := w.c.number("PRAGMA data_version")
	if err != nil || v == w.version {
		return 0, err
	}
	w.version = v
	seq, err := w.c.number("SELECT seq FROM meta WHERE one = 1")
	return uint64(seq), err
}

// pause is how long to wait, with jitter so that processes do not keep step.
func (w *watch) pause(changed bool) time.Duration {
	w.wait = min(2*w.wait, watchLatest)
	if changed {
		w.wait = watchSoonest
	}
	return w.wait*3/4 + rand.N(w.wait/4)
}
