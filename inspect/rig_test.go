package inspect

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// clock is a store's, and stands still unless it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now().Truncate(time.Millisecond)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a store with an Inspector.
type rig struct {
	*testing.T
	store store.Store
	i     *Inspector
	clock *clock // nil where it is a server's
}

func newRig(t *testing.T, s store.Store, c *clock, o *Options) *rig {
	t.Helper()
	i, err := New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, s, i, c}
}

// with is the same store seen by an Inspector with other options.
func (r *rig) with(o *Options) *rig { return newRig(r.T, r.store, r.clock, o) }

func inMemory(t *testing.T) *rig {
	c := newClock()
	return newRig(t, memstore.New(&memstore.Options{Now: c.Now}), c, nil)
}

func inSQLite(t *testing.T) *rig {
	t.Helper()
	c := newClock()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), &sqlitestore.Options{Now: c.Now, SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return newRig(t, s, c, nil)
}

// local are the stores that every test runs on.
var local = map[string]func(*testing.T) *rig{"memory": inMemory, "sqlite": inSQLite}

// onBoth runs a test on both of them.
func onBoth(t *testing.T, test func(r *rig)) {
	t.Helper()
	for name, open := range local {
		t.Run(name, func(t *testing.T) { test(open(t)) })
	}
}

// spec is an entry to be. The zero value of a field is its default.
type spec struct {
	kind                                   store.Kind
	coll, fn, dataset, version, entry, key string
	tags                                   []string
	codec                                  string
	value                                  string
	ttl, cost, grace                       time.Duration
	parts                                  []canon.Part
	policy                                 store.Policy
	mac                                    []byte
	begun                                  uint64
}

// keyOf is the key that put uses.
func keyOf(name string) store.Key { return sha256.Sum256([]byte(name)) }

func (r *rig) record(e spec) *store.Record {
	r.Helper()
	if e.coll == "" {
		e.coll = "execution_store"
	}
	if e.codec == "" {
		e.codec = "json"
	}
	if e.key == "" {
		e.key = fmt.Sprint(e.kind, e.coll, e.fn, e.dataset, e.version, e.entry, e.value)
	}
	key := keyOf(e.key)
	s, err := envelope.New(envelope.Options{MAC: e.mac})
	if err != nil {
		r.Fatal(err)
	}
	sealed, err := s.Seal(nil, envelope.Header{Codec: e.codec, Key: key}, []byte(e.value))
	if err != nil {
		r.Fatal(err)
	}
	rec := &store.Record{
		Key: key, Value: sealed, Policy: e.policy, TTL: e.ttl, Grace: e.grace, Cost: e.cost, Begun: e.begun,
		Labels: store.Labels{Kind: e.kind, Collection: e.coll, Function: e.fn, Dataset: e.dataset, Version: e.version, Entry: e.entry, Tags: e.tags},
	}
	if e.parts != nil {
		rec.Manifest = canon.AppendParts(nil, e.parts)
	}
	if rec.Begun == 0 {
		rec.Begun = r.info().Seq
	}
	return rec
}

// put stores an entry and returns its key in digits.
func (r *rig) put(e spec) string {
	r.Helper()
	rec := r.record(e)
	if _, err := r.store.Put(r.Context(), rec, store.PutPublish); err != nil {
		r.Fatal(err)
	}
	return rec.Key.String()
}

func (r *rig) info() store.Info {
	r.Helper()
	info, err := r.store.Info(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return info
}

// has tells whether a key has a live entry.
func (r *rig) has(key string) bool {
	r.Helper()
	k, err := store.ParseKey(key)
	if err != nil {
		r.Fatal(err)
	}
	t, err := r.store.Count(r.Context(), store.Query{Key: &k})
	if err != nil {
		r.Fatal(err)
	}
	return t.Entries == 1
}

// of is what f returns, which must not fail.
func of[T any](r *rig, v T, err error) T {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return v
}

// part is a part of a manifest with a digest of its preview.
func part(name, preview string) canon.Part {
	sum := sha256.Sum256([]byte(preview))
	return canon.Part{Name: name, Digest: [8]byte(sum[:8]), Preview: preview}
}

// secretPart is one that is private.
func secretPart(name, value string) canon.Part {
	p := part(name, value)
	p.Preview, p.Private = "", true
	return p
}

// altered is a store some of whose methods do otherwise.
type altered struct {
	store.Store
	clear func(context.Context, store.Key) (store.Bumped, error)
	get   func(context.Context, store.Key) (store.Lookup, error)
	info  func(context.Context) (store.Info, error)
}

func (a *altered) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	if a.clear == nil {
		return a.Store.Clear(ctx, key)
	}
	return a.clear(ctx, key)
}

func (a *altered) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	if a.get == nil {
		return a.Store.Get(ctx, key)
	}
	return a.get(ctx, key)
}

func (a *altered) Info(ctx context.Context) (store.Info, error) {
	if a.info == nil {
		return a.Store.Info(ctx)
	}
	return a.info(ctx)
}

type ctxt = context.Context

// errDied is what who has died would see.
var errDied = errors.New("died")
