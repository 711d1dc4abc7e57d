package sqlitestore

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/reprise-go/reprise/store"
)

// readers lends connections for reading. One goroutine alone always gets the
// same connection through the slot, with two atomic operations.
type readers struct {
	slot atomic.Pointer[conn]
	idle chan *conn
	open chan struct{} // one token for each connection that may yet be opened
	dial func(context.Context) (*conn, error)
}

// newReaders begins with one connection.
func newReaders(first *conn, dial func(context.Context) (*conn, error)) *readers {
	n := max(4, 2*runtime.GOMAXPROCS(0))
	r := &readers{idle: make(chan *conn, n), open: make(chan struct{}, n), dial: dial}
	r.slot.Store(first)
	for range n - 1 {
		r.open <- struct{}{}
	}
	return r
}

// take waits for a connection where all are lent.
func (r *readers) take(ctx context.Context) (*conn, error) {
	if c := r.slot.Swap(nil); c != nil {
		return c, nil
	}
	select {
	case c := <-r.idle:
		return c, nil
	default:
	}
	select {
	case c := <-r.idle:
		return c, nil
	case <-r.open:
		c, err := r.dial(ctx)
		if err != nil {
			r.open <- struct{}{}
		}
		return c, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// give takes a connection back. The slot is filled only while nobody waits at
// the channel: a waiter would not see it.
func (r *readers) give(c *conn) {
	if c.broken {
		c.close()
		r.open <- struct{}{}
		return
	}
	if len(r.open) > 0 && r.slot.CompareAndSwap(nil, c) {
		return
	}
	r.idle <- c
}

// spare gives a connection away for good, where one is idle in the slot.
func (r *readers) spare() *conn {
	c := r.slot.Swap(nil)
	if c != nil {
		r.open <- struct{}{}
	}
	return c
}

// closeAll ends every connection; none may be lent.
func (r *readers) closeAll(end func(*conn) error) (err error) {
	if c := r.slot.Swap(nil); c != nil {
		err = end(c)
	}
	for {
		select {
		case c := <-r.idle:
			if e := end(c); err == nil {
				err = e
			}
		default:
			return err
		}
	}
}

// read lends a connection to f.
func (s *Store) read(ctx context.Context, doing string, f func(*conn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c, err := s.readers.take(ctx)
	if err != nil {
		return s.fail(ctx, doing, err)
	}
	defer s.readers.give(c)
	c.db.SetInterrupt(ctx)
	err = f(c)
	if !c.broken {
		c.db.SetInterrupt(context.Background())
	}
	return s.fail(ctx, doing, err)
}

// snapshot is read, with all statements of f seeing the same state.
func (s *Store) snapshot(ctx context.Context, doing string, f func(*conn) error) error {
	return s.read(ctx, doing, func(c *conn) error {
		defer rollback(c) // an interrupt may come when BEGIN is done
		if err := c.exec("BEGIN"); err != nil {
			return err
		}
		return f(c)
	})
}

// write runs f in an immediate transaction on the one writing connection, and
// commits it where f returns nil.
func (s *Store) write(ctx context.Context, doing string, f func(*txn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	select {
	case s.writing <- struct{}{}:
	default:
		select {
		case s.writing <- struct{}{}:
		case <-ctx.Done():
			return s.fail(ctx, doing, ctx.Err())
		}
	}
	defer func() { <-s.writing }()
	return s.fail(ctx, doing, s.transact(ctx, f))
}

func (s *Store) transact(ctx context.Context, f func(*txn) error) (err error) {
	c, err := s.writer(ctx)
	if err != nil {
		return err
	}
	c.db.SetInterrupt(ctx)
	defer func() {
		if err != nil {
			s.names.forget()
			s.tail = tail{}
		}
		if !c.broken {
			c.db.SetInterrupt(context.Background())
		}
	}()
	tx := &txn{conn: c, s: s}
	if err = c.exec("BEGIN IMMEDIATE"); err == nil { // an interrupt may come when it is done
		err = tx.load()
	}
	if err == nil {
		err = f(tx)
	}
	if err == nil {
		err = tx.save()
	}
	if err == nil {
		err = c.exec("COMMIT")
	}
	if err != nil {
		rollback(c)
		return err
	}
	s.tail = tx.tail
	return nil
}

// rollback ends a transaction whatever became of it. SQLite has rolled back
// already after some errors.
func rollback(c *conn) {
	if c.broken {
		return
	}
	c.db.SetInterrupt(context.Background())
	if !c.db.GetAutocommit() {
		if c.exec("ROLLBACK") != nil {
			c.broken = true
		}
	}
}

// writer is the writing connection, got at the first write and again if the
// last one broke. An idle one for reading will do: most processes with one
// write do it last.
func (s *Store) writer(ctx context.Context) (*conn, error) {
	if s.w != nil && !s.w.broken {
		return s.w, nil
	}
	if c := s.readers.spare(); c != nil {
		s.w.close()
		s.w = c
		return c, nil
	}
	c, err := s.dialAgain(ctx)
	if err != nil {
		return nil, err
	}
	s.w.close()
	s.w = c
	return c, nil
}

// enter holds the store open until leave.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.closing.RLock()
	if s.closed {
		s.closing.RUnlock()
		return store.ErrClosed
	}
	return nil
}

func (s *Store) leave() { s.closing.RUnlock() }
