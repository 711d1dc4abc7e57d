//go:build unix

package redisstore

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

var us, them = store.Owner{1}, store.Owner{2}

func record(name string) *store.Record {
	r := &store.Record{Labels: store.Labels{Collection: "c", Function: "f"}, Value: []byte("value of " + name)}
	copy(r.Key[:], name)
	return r
}

func seqOf(t testing.TB, s *Store) uint64 {
	t.Helper()
	i, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i.Seq
}

func mustPublish(t testing.TB, s *Store, r *store.Record) {
	t.Helper()
	r.Begun = seqOf(t, s)
	if _, err := s.Put(t.Context(), r, store.PutPublish); err != nil {
		t.Fatal(err)
	}
}

// recovers repeats op until it succeeds, as after a server came back.
func recovers(t testing.TB, what string, op func() error) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		err := op()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s never works again: %v", what, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// watching starts a Watch; its end arrives on the channel.
func watching(t testing.TB, s *Store, f func(store.Event)) <-chan error {
	t.Helper()
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Watch(t.Context(), func() { close(ready) }, f) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("Watch = %v before it was ready", err)
	case <-time.After(30 * time.Second):
		t.Fatal("Watch is never ready")
	}
	return ended
}

// TestDataLoss is guarantee 13: the server dies without persistence while an
// execution runs under a lease.
func TestDataLoss(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t)
	s := opened(t, server.URL(), nil)
	r := record("a")
	mustPublish(t, s, record("gone"))
	g, err := s.Acquire(t.Context(), r.Key, us, time.Hour)
	if err != nil || !g.Granted {
		t.Fatalf("Acquire = %+v, %v", g, err)
	}
	before := seqOf(t, s)
	r.Begun = before
	ended := watching(t, s, func(store.Event) {})

	server.Restart(t)
	if err := <-ended; err == nil || errors.Is(err, store.ErrClosed) {
		t.Errorf("Watch = %v, want an error that says that it broke", err)
	}
	recovers(t, "Info", func() error { _, err := s.Info(t.Context()); return err })

	if after := seqOf(t, s); after <= before {
		t.Errorf("the sequence went from %d to %d", before, after)
	}
	if c, err := s.Changes(t.Context(), before); err != nil || !c.Flush {
		t.Errorf("Changes = %+v, %v, want a flush", c, err)
	}
	if l, err := s.Get(t.Context(), record("gone").Key); err != nil || l.Found {
		t.Errorf("Get = found %t, %v", l.Found, err)
	}
	if _, err := s.Put(t.Context(), r, store.PutPublish); !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("Put of what began before = %v, want ErrSuperseded: a clear may be lost", err)
	}
	r.Begun = seqOf(t, s)
	if _, err := s.Publish(t.Context(), r, store.PutPublish, us, g.Fence); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("Publish under the lost lease = %v, want ErrLeaseLost", err)
	}
	next, err := s.Acquire(t.Context(), r.Key, them, time.Hour)
	if err != nil || !next.Granted || next.Fence <= g.Fence {
		t.Errorf("Acquire = %+v, %v, want a fence over %d", next, err, g.Fence)
	}
	if _, err := s.Publish(t.Context(), r, store.PutPublish, us, g.Fence); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the stale Publish = %v, want ErrLeaseLost", err)
	}
	if _, err := s.Publish(t.Context(), r, store.PutPublish, them, next.Fence); err != nil {
		t.Errorf("the new owner's Publish = %v", err)
	}
}

// TestClusterNodeLosesItsData restarts the nodes of a cluster one by one: the
// generations must not be forgotten while entries that they hide survive.
func TestClusterNodeLosesItsData(t *testing.T) {
	t.Parallel()
	c := servertest.RedisCluster(t)
	s := opened(t, c.URL(), nil)
	keys := make([]*store.Record, 64)
	for i := range keys {
		keys[i] = record(string([]byte{byte(4 * i)}) + "key")
		mustPublish(t, s, keys[i])
	}
	if b, err := s.Bump(t.Context(), store.All()); err != nil || b.Entries != len(keys) {
		t.Fatalf("Bump = %+v, %v", b, err)
	}
	for _, node := range c.Nodes {
		node.Restart(t) // its nodes.conf survives, its data does not
		recovers(t, "Get", func() error {
			for _, r := range keys {
				l, err := s.Get(t.Context(), r.Key)
				if err != nil {
					return err
				}
				c, err := s.Changes(t.Context(), 0)
				if err != nil {
					return err
				}
				if l.Found && (len(c.Labels) == 0 || l.Record.Begun >= c.Labels[0].Seq) {
					t.Fatalf("an entry that was hidden shows again: began at %d, now %+v", l.Record.Begun, c)
				}
			}
			return nil
		})
	}
	recovers(t, "Put", func() error {
		i, err := s.Info(t.Context())
		if err != nil {
			return err
		}
		keys[0].Begun = i.Seq
		_, err = s.Put(t.Context(), keys[0], store.PutPublish)
		return err
	})
}

