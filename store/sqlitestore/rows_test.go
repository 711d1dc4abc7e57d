package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// Keys that share the indexed 64 bits are different entries in every method.
func TestPrefixCollision(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "reprise.db"), quiet())
	ctx := t.Context()
	const n = 5
	key := func(i int) store.Key { return store.Key{0: 0xff, 7: 7, 31: byte(i)} }
	for i := range n {
		rec := &store.Record{Key: key(i), Begun: 1, Value: []byte{byte(i)}, Labels: store.Labels{Function: fmt.Sprint(i)}}
		if _, err := s.Put(ctx, rec, store.PutPublish); err != nil {
			t.Fatal(err)
		}
	}
	var listed []store.Key
	for cursor := ""; ; {
		p, err := s.List(ctx, store.Query{Limit: 2, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Records {
			listed = append(listed, r.Key)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]store.Key{key(0), key(1), key(2), key(3), key(4)}, listed); diff != "" {
		t.Error(diff)
	}
	if b, err := s.Clear(ctx, key(1)); err != nil || b.Entries != 1 {
		t.Errorf("Clear = %+v, %v", b, err)
	}
	k := key(3)
	if n, err := s.Purge(ctx, store.Query{Key: &k}); err != nil || n != 1 {
		t.Errorf("Purge = %d, %v", n, err)
	}
	for i := range n + 1 {
		l, err := s.Get(ctx, key(i))
		want := i != 1 && i != 3 && i < n
		if err != nil || l.Found != want || want && l.Record.Value[0] != byte(i) {
			t.Errorf("Get of key %d = %+v, %v", i, l, err)
		}
	}
}

// A value file that several entries share goes when the last of them does, and
// not if a put comes in between.
func TestValueFileShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reprise.db")
	s := open(t, path, &sqlitestore.Options{SweepEvery: -1, InlineBelow: -1})
	ctx := t.Context()
	put := func(name byte) {
		t.Helper()
		if _, err := s.Put(ctx, &store.Record{Key: store.Key{name}, Value: []byte("same")}, store.PutSet); err != nil {
			t.Fatal(err)
		}
	}
	wantFiles := func(want int) {
		t.Helper()
		if _, err := s.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if got := valueFiles(t, path); len(got) != want {
			t.Errorf("value files %v, want %d", got, want)
		}
	}
	put('a')
	put('b')
	put('b')
	wantFiles(1)
	s.Clear(ctx, store.Key{'a'})
	wantFiles(1)
	s.Clear(ctx, store.Key{'b'})
	put('c')
	wantFiles(1)
	if l, err := s.Get(ctx, store.Key{'c'}); err != nil || string(l.Record.Value) != "same" {
		t.Errorf("Get = %+v, %v", l, err)
	}
	s.Clear(ctx, store.Key{'c'})
	wantFiles(0)
}

// Puts and clears of one content run against sweeps that delete its file. No
// entry may ever be without it.
func TestValueFileRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reprise.db")
	o := &sqlitestore.Options{SweepEvery: -1, InlineBelow: -1}
	a, b := open(t, path, o), open(t, path, o)
	ctx := t.Context()
	var work sync.WaitGroup
	stop := make(chan struct{})
	work.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := b.Sweep(ctx); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 150 {
		key := store.Key{byte(i % 3)}
		if _, err := a.Put(ctx, &store.Record{Key: key, Value: []byte("same")}, store.PutSet); err != nil {
			t.Fatal(err)
		}
		for _, s := range []store.Store{a, b} {
			if l, err := s.Get(ctx, key); err != nil || !l.Found || string(l.Record.Value) != "same" {
				t.Fatalf("Get = %+v, %v", l, err)
			}
		}
		if _, err := a.Clear(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	work.Wait()
}

// What a dead process left beside the database is swept; what is not ours, and
// what a living process may just be writing, is not.
func TestStrays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reprise.db")
	s := open(t, path, &sqlitestore.Options{SweepEvery: -1, InlineBelow: -1})
	if _, err := s.Put(t.Context(), numbered(1), store.PutSet); err != nil {
		t.Fatal(err)
	}
	make := func(name string, age time.Duration) string {
		t.Helper()
		p := filepath.Join(path+".values", name)
		at := time.Now().Add(-age)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, nil, 0o600), os.Chtimes(p, at, at)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	stray := make("ab/"+fmt.Sprintf("%062x", 1), 0)
	old := make("tmp/put-1", 2*time.Hour)
	young := make("tmp/put-2", 0)
	other := make("ab/README", 0)
	if _, err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{stray: false, old: false, young: true, other: true} {
		if _, err := os.Stat(p); (err == nil) != want {
			t.Errorf("%s: %v, want there %t", p, err, want)
		}
	}
	wantNumbered(t, s, 1)
}

