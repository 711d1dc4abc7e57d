package pgstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

var _ store.Watcher = (*Store)(nil)

const (
	// quiet is how long a watch waits for a notification before it asks the
	// server whether it is still there.
	quiet = 2 * time.Second
	// pulse is how long the server may take to answer that.
	pulse = 5 * time.Second
	// hangUp limits the polite end of a connection.
	hangUp = time.Second
)

// ErrNoNotifications is what a Watch wraps whose own notification does not
// reach it: some proxy, as PgBouncer pooling transactions, gives the server's
// connection to others meanwhile. It wraps store.ErrNoWatch.
var ErrNoNotifications = fmt.Errorf("notifications do not arrive: a proxy that pools transactions breaks LISTEN; "+
	"connect to the server itself, or have the proxy pool sessions: %w", store.ErrNoWatch)

// Watch tells of changes by any process, pushed by the server on a connection
// of its own. It is ready once a notification to itself has arrived. It
// returns ctx.Err(), ErrClosed, or what broke it: then changes may have been
// missed. A server that stops answering is noticed within 7 s.
func (s *Store) Watch(ctx context.Context, ready func(), f func(store.Event)) error {
	if err := s.beginWatch(ctx); err != nil {
		return err
	}
	defer s.background.Done()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	err := s.watch(inner, ready, f)
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case s.life.Err() != nil:
		err = store.ErrClosed
	}
	return explain("watch", err)
}

// beginWatch has Close wait for the watch.
func (s *Store) beginWatch(ctx context.Context) error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed || s.life.Err() != nil {
		return fmt.Errorf("pgstore: watch: %w", store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("pgstore: watch: %w", err)
	}
	s.background.Add(1)
	return nil
}

func (s *Store) watch(ctx context.Context, ready func(), f func(store.Event)) error {
	c, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return connectError(err)
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.Background(), hangUp)
		defer cancel()
		_ = c.Close(bye)
	}()
	if _, err := c.Exec(ctx, "LISTEN "+quote(channel(s.o.Schema))); err != nil {
		return err
	}
	if err := s.probe(ctx, c); err != nil {
		return err
	}
	ready()
	for {
		payload, err := next(ctx, c)
		if err != nil {
			return err
		}
		if ev, ok := parseEvent(payload); ok {
			f(ev)
		}
	}
}

// probe sends a notification from another connection and waits for it.
func (s *Store) probe(ctx context.Context, c *pgx.Conn) error {
	nonce := "n" + rand.Text()
	if err := s.exec(ctx, "SELECT pg_notify($1, $2)", channel(s.o.Schema), nonce); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.o.ProbeTimeout)
	defer cancel()
	for {
		n, err := c.WaitForNotification(limited)
		if err != nil && limited.Err() != nil && ctx.Err() == nil {
			return ErrNoNotifications
		}
		if err != nil {
			return err
		}
		if n.Payload == nonce {
			return nil
		}
	}
}

// next is the next notification's payload. In a long silence it makes sure
// that the connection is alive.
func next(ctx context.Context, c *pgx.Conn) (string, error) {
	for {
		limited, cancel := context.WithTimeout(ctx, quiet)
		n, err := c.WaitForNotification(limited)
		silent := limited.Err() != nil
		cancel()
		if err == nil {
			return n.Payload, nil
		}
		if ctx.Err() != nil || !silent || c.IsClosed() {
			return "", err
		}
		limited, cancel = context.WithTimeout(ctx, pulse)
		err = c.Ping(limited)
		cancel()
		if err != nil {
			return "", fmt.Errorf("the server does not answer: %w", err)
		}
	}
}

// parseEvent reads a payload: a number, or k and a key in hexadecimal, or both.
// Others, as probes, are none of our business.
func parseEvent(payload string) (ev store.Event, ok bool) {
	number, hex, hasKey := strings.Cut(payload, "k")
	if number == "" && !hasKey {
		return ev, false
	}
	if number != "" {
		seq, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return ev, false
		}
		ev.Seq = seq
	}
	if hasKey {
		key, err := store.ParseKey(hex)
		if err != nil {
			return store.Event{}, false
		}
		ev.Key = &key
	}
	return ev, true
}