func TestServerDiesAndComesBack(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t)
	s := opened(t, server.URL(), nil)
	mustPublish(t, s, record("a"))
	server.Kill(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for name, op := range map[string]func() error{
		"Get":     func() error { _, err := s.Get(ctx, record("a").Key); return err },
		"Put":     func() error { _, err := s.Put(ctx, record("a"), store.PutSet); return err },
		"Clear":   func() error { _, err := s.Clear(ctx, record("a").Key); return err },
		"Acquire": func() error { _, err := s.Acquire(ctx, record("a").Key, us, time.Hour); return err },
		"Watch":   func() error { return s.Watch(ctx, func() {}, func(store.Event) {}) },
	} {
		if err := op(); err == nil || ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			t.Errorf("%s without a server = %v, want its error at once", name, err)
		}
	}
	server.Restart(t)
	recovers(t, "Put", func() error { _, err := s.Put(t.Context(), record("a"), store.PutSet); return err })
	if l, err := s.Get(t.Context(), record("a").Key); err != nil || !l.Found {
		t.Errorf("Get = found %t, %v", l.Found, err)
	}
}

func TestStoppedServerCostsTheDeadlineOnly(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t)
	s := opened(t, server.URL(), nil)
	mustPublish(t, s, record("a"))
	server.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Get(ctx, record("a").Key); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get = %v, want the deadline", err)
	}
	server.Cont(t)
	recovers(t, "Get", func() error {
		l, err := s.Get(t.Context(), record("a").Key)
		if err == nil && !l.Found {
			t.Fatal("the entry is gone")
		}
		return err
	})
}

// rounds is how often faults are injected.
func rounds() int {
	if os.Getenv("REPRISE_TORTURE") == "1" {
		return 200
	}
	return 30
}

// TestLostReplies is guarantee 5 at the driver: the server did what it was
// asked, and the answer is lost. Asking again must give what the first answer
// would have said.
func TestLostReplies(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t)
	relay := servertest.NewRelay(t, server.Addr())
	s, direct := opened(t, "redis://"+relay.Addr(), nil), opened(t, server.URL(), nil)
	lose := func(what string, op func() error) {
		t.Helper()
		relay.LoseReplies()
		if op() == nil {
			t.Fatalf("%s succeeded although its reply is lost", what)
		}
		relay.Pass()
		recovers(t, what, op)
	}
	for range rounds() {
		r := record("a")
		seq, err := direct.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.Begun = seq.Seq
		var g store.Grant
		lose("Acquire", func() (err error) { g, err = s.Acquire(t.Context(), r.Key, us, time.Hour); return err })
		if other, err := direct.Acquire(t.Context(), r.Key, them, time.Hour); err != nil || !g.Granted || other.Granted || other.Fence != g.Fence {
			t.Fatalf("Acquire = %+v; another's = %+v, %v", g, other, err)
		}
		lose("Renew", func() error { return s.Renew(t.Context(), r.Key, us, g.Fence, time.Hour) })
		var stamp store.Stamp
		lose("Publish", func() (err error) {
			stamp, err = s.Publish(t.Context(), r, store.PutRefresh, us, g.Fence)
			return err
		})
		l, err := direct.Get(t.Context(), r.Key)
		if err != nil || !l.Found || l.Record.Fence != g.Fence || !l.Record.Created.Equal(stamp.Created) {
			t.Fatalf("Get = %+v, %v after %+v", l, err, stamp)
		}
		if l.Seq != seq.Seq+1 || stamp.Seq != l.Seq {
			t.Fatalf("the sequence went from %d to %d, stamped %d: the publish was not done once", seq.Seq, l.Seq, stamp.Seq)
		}
	}
}

