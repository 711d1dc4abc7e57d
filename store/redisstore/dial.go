package redisstore

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	"github.com/redis/rueidis"
)

// dials has the connections that a client makes while a store is opened end
// with the context of that: the client itself asks for none.
type dials struct {
	opening context.Context
	dial    func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error)

	mu    sync.Mutex
	keeps []func() bool // each takes a connection from under the context
	done  bool          // later connections are the client's alone
}

// dialling has option's client dial so, until release.
func dialling(opening context.Context, option *rueidis.ClientOption) *dials {
	d := &dials{opening: opening, dial: option.DialCtxFn}
	if d.dial == nil {
		d.dial = dialTCP
	}
	option.DialCtxFn = d.connect
	return d
}

func dialTCP(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	if config != nil {
		return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, "tcp", addr)
	}
	return d.DialContext(ctx, "tcp", addr)
}

func (d *dials) connect(ctx context.Context, addr string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	d.mu.Lock()
	done := d.done
	d.mu.Unlock()
	if done {
		return d.dial(ctx, addr, dialer, config)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.opening, cancel)()
	c, err := d.dial(ctx, addr, dialer, config)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.done {
		d.keeps = append(d.keeps, context.AfterFunc(d.opening, func() { c.Close() }))
	}
	return c, nil
}

// release leaves the connections to the client.
func (d *dials) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = true
	for _, keep := range d.keeps {
		keep()
	}
	d.keeps = nil
}
