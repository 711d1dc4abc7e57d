package servertest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
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
	judge  func([]byte) Verdict  // protected by mu; nil: everything passes
	lost   func()                // protected by mu; nil: nobody wants to know
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

// Verdict is what becomes of the reply to a request.
type Verdict uint8

const (
	// Pass is as if no relay were there.
	Pass Verdict = iota
	// LoseReply has the server do what it was asked, all of it, and breaks the
	// connection before any of the reply has come back.
	LoseReply
	// Deafen has the connection stay, and swallows all that the server says on
	// it from now on.
	Deafen
)

// NewRelay relays to the server at addr, host:port, until the test ends.
func NewRelay(t testing.TB, addr string) *Relay {
	t.Helper()
	return NewRelayAt(t, "127.0.0.1:0", addr)
}

// NewRelayAt is NewRelay that listens where one says.
func NewRelayAt(t testing.TB, listen, addr string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", listen)
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

// Judge has f decide about each request, until the next Judge; nil lets all
// pass. f gets what a client sent at once, which may be several requests, on
// the goroutines of the connections, and keeps nothing of it.
func (r *Relay) Judge(f func(request []byte) Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judge = f
}

// OnLoss has f called for each reply that a judge had lost: when the server has
// done what it was asked, and before the client hears that its connection
// broke.
func (r *Relay) OnLoss(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = f
}

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
	var state atomic.Uint32 // a Verdict
	both.Go(func() { r.ask(server, client, &state) })
	both.Go(func() { r.answer(client, server, &state) })
	both.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, client)
	delete(r.conns, server)
}

// ask moves requests until an end closes, and closes both.
func (r *Relay) ask(server, client net.Conn, state *atomic.Uint32) {
	relay(server, client, func(request []byte) bool {
		mode, verdict := r.verdict(request)
		if mode == relayIsCut {
			return true
		}
		if verdict != Pass {
			state.Store(uint32(verdict))
		}
		if _, err := server.Write(request); err != nil {
			return false
		}
		if verdict == LoseReply {
			// The server reads to the end of what it got, answers, and hangs
			// up; answer hears that. Hanging up here could discard the request.
			_ = server.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, client)
			return false
		}
		return true
	}, func() {})
}

// answer moves replies until an end closes, and closes both.
func (r *Relay) answer(client, server net.Conn, state *atomic.Uint32) {
	relay(client, server, func(reply []byte) bool {
		switch mode := r.now(); {
		case mode == relayIsCut || state.Load() != uint32(Pass):
			return true
		case mode == relayLosesReplies:
			return false
		}
		_, err := client.Write(reply)
		return err == nil
	}, func() {
		if lost := r.onLoss(); lost != nil && state.Load() == uint32(LoseReply) {
			lost()
		}
	})
}

func (r *Relay) onLoss() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// relay passes what comes from one end to move until that says no, and then
// calls ended before it closes both.
func relay(to, from net.Conn, move func([]byte) bool, ended func()) {
	defer to.Close()
	defer from.Close()
	defer ended()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !move(buffer[:n]) || err != nil {
			return
		}
	}
}

func (r *Relay) verdict(request []byte) (relayMode, Verdict) {
	r.mu.Lock()
	mode, judge := r.mode, r.judge
	r.mu.Unlock()
	if judge == nil || mode == relayIsCut {
		return mode, Pass
	}
	return mode, judge(request)
}