// TestPartition swallows all bytes for a while.
func TestPartition(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t)
	relay := servertest.NewRelay(t, server.Addr())
	s := opened(t, "redis://"+relay.Addr(), &Options{Timeout: time.Second})
	mustPublish(t, s, record("a"))
	ended := watching(t, s, func(store.Event) {})
	relay.Cut()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Get(ctx, record("a").Key); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get = %v, want the deadline", err)
	}
	if err := <-ended; err == nil {
		t.Error("Watch ended without an error")
	}
	relay.Pass()
	recovers(t, "Get", func() error { _, err := s.Get(t.Context(), record("a").Key); return err })
}

// TestFull fills the server's memory: puts are refused and change nothing,
// clears and leases work.
func TestFull(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, "--maxmemory", "20mb", "--maxmemory-policy", "noeviction")
	s := opened(t, server.URL(), nil)
	var err error
	stored := 0
	for ; err == nil && stored < 100; stored++ {
		r := record("n" + string(rune('0'+stored)))
		r.Value = make([]byte, 1<<20)
		_, err = s.Put(t.Context(), r, store.PutSet)
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("after %d puts of 1 MiB: %v, want ErrFull", stored, err)
	}
	first := record("n0")
	n, err := s.Count(t.Context(), store.Query{})
	if err != nil || n.Entries != stored-1 {
		t.Errorf("Count = %+v, %v, want %d", n, err, stored-1)
	}
	big := record("n0")
	big.Value = make([]byte, 4<<20)
	if _, err := s.Put(t.Context(), big, store.PutSet); !errors.Is(err, store.ErrFull) {
		t.Errorf("Put = %v, want ErrFull", err)
	}
	if l, err := s.Get(t.Context(), first.Key); err != nil || !l.Found || len(l.Record.Value) != 1<<20 {
		t.Errorf("the refused Put changed the entry: found %t, %v", l.Found, err)
	}
	if g, err := s.Acquire(t.Context(), record("lease").Key, us, time.Hour); err != nil || !g.Granted {
		t.Errorf("Acquire = %+v, %v", g, err)
	}
	if b, err := s.Clear(t.Context(), first.Key); err != nil || b.Entries != 1 {
		t.Errorf("Clear = %+v, %v", b, err)
	}
	if b, err := s.Bump(t.Context(), store.All()); err != nil || b.Entries != stored-2 {
		t.Errorf("Bump = %+v, %v, want %d", b, err, stored-2)
	}
	if swept, err := s.Sweep(t.Context()); err != nil || swept.Hidden != stored-2 {
		t.Errorf("Sweep = %+v, %v", swept, err)
	}
	if _, err := s.Put(t.Context(), first, store.PutSet); err != nil {
		t.Errorf("Put after the sweep = %v", err)
	}
}

// TestEvicted lets Redis take entries with a TTL; the sweep finds out.
func TestEvicted(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, "--maxmemory", "20mb", "--maxmemory-policy", "volatile-lru")
	s := opened(t, server.URL(), nil)
	if w := s.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q about a policy that is fine", w)
	}
	g, err := s.Acquire(t.Context(), record("lease").Key, us, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	const puts = 40
	for i := range puts {
		r := record("n" + string(rune('0'+i)))
		r.Value, r.TTL = make([]byte, 1<<20), time.Hour
		if _, err := s.Put(t.Context(), r, store.PutSet); err != nil {
			t.Fatal(err)
		}
	}
	swept, err := s.Sweep(t.Context())
	if err != nil || swept.Evicted == 0 || swept.Expired != 0 {
		t.Errorf("Sweep = %+v, %v", swept, err)
	}
	i, err := s.Info(t.Context())
	n, err2 := s.Count(t.Context(), store.Query{})
	if err != nil || err2 != nil || i.Entries != puts-swept.Evicted || n.Entries != i.Entries {
		t.Errorf("%d of %d entries evicted, Info says %d, Count %d, %v, %v", swept.Evicted, puts, i.Entries, n.Entries, err, err2)
	}
	if err := s.Renew(t.Context(), record("lease").Key, us, g.Fence, time.Hour); err != nil {
		t.Errorf("the lease did not survive: %v", err)
	}
}

// expireLock lets the lock of an entry end soon.
func expireLock(t testing.TB, s *Store, key store.Key) {
	t.Helper()
	name := s.names.named(key, "o:")
	if n, err := s.client.Do(t.Context(), s.client.B().Pexpire().Key(name).Milliseconds(100).Build()).AsInt64(); n != 1 || err != nil {
		t.Fatalf("no lock %q: %v", name, err)
	}
}

