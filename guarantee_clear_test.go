package reprise_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// A value is the number of the event with which its execution began, on a
// clock that counts events. A clear notes its events too. So whether a call
// got a value from before a clear is a comparison of numbers.

// slow is a store that is far away: each operation takes a moment to get there
// and one to come back, so that something can happen at every step of a call.
type slow struct {
	store.Store
	there, back time.Duration
	local       bool
}

func (s *slow) travel(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func far[T any](ctx context.Context, s *slow, op func() (T, error)) (v T, err error) {
	if err = s.travel(ctx, s.there); err != nil {
		return v, err
	}
	if v, err = op(); err != nil {
		return v, err
	}
	return v, s.travel(ctx, s.back)
}

func (s *slow) Get(ctx context.Context, k store.Key) (store.Lookup, error) {
	return far(ctx, s, func() (store.Lookup, error) { return s.Store.Get(ctx, k) })
}

func (s *slow) Put(ctx context.Context, r *store.Record, m store.PutMode) (store.Stamp, error) {
	return far(ctx, s, func() (store.Stamp, error) { return s.Store.Put(ctx, r, m) })
}

func (s *slow) Clear(ctx context.Context, k store.Key) (store.Bumped, error) {
	return far(ctx, s, func() (store.Bumped, error) { return s.Store.Clear(ctx, k) })
}

func (s *slow) Bump(ctx context.Context, l ...store.Label) (store.Bumped, error) {
	return far(ctx, s, func() (store.Bumped, error) { return s.Store.Bump(ctx, l...) })
}

func (s *slow) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	return far(ctx, s, func() (store.Changes, error) { return s.Store.Changes(ctx, since) })
}

func (s *slow) Info(ctx context.Context) (store.Info, error) {
	i, err := s.Store.Info(ctx)
	i.Local = s.local
	return i, err
}

func (*slow) Close() error { return nil } // several caches share the store inside

// events counts what happens.
type events struct{ n atomic.Int64 }

func (e *events) next() int64 { return e.n.Add(1) }

// cleared is one clear that took effect somewhere between two events.
type cleared struct {
	how          string
	by           int // handle
	begun, ended int64
	at           time.Time // ended
}

// called is one call that began and what it got.
type called struct {
	by    int
	begun int64
	at    time.Time // begun
	got   int64
}

// history is what happened in one play. It is safe for concurrent use.
type history struct {
	mu     sync.Mutex
	clears []cleared
	calls  []called
}

// judge finds a call that got a value from before a clear which had returned
// before the call began; in another handle, longer ago than bound.
func (h *history) judge(bound time.Duration) error {
	for _, c := range h.calls {
		for _, x := range h.clears {
			known := c.begun > x.ended
			if c.by != x.by {
				known = c.at.Sub(x.at) >= bound
			}
			if known && h.valid(c.got) < x.begun {
				return fmt.Errorf("%s by handle %d (events %d to %d); a call in handle %d that began at event %d, %v later, got the value of event %d",
					x.how, x.by, x.begun, x.ended, c.by, c.begun, c.at.Sub(x.at), c.got)
			}
		}
	}
	return nil
}

// valid is the event from which on a value counts: the begin of its execution,
// or for one that was set the end of the Set, which may take effect until then.
func (h *history) valid(v int64) int64 {
	for _, x := range h.clears {
		if x.how == "Set" && x.begun == v {
			return x.ended
		}
	}
	return v
}

// handle is one cache of several over a store, with the function under test.
type handle struct {
	id    int
	cache *reprise.Cache
	f     *reprise.Func[int, int64]
}

const (
	theDataset = "the dataset"
	theTag     = "the tag"
)

// clears are all the ways to make a result invalid.
var clears = map[string]func(context.Context, *handle, func() int64) error{
	"Clear":         func(ctx context.Context, h *handle, _ func() int64) error { return h.f.Clear(ctx, 1) },
	"Set":           func(ctx context.Context, h *handle, now func() int64) error { return h.f.Set(ctx, 1, now()) },
	"Func.ClearAll": func(ctx context.Context, h *handle, _ func() int64) error { return second(h.f.ClearAll(ctx, nil)) },
	"Func.ClearAll of one": func(ctx context.Context, h *handle, _ func() int64) error {
		return second(h.f.ClearAll(ctx, &reprise.ClearOptions{Dataset: theDataset}))
	},
	"DeleteDataset": func(ctx context.Context, h *handle, _ func() int64) error {
		return second(h.cache.DeleteDataset(ctx, theDataset))
	},
	"InvalidateTag": func(ctx context.Context, h *handle, _ func() int64) error {
		return second(h.cache.InvalidateTag(ctx, theTag))
	},
	"Cache.ClearAll": func(ctx context.Context, h *handle, _ func() int64) error { return second(h.cache.ClearAll(ctx)) },
}

