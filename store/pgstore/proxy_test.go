package pgstore

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

// deafProxy passes everything on but notifications, as a proxy does that gives
// the server's connection to others between two transactions.
func deafProxy(t testing.TB, server string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			wg.Go(func() { defer up.Close(); io.Copy(up, client) })
			wg.Go(func() { defer client.Close(); copyDeaf(client, up) })
		}
	})
	return l.Addr().String()
}

// copyDeaf copies messages of the server: a type, a length, and a body.
func copyDeaf(w io.Writer, r io.Reader) {
	for {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		const notification = 'A'
		to := w
		if head[0] == notification {
			to = io.Discard
		}
		to.Write(head[:])
		if _, err := io.CopyN(to, r, int64(binary.BigEndian.Uint32(head[1:]))-4); err != nil {
			return
		}
	}
}

func TestProxyThatBreaksListen(t *testing.T) {
	t.Parallel()
	p := servertest.Postgres(t)
	u, err := url.Parse(p.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	direct := u.String()
	u.Host = deafProxy(t, p.Addr())
	s := open(t, u.String(), Options{ProbeTimeout: 200 * time.Millisecond})
	ready := func() { t.Error("a watch that hears nothing says that it is ready") }
	if err := s.Watch(t.Context(), ready, func(store.Event) {}); !errors.Is(err, ErrNoNotifications) {
		t.Errorf("Watch = %v, want ErrNoNotifications", err)
	}
	if _, err := s.Put(t.Context(), benchRecord(1, 10, 0, 0), store.PutSet); err != nil {
		t.Errorf("everything else goes on: %v", err)
	}
	s = open(t, direct, Options{ProbeTimeout: 30 * time.Second})
	watching(t, s)
	s.Close()
}