// TestInterruptedInCluster ends changes between their steps, as a process does
// that dies there.
func TestInterruptedInCluster(t *testing.T) {
	t.Parallel()
	s := opened(t, servertest.SharedRedisCluster(t).URL(), fresh())
	ctx := t.Context()
	r := record("a")
	mustPublish(t, s, r)
	old := *r

	if _, err := s.lockCleared(ctx, r.Key, "dead"); err != nil {
		t.Fatal(err)
	}
	if l, err := s.Get(ctx, r.Key); err != nil || l.Found {
		t.Errorf("Get of an entry that is being cleared: found %t, %v", l.Found, err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := s.Put(short, &old, store.PutPublish); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put meanwhile = %v, want it to wait", err)
	}
	expireLock(t, s, r.Key)
	if b, err := s.Clear(ctx, r.Key); err != nil || b.Seq == 0 { // waits until it has
		t.Errorf("the repeated Clear = %+v, %v", b, err)
	}
	if _, err := s.Put(ctx, &old, store.PutPublish); !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("Put of what began before the Clear = %v", err)
	}
	if done, err := s.done(ctx, opClearDone, r.Key, "dead", seqOf(t, s)); done || err != nil {
		t.Errorf("the late end of the interrupted clear = %t, %v, want refused", done, err)
	}

	c := &change{rec: record("b"), mode: store.PutSet, what: "put"}
	c.set, c.labels = setOf(&c.rec.Labels, c.rec.Policy), encodeLabels(c.rec)
	base := seqOf(t, s)
	if _, _, err := s.prepare(ctx, c.rec.Key, 0, store.PutSet, &c.set, c.set.id); err != nil {
		t.Fatal(err)
	}
	if said, _, err := s.apply(ctx, c, "dead", base); said != "ok" || err != nil {
		t.Fatalf("apply = %q, %v", said, err)
	}
	if l, err := s.Get(ctx, c.rec.Key); err != nil || !l.Found || l.Record.Begun != base {
		t.Errorf("Get of an entry that is being set = %+v, %v", l, err)
	}
	if b, err := s.Bump(ctx, store.All()); err != nil || b.Entries != 1 {
		t.Errorf("Bump = %+v, %v: it must reach what a dead writer left", b, err)
	}
	expireLock(t, s, c.rec.Key)
	stamp, err := s.Put(ctx, c.rec, store.PutSet)
	if l, err2 := s.Get(ctx, c.rec.Key); err != nil || err2 != nil || l.Record.Begun != stamp.Seq {
		t.Errorf("after the repeated Put began at %d, stamped %d, %v, %v", l.Record.Begun, stamp.Seq, err, err2)
	}
}

// TestPurgedInCluster purges an entry between the steps of a set. The lock goes
// with it: nobody, the set itself least, waits for its end.
func TestPurgedInCluster(t *testing.T) {
	t.Parallel()
	s := opened(t, servertest.SharedRedisCluster(t).URL(), fresh())
	ctx := t.Context()
	c := &change{rec: record("a"), mode: store.PutSet, what: "put"}
	c.set, c.labels = setOf(&c.rec.Labels, c.rec.Policy), encodeLabels(c.rec)
	base := seqOf(t, s)
	if _, _, err := s.prepare(ctx, c.rec.Key, 0, store.PutSet, &c.set, c.set.id); err != nil {
		t.Fatal(err)
	}
	if said, _, err := s.apply(ctx, c, "ours", base); said != "ok" || err != nil {
		t.Fatalf("apply = %q, %v", said, err)
	}
	if n, err := s.Purge(ctx, store.Query{Key: &c.rec.Key}); n != 1 || err != nil {
		t.Fatalf("Purge = %d, %v", n, err)
	}
	if done, err := s.done(ctx, opSetDone, c.rec.Key, "ours", base+1); done || err != nil {
		t.Errorf("the set of what was purged = %t, %v, want to start over", done, err)
	}
	name := s.names.named(c.rec.Key, "o:")
	if n, err := s.client.Do(ctx, s.client.B().Exists().Key(name).Build()).AsInt64(); n != 0 || err != nil {
		t.Errorf("%d locks are left, %v", n, err)
	}
}