func second[T any](_ T, err error) error { return err }

// reaches says whether a clear in one handle concerns another: the ephemeral
// results of a process are its own, apart from datasets, tags and everything.
func reaches(how string, r reprise.Residency) bool {
	return r != reprise.Ephemeral || how == "DeleteDataset" || how == "InvalidateTag" || how == "Cache.ClearAll"
}

// play is one course of events in a bubble.
type play struct {
	t       testing.TB
	events  events
	history history
	handles []*handle
	takes   atomic.Int64 // how long the function runs, in nanoseconds
}

// stage builds n handles over inner, each as far away as s says.
func stage(t testing.TB, inner store.Store, s slow, r reprise.Residency, n int) *play {
	t.Helper()
	p := &play{t: t}
	fn := func(ctx context.Context, _ int) (int64, error) {
		v := p.events.next()
		time.Sleep(time.Duration(p.takes.Load()))
		return v, nil
	}
	for id := range n {
		far := s
		far.Store = inner
		c, err := reprise.New(&far, nil)
		if err != nil {
			t.Fatal(err)
		}
		h := &handle{id: id, cache: c}
		h.f, err = reprise.Wrap(c, fn, &reprise.Options[int, int64]{Name: "f", Version: "1", Residency: r,
			Tags: func(int, int64) []string { return []string{theTag} }})
		if err != nil {
			t.Fatal(err)
		}
		p.handles = append(p.handles, h)
	}
	return p
}

func (p *play) close() {
	for _, h := range p.handles {
		if err := h.cache.Close(); err != nil {
			p.t.Error(err)
		}
	}
}

// call calls the function in a handle and notes what came of it.
func (p *play) call(h *handle) {
	c := called{by: h.id, begun: p.events.next(), at: time.Now()}
	got, err := h.f.Call(dataset(theDataset), 1)
	if err != nil {
		p.t.Errorf("call: %v", err)
		return
	}
	c.got = got
	p.history.mu.Lock()
	defer p.history.mu.Unlock()
	p.history.calls = append(p.history.calls, c)
}

// clear clears in a handle and notes when.
func (p *play) clear(h *handle, how string) {
	x := cleared{how: how, by: h.id, begun: p.events.next()}
	if err := clears[how](dataset(theDataset), h, func() int64 { return x.begun }); err != nil {
		p.t.Errorf("%s: %v", how, err)
		return
	}
	x.ended, x.at = p.events.next(), time.Now()
	p.history.mu.Lock()
	defer p.history.mu.Unlock()
	p.history.clears = append(p.history.clears, x)
}

// bound is what a handle may lag behind a clear by another.
const bound = time.Second

// TestGuarantee18_AClearBeatsWorkUnderWay clears at every step of a call, in
// every way, in every residency, by the same handle and by another, and then
// calls again: at once, while the first call still runs, and later.
func TestGuarantee18_AClearBeatsWorkUnderWay(t *testing.T) {
	// A call takes: 10 ms to the store, 10 back, 20 of running, 10 and 10 to put.
	steps := map[string]time.Duration{
		"before the call":           -5,
		"before the lookup":         5,
		"between lookup and answer": 15,
		"during the run":            25,
		"before the put":            45,
		"between put and answer":    55,
		"after the call":            65,
	}
	for name, open := range map[string]bool{"near": true, "far": false} {
		for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient, reprise.Ephemeral} {
			for how := range clears {
				t.Run(fmt.Sprint(name, " ", r, " ", how), func(t *testing.T) {
					for step, at := range steps {
						for clearer := range 2 {
							if clearer == 1 && !reaches(how, r) {
								continue
							}
							clearAt(t, step, at*time.Millisecond, how, clearer, r, open)
						}
					}
				})
			}
		}
	}
}

func clearAt(t *testing.T, step string, at time.Duration, how string, clearer int, r reprise.Residency, local bool) {
	synctest.Test(t, func(t *testing.T) {
		p := stage(t, memstore.New(nil), slow{there: 10 * time.Millisecond, back: 10 * time.Millisecond, local: local}, r, 2)
		defer p.close()
		p.takes.Store(int64(20 * time.Millisecond))
		time.Sleep(100 * time.Millisecond)
		var all sync.WaitGroup
		all.Go(func() {
			time.Sleep(100 * time.Millisecond)
			p.call(p.handles[0])
		})
		all.Go(func() {
			time.Sleep(100*time.Millisecond + at)
			p.clear(p.handles[clearer], how)
			p.call(p.handles[clearer])
			p.call(p.handles[0])
			time.Sleep(bound)
			p.call(p.handles[0])
			p.call(p.handles[0])
		})
		all.Wait()
		if err := p.history.judge(bound); err != nil {
			t.Errorf("clear %s: %v", step, err)
		}
	})
}

