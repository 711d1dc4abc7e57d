package memstore

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func numberedKey(n int) (k store.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n))
	return k
}

func open(t *testing.T, o *Options) *Store {
	s := New(o)
	t.Cleanup(func() { s.Close() })
	return s
}

// seqOf is the current sequence number.
func seqOf(t *testing.T, s *Store) uint64 {
	t.Helper()
	i, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i.Seq
}

func clearKey(t *testing.T, s *Store, key store.Key) {
	t.Helper()
	if _, err := s.Clear(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

// TestTrimmedLogFlushes clears one key more than the log holds: a reader that
// missed the first must drop everything, and work that began before it is
// refused although its tombstone is gone.
func TestTrimmedLogFlushes(t *testing.T) {
	s := open(t, nil)
	begun := seqOf(t, s)
	for n := range maxKeyChanges {
		clearKey(t, s, numberedKey(n))
	}
	c, err := s.Changes(t.Context(), begun)
	if err != nil || c.Flush || len(c.Keys) != maxKeyChanges {
		t.Fatalf("a full log: flush %t, %d keys, %v", c.Flush, len(c.Keys), err)
	}
	clearKey(t, s, numberedKey(maxKeyChanges))
	if c, err = s.Changes(t.Context(), begun); err != nil || !c.Flush {
		t.Errorf("an overfull log: flush %t, %v", c.Flush, err)
	}
	if c, err = s.Changes(t.Context(), begun+1); err != nil || c.Flush || len(c.Keys) != maxKeyChanges {
		t.Errorf("since the first change: flush %t, %d keys, %v", c.Flush, len(c.Keys), err)
	}
	if c, err = s.Changes(t.Context(), 0); err != nil || c.Flush {
		t.Errorf("since 0: flush %t, %v", c.Flush, err)
	}
	if len(s.cleared) != maxKeyChanges || len(s.log.ring) != maxKeyChanges {
		t.Errorf("%d tombstones and %d changes are kept, want %d", len(s.cleared), len(s.log.ring), maxKeyChanges)
	}
	_, err = s.Put(t.Context(), &store.Record{Key: numberedKey(0), Begun: begun}, store.PutPublish)
	if !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("Put of work that a forgotten clear overtook = %v, want ErrSuperseded", err)
	}
}

// TestForgottenLabels bumps more labels than are remembered. What they hide
// stays hidden, and older work is refused.
func TestForgottenLabels(t *testing.T) {
	s := open(t, nil)
	begun := seqOf(t, s)
	r := &store.Record{Key: numberedKey(0), Begun: begun, Labels: store.Labels{Tags: []string{"first"}}}
	other := &store.Record{Key: numberedKey(1), Begun: begun, Policy: store.Persist}
	for _, r := range []*store.Record{r, other} {
		if _, err := s.Put(t.Context(), r, store.PutPublish); err != nil {
			t.Fatal(err)
		}
	}
	bumpTag(t, s, "first")
	for n := range maxBumped {
		bumpTag(t, s, string(binary.BigEndian.AppendUint32(nil, uint32(n))))
	}
	if len(s.bumped) > maxBumped {
		t.Errorf("%d labels are remembered, want at most %d", len(s.bumped), maxBumped)
	}
	if l, err := s.Get(t.Context(), r.Key); err != nil || l.Found {
		t.Errorf("an entry that a forgotten bump hid is found: %v", err)
	}
	if l, err := s.Get(t.Context(), other.Key); err != nil || !l.Found {
		t.Errorf("an entry that nothing hid is lost: %v", err)
	}
	if _, err := s.Put(t.Context(), r, store.PutPublish); !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("Put = %v, want ErrSuperseded", err)
	}
	if c, err := s.Changes(t.Context(), begun); err != nil || !c.Flush {
		t.Errorf("Changes: flush %t, %v", c.Flush, err)
	}
}

func bumpTag(t *testing.T, s *Store, tag string) {
	t.Helper()
	if _, err := s.Bump(t.Context(), store.TagLabel(tag)); err != nil {
		t.Fatal(err)
	}
}

// TestBurstIsFolded bumps while the watcher is busy: it is told once, of the
// newest number, and owes a bounded amount.
func TestBurstIsFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		var mu sync.Mutex
		var got []store.Event
		mu.Lock()
		go s.Watch(t.Context(), func() {}, func(e store.Event) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, e)
		})
		synctest.Wait()
		bumpTag(t, s, "t")
		s.mu.Lock() // the watcher cannot take what is pending
		for range 3 * maxPending {
			s.next()
			s.tell(store.Event{Seq: s.seq})
		}
		for w := range s.watchers {
			if len(w.pending) > maxPending {
				t.Errorf("%d events are pending", len(w.pending))
			}
		}
		s.mu.Unlock()
		mu.Unlock()
		synctest.Wait()
		if last := got[len(got)-1]; last.Seq != seqOf(t, s) || len(got) > maxPending+1 {
			t.Errorf("%d events, the last %d, want the newest, %d", len(got), last.Seq, seqOf(t, s))
		}
	})
}