// TestKnownNumberIsCurrent lets one handle read by its known number while
// another moves it: no Get may miss a change that had returned before.
func TestKnownNumberIsCurrent(t *testing.T) {
	t.Parallel()
	url, o := servertest.SharedRedis(t).URL(), fresh()
	reader, writer := opened(t, url, o), opened(t, url, o)
	if !reader.tracked {
		t.Fatal("this server can tell of changes, and the store does not let it")
	}
	r := record("a")
	for range 30 * rounds() {
		stamp, err := writer.Put(t.Context(), r, store.PutSet)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			l, err := reader.Get(t.Context(), r.Key)
			if err != nil || l.Seq != stamp.Seq || l.Record.Begun != stamp.Seq {
				t.Fatalf("Get: number %d, entry of %d, want %d; %v", l.Seq, l.Record.Begun, stamp.Seq, err)
			}
		}
	}
	if reader.tracker.current() == nil {
		t.Error("the number is never known: every Get pays for it")
	}
}

// TestWithoutPush holds that the store works where Redis cannot push.
func TestWithoutPush(t *testing.T) {
	s := opened(t, servertest.SharedRedis(t).URL()+"?protocol=2", fresh())
	events := make(chan store.Event, 100)
	watching(t, s, func(e store.Event) { events <- e })
	mustPublish(t, s, record("a"))
	if e := <-events; e.Key == nil || *e.Key != record("a").Key {
		t.Errorf("event %+v", e)
	}
	if l, err := s.Get(t.Context(), record("a").Key); err != nil || !l.Found || s.tracked {
		t.Errorf("Get = %+v, %v, tracked %t", l, err, s.tracked)
	}
	b, err := s.Clear(t.Context(), record("a").Key)
	if l, err2 := s.Get(t.Context(), record("a").Key); err != nil || err2 != nil || l.Found || l.Seq != b.Seq {
		t.Errorf("after the Clear %+v, %v, %v", l, err, err2)
	}
}

// TestWakeUp logs how long an event takes; the figure is in docs/redis.md.
func TestWakeUp(t *testing.T) {
	for name, url := range map[string]string{"single": servertest.SharedRedis(t).URL(), "cluster": servertest.SharedRedisCluster(t).URL()} {
		s := opened(t, url, fresh())
		at := make(chan time.Time, 100)
		watching(t, s, func(e store.Event) {
			if e.Key != nil {
				at <- time.Now()
			}
		})
		var took []float64
		for range rounds() {
			r := record("a")
			r.Begun = seqOf(t, s)
			g, err := s.Acquire(t.Context(), r.Key, us, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Publish(t.Context(), r, store.PutPublish, us, g.Fence); err != nil {
				t.Fatal(err)
			}
			published := time.Now()
			took = append(took, (<-at).Sub(published).Seconds()*1e3)
		}
		m := median(took)
		t.Logf("%s: woken %.2f ms after the publish returned, median; %.2f at most", name, m, took[len(took)-1])
	}
}

// TestScriptsAreLoadedAgain makes Redis forget all scripts.
func TestScriptsAreLoadedAgain(t *testing.T) {
	for _, url := range []string{servertest.SharedRedis(t).URL(), servertest.SharedRedisCluster(t).URL()} {
		s := opened(t, url, fresh())
		mustPublish(t, s, record("a"))
		for _, node := range s.client.Nodes() {
			if err := node.Do(t.Context(), node.B().ScriptFlush().Build()).Error(); err != nil {
				t.Fatal(err)
			}
		}
		if l, err := s.Get(t.Context(), record("a").Key); err != nil || !l.Found {
			t.Errorf("Get = found %t, %v", l.Found, err)
		}
		if n, err := s.Count(t.Context(), store.Query{}); err != nil || n.Entries != 1 {
			t.Errorf("Count = %+v, %v", n, err)
		}
	}
}

func TestNoSecretInErrors(t *testing.T) {
	for _, url := range []string{
		"redis://user:hunter2@127.0.0.1:1/0", "redis://user:hunter2@127.0.0.1:port", "redis://user:hunter2@127.0.0.1:1/x",
		"rediss://:hunter2@127.0.0.1:1", "gopher://u:hunter2@h", "://u:hunter2@h", "user:hunter2@h", "redis://u:hunter2@h/%zz",
		"redis://127.0.0.1:1?password=hunter2",
	} {
		_, err := Open(t.Context(), url, nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "redisstore: ") {
			t.Errorf("Open(%q) = %v", url, err)
		}
	}
}
