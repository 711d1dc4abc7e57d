package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

var errBoom = errors.New("boom")

// rig is an engine over the reference driver, with faults between the two.
type rig struct {
	*Engine
	tb     testing.TB
	mem    *memstore.Store
	faults *storetest.Faulty
	log    *lines
}

// setup is what a test wants of its rig.
type setup struct {
	Config
	mem    memstore.Options
	remote bool                          // the store says that it does network I/O
	plain  bool                          // the store has no capabilities
	over   func(store.Store) store.Store // between the driver and the faults
	shared *memstore.Store               // instead of a driver of its own
}

const (
	testTimeout = 5 * time.Second
	testPoll    = 500 * time.Millisecond
	testTrust   = time.Second
	testDrain   = 10 * time.Second
)

func newRig(tb testing.TB, s setup) *rig {
	tb.Helper()
	r := &rig{tb: tb, mem: s.shared, log: &lines{}}
	if r.mem == nil {
		r.mem = memstore.New(&s.mem)
	}
	var driver store.Store = disguise{r.mem, r.mem, r.mem, !s.remote}
	if s.plain {
		driver = struct{ store.Store }{driver}
	}
	if s.over != nil {
		driver = s.over(driver)
	}
	r.faults = storetest.NewFaulty(driver)
	cfg := s.Config
	cfg.Store = r.faults.Store()
	cfg.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	if cfg.Timeout == 0 {
		cfg.Timeout = testTimeout
	}
	if cfg.Drain == 0 {
		cfg.Drain = testDrain
	}
	cfg.Poll, cfg.Trust = testPoll, testTrust
	var err error
	if r.Engine, err = New(cfg); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		r.faults.Heal()
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// ready is newRig with a store that has answered once.
func ready(tb testing.TB, s setup) *rig {
	tb.Helper()
	r := newRig(tb, s)
	if err := r.Ready(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return r
}

// disguise is the reference driver as a local or a remote store, which the
// test closes with its own last engine.
type disguise struct {
	store.Store
	store.Leaser
	store.Watcher
	local bool
}

func (d disguise) Info(ctx context.Context) (store.Info, error) {
	i, err := d.Store.Info(ctx)
	i.Local = d.local
	return i, err
}

func (d disguise) Close() error { return nil }

// lines is a log for a test to read while others write.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// text is a codec of strings.
func text() Codec {
	return Codec{
		Name:   "text",
		Encode: func(v any) ([]byte, error) { return []byte(v.(string)), nil },
		Decode: func(b []byte) (any, error) { return string(b), nil },
		Verify: func(v, back any) error {
			if v != back {
				return errors.New("came back otherwise")
			}
			return nil
		},
		Copy: func(v any) (any, error) { return v, nil },
		Size: func(v any) int64 { return int64(len(v.(string))) },
	}
}

// function is a hybrid function, altered by how.
func (r *rig) function(how func(*Function)) *Function {
	f := r.transient(how)
	r.Equip(f, 0)
	return f
}

func (r *rig) transient(how func(*Function)) *Function {
	f := &Function{Name: "fn", LeaseTTL: 30 * time.Second, Codec: text(),
		TTL: func(any) (time.Duration, bool) { return 0, true }}
	if how != nil {
		how(f)
	}
	return f
}

// lasting is a TTL of d.
func lasting(d time.Duration) func(any) (time.Duration, bool) {
	return func(any) (time.Duration, bool) { return d, true }
}

// job is the Work of a call.
type job struct {
	run       func(context.Context) (any, error)
	tags      []string
	unchanged func() (bool, error)
	runs      atomic.Int32
}

func (j *job) Run(ctx context.Context) (any, error) {
	j.runs.Add(1)
	return j.run(ctx)
}

func (j *job) Tags(any) []string               { return j.tags }
func (j *job) Manifest(context.Context) []byte { return []byte("manifest") }
func (j *job) Unchanged(context.Context) (bool, error) {
	if j.unchanged == nil {
		return true, nil
	}
	return j.unchanged()
}

func gives(v string) func(context.Context) (any, error) {
	return func(context.Context) (any, error) { return v, nil }
}

func fails(err error) func(context.Context) (any, error) {
	return func(context.Context) (any, error) { return nil, err }
}

// held is a function that runs until it is let go, or cancelled.
type held struct {
	entered chan context.Context
	result  chan string
}

func newHeld() *held {
	return &held{entered: make(chan context.Context, 16), result: make(chan string)}
}

func (h *held) run(ctx context.Context) (any, error) {
	h.entered <- ctx
	select {
	case v := <-h.result:
		return v, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// call is a call of the key in mode Use, running run.
func call(key string, run func(context.Context) (any, error)) (*Call, *job) {
	j := &job{run: run}
	c := &Call{Key: sha256.Sum256([]byte(key)), Memory: []byte(key), Work: j,
		Labels: store.Labels{Collection: "c", Function: "fn", Dataset: "d", Version: "1"}}
	c.Hides = c.Labels.Of(nil, store.Evict)
	return c, j
}

// as is c in another mode, running run.
func (c *Call) as(m Mode, run func(context.Context) (any, error)) *Call {
	other := *c
	other.Mode, other.Work = m, &job{run: run}
	return &other
}

// does expects what becomes of a call.
func (r *rig) does(f *Function, c *Call, o Outcome, why Reason, value any) Result {
	r.tb.Helper()
	got, err := r.Do(r.tb.Context(), f, c)
	if err != nil {
		r.tb.Fatal(err)
	}
	wants(r.tb, got, o, why, value)
	return got
}

func wants(tb testing.TB, got Result, o Outcome, why Reason, value any) {
	tb.Helper()
	if got.Outcome != o || got.Reason != why {
		tb.Fatalf("outcome %v (%q), want %v (%q); err: %v, failure: %v", got.Outcome, got.Reason, o, why, got.Err, got.Failure)
	}
	if got.Value != value {
		tb.Fatalf("value %v, want %v", got.Value, value)
	}
}

// remembers expects memory to answer, or not to where value is nil.
func (r *rig) remembers(f *Function, c *Call, value any) {
	r.tb.Helper()
	ent, ok := r.Recall(r.tb.Context(), f, c.Memory)
	switch {
	case ok && value == nil:
		r.tb.Fatalf("memory answers %v, want nothing", ent.Value)
	case !ok && value != nil:
		r.tb.Fatalf("memory answers nothing, want %v", value)
	case ok && ent.Value != value:
		r.tb.Fatalf("memory answers %v, want %v", ent.Value, value)
	}
}

// answer is what a call in another goroutine came back with.
type answer struct {
	Result
	err      error
	panicked any
}

// start calls in a goroutine of its own.
func (r *rig) start(ctx context.Context, f *Function, c *Call) <-chan answer {
	ch := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			a.panicked = recover()
			ch <- a
		}()
		a.Result, a.err = r.Do(ctx, f, c)
	}()
	return ch
}