// TestGuarantee18_AClearBeatsAJoinedCall: who begins to wait for an execution
// after a clear does not get a result from before it, however long that
// execution has been under way and however long nobody called meanwhile.
func TestGuarantee18_AClearBeatsAJoinedCall(t *testing.T) {
	for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient, reprise.Ephemeral} {
		for how := range clears {
			for clearer := range 2 {
				if clearer == 1 && (r == reprise.Ephemeral || !reaches(how, r)) {
					continue // docs/guarantees.md: row 18, limits
				}
				t.Run(fmt.Sprint(r, " ", how, " by ", clearer), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						p := stage(t, memstore.New(nil), slow{local: true}, r, 2)
						defer p.close()
						p.takes.Store(int64(time.Hour))
						var all sync.WaitGroup
						all.Go(func() { p.call(p.handles[0]) })
						time.Sleep(30 * time.Minute) // nobody asks the store any more
						p.clear(p.handles[clearer], how)
						time.Sleep(bound)
						all.Go(func() { p.call(p.handles[0]) })
						all.Wait()
						if err := p.history.judge(bound); err != nil {
							t.Error(err)
						}
					})
				})
			}
		}
	}
}

// TestGuarantee18_NoOlderValueInAnyOrder lets callers and clearers of one and
// two handles come at random, with stores at random distances.
func TestGuarantee18_NoOlderValueInAnyOrder(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		for range torture(3, 30) {
			rapid.Check(t, func(rt *rapid.T) {
				s := drawScript(rt)
				var err error
				synctest.Test(t, func(t *testing.T) { err = s.perform(t, memstore.New(nil)) })
				if err != nil {
					rt.Fatal(err)
				}
			})
		}
	})
	t.Run("sqlite", func(t *testing.T) {
		scripts := rapid.Custom(drawScript)
		for seed := range torture(20, 500) {
			s := scripts.Example(seed)
			synctest.Test(t, func(t *testing.T) {
				inner, err := sqlitestore.Open(t.Context(), database(file(t)), nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.perform(t, inner); err != nil {
					t.Errorf("seed %d, %+v: %v", seed, s, err)
				}
			})
		}
	})
}

// script is a random play. Times are in milliseconds.
type script struct {
	residency   reprise.Residency
	handles     int
	there, back int
	local       bool
	takes       int
	acts        []act
}

type act struct {
	at  int
	by  int
	how string // a clear, or "" for a call
}

func drawScript(t *rapid.T) *script {
	ways := []string{"", "", "", "Clear", "Set", "Func.ClearAll", "Func.ClearAll of one", "DeleteDataset", "InvalidateTag", "Cache.ClearAll"}
	s := &script{
		residency: reprise.Residency(rapid.IntRange(0, 2).Draw(t, "residency")),
		handles:   rapid.IntRange(1, 2).Draw(t, "handles"),
		there:     rapid.IntRange(0, 20).Draw(t, "there"),
		back:      rapid.IntRange(0, 20).Draw(t, "back"),
		local:     rapid.Bool().Draw(t, "local"),
		takes:     rapid.IntRange(0, 80).Draw(t, "takes"),
	}
	for range rapid.IntRange(2, 14).Draw(t, "acts") {
		a := act{
			at:  rapid.IntRange(0, 150).Draw(t, "at"),
			by:  rapid.IntRange(0, s.handles-1).Draw(t, "by"),
			how: rapid.SampledFrom(ways).Draw(t, "how"),
		}
		if rapid.IntRange(0, 4).Draw(t, "late") == 0 {
			a.at += 1000 * rapid.IntRange(1, 12).Draw(t, "seconds")
		}
		s.acts = append(s.acts, a)
	}
	return s
}

// perform plays on a store, which it closes.
func (s *script) perform(t *testing.T, inner store.Store) error {
	defer inner.Close()
	far := slow{there: time.Duration(s.there) * time.Millisecond, back: time.Duration(s.back) * time.Millisecond, local: s.local}
	p := stage(t, inner, far, s.residency, s.handles)
	defer p.close()
	p.takes.Store(int64(time.Duration(s.takes) * time.Millisecond))
	var all sync.WaitGroup
	for _, a := range s.acts {
		all.Go(func() {
			time.Sleep(time.Duration(a.at) * time.Millisecond)
			if a.how == "" {
				p.call(p.handles[a.by])
				return
			}
			p.clear(p.handles[a.by], a.how)
			p.call(p.handles[a.by])
		})
	}
	all.Wait()
	if s.residency == reprise.Ephemeral {
		p.history.own()
	}
	return p.history.judge(bound)
}

// own leaves only what a handle did to itself: for ephemeral results.
func (h *history) own() {
	for i := range h.clears {
		h.clears[i].at = h.clears[i].at.Add(1000 * time.Hour)
	}
}
