//go:build unix

package lease_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// pausedTTL is real time: long against a scheduler's hiccup, short to wait for.
const pausedTTL = 1500 * time.Millisecond

const socketVariable = "REPRISE_LEASE_TEST_SOCKET"

// A process is stopped by SIGSTOP in the midst of its execution until another
// has taken its lease over. When it goes on, its context is cancelled and its
// publish refused.
func TestStoppedProcessNoticesThatItLostItsLease(t *testing.T) {
	s := memstore.New(nil)
	defer s.Close()
	socket := serve(t, s)
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), socketVariable+"="+socket)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	lines := bufio.NewScanner(out)
	said := func() string {
		lines.Scan()
		return lines.Text()
	}
	if got := said(); got != "holding" {
		t.Fatalf("child: %q", got)
	}
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c := coordinator(t, s, lease.Options{TTL: pausedTTL})
	l := mustAcquire(t, c, nil)
	if err := child.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := said(); got != "cancelled: lost" {
		t.Errorf("child: %q, want its context cancelled", got)
	}
	if got := said(); got != "publish: lost" {
		t.Errorf("child: %q, want its publish refused", got)
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := l.Publish(t.Context(), record(), store.PutPublish); err != nil {
		t.Errorf("the successor: %v", err)
	}
	if got, _ := s.Get(t.Context(), key); got.Record.Fence != l.Fence() {
		t.Errorf("stored under fence %d, want the successor's %d", got.Record.Fence, l.Fence())
	}
}

// becomePausedChild makes this process the one that is stopped, where it was
// started as such.
func becomePausedChild() bool {
	socket := os.Getenv(socketVariable)
	if socket == "" {
		return false
	}
	client, err := rpc.Dial("unix", socket)
	if err != nil {
		fmt.Println(err)
		return true
	}
	defer client.Close()
	c := lease.New(remote{client}, lease.Options{TTL: pausedTTL})
	defer c.Close()
	ctx := context.Background()
	l, err := c.Acquire(ctx, key, 0, nil)
	if err != nil {
		fmt.Println(err)
		return true
	}
	run, cancel := l.Context(ctx)
	defer cancel()
	fmt.Println("holding")
	<-run.Done()
	fmt.Println("cancelled:", verdict(context.Cause(run)))
	_, err = l.Publish(ctx, record(), store.PutPublish)
	fmt.Println("publish:", verdict(err))
	return true
}

func verdict(err error) string {
	if errors.Is(err, lease.ErrLost) {
		return "lost"
	}
	return fmt.Sprint(err)
}

// serve offers the leases of s on a socket until the test ends.
func serve(t *testing.T, s store.Leaser) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lease") // short: a socket's path must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Leases", &Leases{s}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := listener.Accept(); err == nil {
			server.ServeConn(conn)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return socket
}

// Leases is a store.Leaser by remote procedure call.
type Leases struct{ of store.Leaser }

// Ask holds the arguments of every call; each reads its own.
type Ask struct {
	Key   store.Key
	Owner store.Owner
	Fence uint64
	For   time.Duration
	Rec   store.Record
	Mode  store.PutMode
}

// Acquire, Renew, Publish and Release are those of the store.
func (s *Leases) Acquire(a Ask, g *store.Grant) (err error) {
	*g, err = s.of.Acquire(context.Background(), a.Key, a.Owner, a.For)
	return err
}

func (s *Leases) Renew(a Ask, _ *bool) error {
	return s.of.Renew(context.Background(), a.Key, a.Owner, a.Fence, a.For)
}

func (s *Leases) Publish(a Ask, stamp *store.Stamp) (err error) {
	*stamp, err = s.of.Publish(context.Background(), &a.Rec, a.Mode, a.Owner, a.Fence)
	return err
}

func (s *Leases) Release(a Ask, _ *bool) error {
	return s.of.Release(context.Background(), a.Key, a.Owner, a.Fence, a.For)
}

// remote is the other end.
type remote struct{ c *rpc.Client }

func (r remote) call(method string, a Ask, reply any) error {
	err := r.c.Call("Leases."+method, a, reply)
	if err != nil && strings.Contains(err.Error(), store.ErrLeaseLost.Error()) {
		return store.ErrLeaseLost
	}
	return err
}

func (r remote) Acquire(_ context.Context, key store.Key, owner store.Owner, ttl time.Duration) (g store.Grant, err error) {
	err = r.call("Acquire", Ask{Key: key, Owner: owner, For: ttl}, &g)
	return g, err
}

func (r remote) Renew(_ context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	return r.call("Renew", Ask{Key: key, Owner: owner, Fence: fence, For: ttl}, new(bool))
}

func (r remote) Publish(_ context.Context, rec *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (s store.Stamp, err error) {
	err = r.call("Publish", Ask{Rec: *rec, Mode: mode, Owner: owner, Fence: fence}, &s)
	return s, err
}

func (r remote) Release(_ context.Context, key store.Key, owner store.Owner, fence uint64, cooldown time.Duration) error {
	return r.call("Release", Ask{Key: key, Owner: owner, Fence: fence, For: cooldown}, new(bool))
}