// Above 16 MiB the quota may be exceeded by a sixteenth, and then falls back.
func TestQuotaSlack(t *testing.T) {
	const quota = 16 << 20
	s := open(t, filepath.Join(t.TempDir(), "reprise.db"), &sqlitestore.Options{SweepEvery: -1, Quota: quota})
	value := make([]byte, 60<<10)
	most := int64(0)
	for i := range 400 {
		rec := &store.Record{Key: store.Key{byte(i), byte(i >> 8)}, Value: value, Cost: time.Duration(i) * time.Second}
		if _, err := s.Put(t.Context(), rec, store.PutSet); err != nil {
			t.Fatal(err)
		}
		info, err := s.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, info.Bytes)
	}
	if most <= quota || most > quota+quota/16 {
		t.Errorf("at most %d bytes were in use, want up to a sixteenth over %d", most, quota)
	}
}

// Reading an entry saves it from eviction, also for a process that did not
// read it.
func TestRecency(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "reprise.db")
	o := &sqlitestore.Options{SweepEvery: -1, Quota: 300, Now: c.Now}
	s := open(t, path, o)
	ctx := context.Background()
	put := func(name byte) {
		t.Helper()
		rec := &store.Record{Key: store.Key{name}, Value: make([]byte, 100), Cost: time.Second}
		if _, err := s.Put(ctx, rec, store.PutSet); err != nil {
			t.Fatal(err)
		}
		c.Advance(time.Hour)
	}
	put('a')
	put('b')
	put('c')
	if l, err := s.Get(ctx, store.Key{'a'}); err != nil || !l.Found {
		t.Fatal(l, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, o)
	put('d')
	for name, want := range map[byte]bool{'a': true, 'b': false, 'c': true, 'd': true} {
		if l, err := s.Get(ctx, store.Key{name}); err != nil || l.Found != want {
			t.Errorf("entry %c: found %t, want %t (%v)", name, l.Found, want, err)
		}
	}
}

// After a week clears and bumps are forgotten, work that began before them is
// refused, and readers that have not asked since must drop all they have.
func TestForget(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "reprise.db")
	s := open(t, path, &sqlitestore.Options{SweepEvery: -1, Now: c.Now})
	ctx := t.Context()
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	kept := numbered(1)
	kept.Policy = store.Persist
	do(s.Put(ctx, kept, store.PutPublish))
	do(s.Put(ctx, numbered(2), store.PutPublish))
	do(s.Clear(ctx, numbered(3).Key))
	do(s.Put(ctx, numbered(4), store.PutSet))
	bumped, err := s.Bump(ctx, store.All())
	if err != nil || bumped.Entries != 2 {
		t.Fatalf("Bump = %+v, %v", bumped, err)
	}
	late := numbered(5) // hidden from the start
	do(s.Sweep(ctx))
	do(s.Put(ctx, late, store.PutPublish))
	before, err := s.Changes(ctx, 1)
	if err != nil || before.Flush || len(before.Labels) != 1 || len(before.Keys) != 2 {
		t.Fatalf("Changes = %+v, %v", before, err)
	}
	for range 2 {
		c.Advance(8 * 24 * time.Hour)
		do(s.Sweep(ctx))
	}
	after, err := s.Changes(ctx, 1)
	if err != nil || !after.Flush || len(after.Keys) != 0 {
		t.Errorf("Changes = %+v, %v, want a flush", after, err)
	}
	if _, err := s.Put(ctx, numbered(6), store.PutPublish); !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("Put = %v, want ErrSuperseded", err)
	}
	if all, err := s.Count(ctx, store.Query{All: true}); err != nil || all.Entries != 1 {
		t.Errorf("Count = %+v, %v", all, err)
	}
	wantNumbered(t, s, 1)
	fresh := numbered(7)
	fresh.Begun = bumped.Seq
	do(s.Put(ctx, fresh, store.PutPublish))
	wantNumbered(t, s, 7)
}

// The background sweep frees what expired, without anybody calling Sweep.
func TestBackgroundSweep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reprise.db")
	s := open(t, path, &sqlitestore.Options{SweepEvery: time.Millisecond})
	rec := numbered(1)
	rec.TTL = time.Nanosecond
	if _, err := s.Put(t.Context(), rec, store.PutPublish); err != nil {
		t.Fatal(err)
	}
	for {
		info, err := s.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.Entries == 0 {
			break
		}
	}
}

// A deleted dataset gives its pages back to the filesystem with the sweep.
func TestSweepShrinks(t *testing.T) {
	path := filled(t, 400)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, path, quiet())
	f := "f"
	if n, err := s.Purge(t.Context(), store.Query{Function: &f}); err != nil || n != 400 {
		t.Fatal(n, err)
	}
	if _, err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || after.Size() > before.Size()/3 {
		t.Errorf("%d bytes before, %d after (%v)", before.Size(), after.Size(), err)
	}
}