// TestSweepForgetsIdleLeases holds that leases take no memory for ever, and
// that fences grow all the same.
func TestSweepForgetsIdleLeases(t *testing.T) {
	c := newClock()
	s := open(t, &Options{Now: c.now})
	key, owner := numberedKey(1), store.Owner{1}
	g, err := s.Acquire(t.Context(), key, owner, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	r := &store.Record{Key: key, Begun: seqOf(t, s)}
	if _, err := s.Publish(t.Context(), r, store.PutPublish, owner, g.Fence); err != nil {
		t.Fatal(err)
	}
	sweepAndCount := func(want int) {
		t.Helper()
		if _, err := s.Sweep(t.Context()); err != nil || len(s.leases) != want {
			t.Errorf("%d leases after Sweep, want %d; %v", len(s.leases), want, err)
		}
	}
	sweepAndCount(1)
	c.advance(publishMemory + time.Second)
	sweepAndCount(0)
	if next, err := s.Acquire(t.Context(), key, owner, time.Minute); err != nil || next.Fence <= g.Fence {
		t.Errorf("fence %d after %d, %v", next.Fence, g.Fence, err)
	}
	sweepAndCount(1)
}

func TestEvictionFollowsReads(t *testing.T) {
	c := newClock()
	s := open(t, &Options{Now: c.now, Quota: 100})
	put := func(n int) {
		t.Helper()
		r := &store.Record{Key: numberedKey(n), Value: make([]byte, 40), Cost: time.Second}
		if _, err := s.Put(t.Context(), r, store.PutSet); err != nil {
			t.Fatal(err)
		}
		c.advance(time.Hour)
	}
	found := func(n int) bool {
		t.Helper()
		l, err := s.Get(t.Context(), numberedKey(n))
		if err != nil {
			t.Fatal(err)
		}
		return l.Found
	}
	put(1)
	put(2)
	found(1)
	put(3)
	if !found(1) || found(2) || !found(3) {
		t.Errorf("left: 1 %t, 2 %t, 3 %t; want the one not read to leave", found(1), found(2), found(3))
	}
}

// TestSweepEnforcesQuota lowers the quota under what is stored, as a new
// process with new options would.
func TestSweepEnforcesQuota(t *testing.T) {
	s := open(t, nil)
	for n := range 10 {
		r := &store.Record{Key: numberedKey(n), Value: make([]byte, 10), Cost: time.Duration(n) * time.Second}
		if _, err := s.Put(t.Context(), r, store.PutSet); err != nil {
			t.Fatal(err)
		}
	}
	s.quota = 35
	got, err := s.Sweep(t.Context())
	if want := (store.Swept{Evicted: 7, Bytes: 70}); err != nil || got != want {
		t.Errorf("Sweep = %+v, %v, want %+v", got, err, want)
	}
	for n := range 10 {
		if l, err := s.Get(t.Context(), numberedKey(n)); err != nil || l.Found != (n >= 7) {
			t.Errorf("entry %d found: %t, %v", n, l.Found, err)
		}
	}
}

func TestBadArguments(t *testing.T) {
	s := open(t, nil)
	ctx, key, owner := t.Context(), store.Key{}, store.Owner{}
	minute := -time.Minute
	for what, call := range map[string]func() error{
		"a negative ttl":           func() error { _, err := s.Put(ctx, &store.Record{TTL: -1}, store.PutSet); return err },
		"a negative grace":         func() error { _, err := s.Put(ctx, &store.Record{Grace: -1}, store.PutSet); return err },
		"an unknown mode":          func() error { _, err := s.Put(ctx, &store.Record{}, 9); return err },
		"an update to the past":    func() error { _, err := s.Update(ctx, key, store.Change{TTL: &minute}); return err },
		"a set under a lease":      func() error { _, err := s.Publish(ctx, &store.Record{}, store.PutSet, owner, 1); return err },
		"a lease of no time":       func() error { _, err := s.Acquire(ctx, key, owner, 0); return err },
		"a renewal for no time":    func() error { return s.Renew(ctx, key, owner, 1, 0) },
		"a label of unknown kind":  func() error { _, err := s.Bump(ctx, store.Label{Kind: store.LabelTag + 1}); return err },
		"a listing from the past":  func() error { _, err := s.List(ctx, store.Query{Limit: -1}); return err },
		"a purge of everything":    func() error { _, err := s.Purge(ctx, store.Query{}); return err },
		"a value over its maximum": func() error { return tooLarge(ctx) },
	} {
		if err := call(); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	if n := seqOf(t, s); n != 1 {
		t.Errorf("refused calls moved the sequence to %d", n)
	}
}

func tooLarge(ctx context.Context) error {
	s := New(&Options{MaxValue: 3})
	defer s.Close()
	_, err := s.Put(ctx, &store.Record{Value: make([]byte, 4)}, store.PutSet)
	return err
}

// TestScansEndWithTheirContext cancels in the middle of a scan: the clock of
// the store is asked before it, and cancels.
func TestScansEndWithTheirContext(t *testing.T) {
	for what, call := range map[string]func(context.Context, *Store) error{
		"Count": func(ctx context.Context, s *Store) error { _, err := s.Count(ctx, store.Query{}); return err },
		"List":  func(ctx context.Context, s *Store) error { _, err := s.List(ctx, store.Query{}); return err },
		"Sweep": func(ctx context.Context, s *Store) error { _, err := s.Sweep(ctx); return err },
		"Purge": func(ctx context.Context, s *Store) error {
			_, err := s.Purge(ctx, store.Query{Collection: new(string)})
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		now := func() time.Time { return time.Unix(1, 0) }
		s := open(t, &Options{Now: func() time.Time { return now() }})
		for n := range 2 * ctxEvery {
			if _, err := s.Put(ctx, &store.Record{Key: numberedKey(n)}, store.PutSet); err != nil {
				t.Fatal(err)
			}
		}
		now = func() time.Time { cancel(); return time.Unix(1, 0) }
		if err := call(ctx, s); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want context.Canceled", what, err)
		}
		cancel()
	}
}
