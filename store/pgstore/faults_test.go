package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

// eventually polls until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for tick := time.Tick(5 * time.Millisecond); !cond(); {
		select {
		case <-tick:
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// watching starts a Watch and returns what it tells and how it ends.
func watching(t testing.TB, s *Store) (events chan store.Event, ended chan error) {
	t.Helper()
	events, ended = make(chan store.Event, 10_000), make(chan error, 1)
	ready := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		ended <- s.Watch(ctx, func() { close(ready) }, func(e store.Event) { events <- e })
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("Watch = %v", err)
	}
	return events, ended
}

// TestBrokenConnections ends all connections of a store at once. Reads and
// idempotent writes go on with new ones, a watch says that it broke.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	url := servertest.Postgres(t).Database(t)
	s := open(t, url, Options{})
	ctx := t.Context()
	if _, err := s.Put(ctx, benchRecord(1, 100, 0, 0), store.PutSet); err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		_, ended := watching(t, s)
		var wg sync.WaitGroup
		for range 8 { // so that the pool has several connections
			wg.Go(func() { s.Get(ctx, benchKey(1)) })
		}
		wg.Wait()
		run(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'reprise' AND datname = current_database()`)
		for range 4 {
			if l, err := s.Get(ctx, benchKey(1)); err != nil || !l.Found {
				t.Errorf("round %d: Get = found %t, %v", round, l.Found, err)
			}
		}
		r := benchRecord(2, 100, 0, 0)
		l, err := s.Get(ctx, r.Key)
		r.Begun = l.Seq
		if err == nil {
			_, err = s.Put(ctx, r, store.PutPublish)
		}
		if err != nil {
			t.Errorf("round %d: Put = %v", round, err)
		}
		if err := <-ended; err == nil || ctx.Err() != nil {
			t.Errorf("round %d: Watch = %v, want that the connection broke", round, err)
		}
	}
}

// TestServerCrash kills the server with all its processes. What was reported
// as done and is not a plain put is there after its restart, and the store
// works on without being opened again.
func TestServerCrash(t *testing.T) {
	t.Parallel()
	p := servertest.PostgresAlone(t)
	s := open(t, p.URL("postgres"), Options{})
	ctx := t.Context()
	_, ended := watching(t, s)
	var last store.Bumped
	var fence uint64
	for i := range 20 {
		g, err := s.Acquire(ctx, benchKey(i), store.Owner{1}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		fence = g.Fence
		r := benchRecord(i, 100, 0, 0)
		l, err := s.Get(ctx, r.Key)
		if err != nil {
			t.Fatal(err)
		}
		r.Begun = l.Seq
		if i < 10 {
			if _, err := s.Publish(ctx, r, store.PutPublish, store.Owner{1}, g.Fence); err != nil {
				t.Fatal(err)
			}
		}
		if last, err = s.Bump(ctx, store.TagLabel(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	p.Kill(t)
	if _, err := s.Get(ctx, benchKey(1)); err == nil {
		t.Error("Get succeeds without a server")
	}
	if err := <-ended; err == nil {
		t.Error("Watch ended without an error")
	}
	p.Restart(t)
	for i := range 10 {
		if l, err := s.Get(ctx, benchKey(i)); err != nil || !l.Found || l.Seq < last.Seq {
			t.Errorf("after the crash Get(%d) = found %t, number %d of %d, %v", i, l.Found, l.Seq, last.Seq, err)
		}
	}
	if g, err := s.Acquire(ctx, benchKey(19), store.Owner{2}, time.Hour); err != nil || g.Granted || g.Fence != fence {
		t.Errorf("after the crash another gets the lease: %+v, %v", g, err)
	}
	if g, err := s.Acquire(ctx, benchKey(99), store.Owner{2}, time.Hour); err != nil || g.Fence <= fence {
		t.Errorf("fence %d after %d, %v", g.Fence, fence, err)
	}
}

// TestFrozenServer stops the server's processes. Calls end with their
// contexts, Close does not wait for it, and it goes on when the server does.
func TestFrozenServer(t *testing.T) {
	t.Parallel()
	p := servertest.PostgresAlone(t)
	s := open(t, p.URL("postgres"), Options{})
	ctx := t.Context()
	if _, err := s.Put(ctx, benchRecord(1, 100, 0, 0), store.PutSet); err != nil {
		t.Fatal(err)
	}
	_, ended := watching(t, s)
	p.Stop(t)
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := s.Get(short, benchKey(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get of a frozen server = %v, want the deadline", err)
	}
	if err := <-ended; err == nil {
		t.Error("the watch of a frozen server ended without an error")
	}
	p.Cont(t)
	if l, err := s.Get(ctx, benchKey(1)); err != nil || !l.Found {
		t.Errorf("Get = found %t, %v", l.Found, err)
	}
	p.Stop(t)
	stuck := make(chan error, 1)
	go func() { _, err := s.Get(ctx, benchKey(1)); stuck <- err }()
	eventually(t, "the Get is under way", func() bool { return s.pool.Stat().AcquiredConns() > 0 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-stuck; !errors.Is(err, store.ErrClosed) {
		t.Errorf("Get that Close gave up = %v, want ErrClosed", err)
	}
	p.Cont(t)
}
