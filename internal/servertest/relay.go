package servertest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Relay stands between clients and a server and can lose what the server says,
// at an exact moment: after the server has done what it was asked, before the
// client hears of it. All methods are safe for concurrent use.
type Relay struct {
	listener net.Listener
	server   string

	mu     sync.Mutex
	mode   relayMode             // protected by mu
	conns  map[net.Conn]struct{} // protected by mu; both ends
	closed bool                  // protected by mu
	wg     sync.WaitGroup
}

type relayMode uint8

const (
	relayPasses relayMode = iota
	relayLosesReplies
	relayIsCut
)

// NewRelay relays to the server at addr, host:port, until the test ends.
func NewRelay(t testing.TB, addr string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("servertest: relay: %v", err)
	}
	r := &Relay{listener: l, server: addr, conns: make(map[net.Conn]struct{})}
	r.wg.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

// Addr is host:port for clients.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// LoseReplies lets requests through, and breaks a connection, of those that
// there are and those to come, where a reply would come back on it.
func (r *Relay) LoseReplies() { r.set(relayLosesReplies) }

// Cut swallows everything in both directions and breaks nothing, as a
// partition does.
func (r *Relay) Cut() { r.set(relayIsCut) }

// Pass ends what LoseReplies or Cut began. Connections that were cut break,
// for bytes are missing in them.
func (r *Relay) Pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mode == relayIsCut {
		r.breakAll()
	}
	r.mode = relayPasses
}

// Break ends all connections.
func (r *Relay) Break() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.breakAll()
}

func (r *Relay) breakAll() {
	for c := range r.conns {
		c.Close()
	}
}

func (r *Relay) set(m relayMode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mode = m
}

func (r *Relay) now() relayMode {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mode
}

func (r *Relay) close() {
	r.mu.Lock()
	r.closed = true
	r.breakAll()
	r.mu.Unlock()
	r.listener.Close()
	r.wg.Wait()
}

// keep notes a connection, or refuses it where the relay is closed.
func (r *Relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.conns[c] = struct{}{}
	}
	return !r.closed
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() { r.serve(client) })
	}
}

func (r *Relay) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer server.Close()
	if !r.keep(client) || !r.keep(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.copy(server, client, false) })
	both.Go(func() { r.copy(client, server, true) })
	both.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, client)
	delete(r.conns, server)
}

// copy moves bytes until an end closes, and closes both.
func (r *Relay) copy(to, from net.Conn, replies bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		switch mode := r.now(); {
		case err != nil && err != io.EOF, n == 0:
			return
		case mode == relayIsCut:
			continue
		case mode == relayLosesReplies && replies:
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
