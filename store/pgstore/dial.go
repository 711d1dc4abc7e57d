package pgstore

import (
	"context"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// lines are a store's connections to the server. Close can cut them, so that
// methods need no context of their own to be stopped by it.
type lines struct {
	mu   sync.Mutex
	open map[*line]struct{} // guarded by mu
	cut  bool               // guarded by mu
}

// line is one of them.
type line struct {
	net.Conn
	of *lines
}

// dial makes a pgconn.DialFunc that keeps book of what d dials.
func (ls *lines) dial(d pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		l := &line{c, ls}
		ls.mu.Lock()
		defer ls.mu.Unlock()
		if ls.cut {
			_ = c.Close()
			return nil, net.ErrClosed
		}
		if ls.open == nil {
			ls.open = map[*line]struct{}{}
		}
		ls.open[l] = struct{}{}
		return l, nil
	}
}

// Close is the end of one connection.
func (l *line) Close() error {
	l.of.mu.Lock()
	delete(l.of.open, l)
	l.of.mu.Unlock()
	return l.Conn.Close()
}

// cutAll breaks all connections, and those that are dialled later.
func (ls *lines) cutAll() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.cut = true
	for l := range ls.open {
		_ = l.Conn.Close()
	}
}

func (ls *lines) isCut() bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.cut
}
