package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

func (r *rig) looks() int { return r.faults.Calls(storetest.MethodChanges) }

// polling reports whether the goroutine runs.
func (r *rig) polling() bool {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	return r.watch.running
}

func TestPollingBeginsWithUseAndRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{plain: true})
		time.Sleep(time.Minute)
		if r.looks() != 0 || r.polling() {
			t.Fatal("looked before anybody called")
		}
		f := r.function(nil)
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		if !r.polling() || !r.gens.Trusted() {
			t.Fatal("no polling after a call")
		}
		for range 100 { // use keeps it going
			time.Sleep(testPoll)
			r.remembers(f, c, "v")
		}
		looks := r.looks()
		if looks < 95 {
			t.Errorf("%d looks in 100 intervals", looks)
		}
		time.Sleep(time.Hour)
		if r.polling() || r.gens.Trusted() {
			t.Error("goes on while nobody calls")
		}
		if n := r.looks() - looks; n < idlePolls || n > idlePolls+2 {
			t.Errorf("%d looks while idle, want about %d", n, idlePolls)
		}
		looks = r.looks()
		r.remembers(f, c, "v") // begins with a look
		if n := r.looks() - looks; n != 1 || !r.polling() {
			t.Errorf("%d looks, polling %v, after the rest", n, r.polling())
		}
	})
}

func TestRestAndCloseLeaveNoGoroutine(t *testing.T) {
	for name, plain := range map[string]bool{"polled": true, "watched": false} {
		t.Run(name, func(t *testing.T) {
			// A bubble waits for all goroutines that began in it, and fails
			// where one never ends.
			synctest.Test(t, func(t *testing.T) {
				r := ready(t, setup{plain: plain})
				time.Sleep(time.Hour)
				if r.polling() {
					t.Error("does not rest")
				}
				synctest.Wait()
				if err := r.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				if !r.polling() {
					t.Fatal("did not begin again")
				}
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				if r.gens.Trusted() {
					t.Error("memory is trusted after Close")
				}
			})
		})
	}
}

func TestChangesByOthersArriveByPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		a, b := ready(t, setup{shared: own, plain: true}), ready(t, setup{shared: own, plain: true})
		fa, fb := a.function(nil), b.function(nil)
		c, _ := call("k", gives("v"))
		a.does(fa, c, Populated, Absent, "v")
		b.does(fb, c, HitStore, NoReason, "v")
		b.remembers(fb, c, "v")
		if _, err := a.Clear(t.Context(), fa, c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(testPoll + 1)
		b.remembers(fb, c, nil)

		b.does(fb, c, Populated, Cleared, "v")
		if err := a.Set(t.Context(), fa, c, "set"); err != nil {
			t.Fatal(err)
		}
		a.remembers(fa, c, "set")
		time.Sleep(testPoll + 1)
		b.remembers(fb, c, nil)
		b.does(fb, c, HitStore, NoReason, "set")

		a.does(fa, c.as(Refresh, gives("fresh")), Refreshed, RefreshAsked, "fresh")
		a.remembers(fa, c, "fresh") // own memory answers afterwards
		time.Sleep(testPoll + 1)
		a.remembers(fa, c, "fresh")
		b.remembers(fb, c, nil)
		b.does(fb, c, HitStore, NoReason, "fresh")
	})
}

func TestHintShortensTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		a, b := ready(t, setup{shared: own}), ready(t, setup{shared: own})
		synctest.Wait()
		fa, fb := a.function(nil), b.function(nil)
		c, _ := call("k", gives("v"))
		a.does(fa, c, Populated, Absent, "v")
		b.does(fb, c, HitStore, NoReason, "v")
		began := time.Now()
		if _, err := a.ClearLabel(t.Context(), store.DatasetLabel("d")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.remembers(fb, c, nil)
		if d := time.Since(began); d != 0 {
			t.Errorf("took %v", d)
		}

		b.faults.DropEvents(true) // then polling sees to it
		b.does(fb, c, Populated, Cleared, "v")
		if _, err := a.ClearLabel(t.Context(), store.DatasetLabel("d")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.remembers(fb, c, "v")
		time.Sleep(testPoll)
		synctest.Wait()
		b.remembers(fb, c, nil)
	})
}

// From the moment a watch breaks memory is not trusted, though the store
// answers, until another watch is ready.
func TestBrokenWatchIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		a, b := ready(t, setup{shared: own}), ready(t, setup{shared: own})
		synctest.Wait()
		fa, fb := a.function(nil), b.function(nil)
		c, _ := call("k", gives("v"))
		b.does(fb, c, Populated, Absent, "v")
		b.remembers(fb, c, "v")
		b.faults.Fail(storetest.MethodWatch, 3, errBoom)
		b.faults.BreakWatches(errBoom)
		synctest.Wait()
		watches := b.faults.Calls(storetest.MethodWatch)
		for range 3 {
			b.remembers(fb, c, nil)
			b.does(fb, c, HitStore, NoReason, "v")
			if err := b.sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.remembers(fb, c, nil) // a look is not enough
			time.Sleep(testPoll)
			synctest.Wait()
		}
		time.Sleep(testPoll)
		synctest.Wait()
		if n := b.faults.Calls(storetest.MethodWatch) - watches; n != 4 {
			t.Errorf("%d new watches", n)
		}
		b.remembers(fb, c, "v")
		if _, err := a.Clear(t.Context(), fa, c); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.remembers(fb, c, nil)
	})
}

// What was cleared while nothing was heard is not remembered afterwards.
func TestClearsWhileTheWatchIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		a, b := ready(t, setup{shared: own}), ready(t, setup{shared: own})
		synctest.Wait()
		fa, fb := a.function(nil), b.function(nil)
		c, _ := call("k", gives("v"))
		b.does(fb, c, Populated, Absent, "v")
		b.faults.Fail(storetest.MethodWatch, 1, errBoom)
		b.faults.BreakWatches(errBoom)
		synctest.Wait()
		if _, err := a.Clear(t.Context(), fa, c); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.remembers(fb, c, nil)
		time.Sleep(2 * testPoll)
		synctest.Wait()
		b.remembers(fb, c, nil)
		b.does(fb, c, Populated, Cleared, "v")
		b.remembers(fb, c, "v")
	})
}

// A cache that nobody used while the watch was broken begins anew.
func TestRestWhileTheWatchIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{})
		f := r.function(nil)
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		r.faults.Fail(storetest.MethodWatch, 0, errBoom)
		r.faults.BreakWatches(errBoom)
		time.Sleep(time.Hour)
		if r.polling() {
			t.Fatal("does not rest")
		}
		r.faults.Heal()
		r.remembers(f, c, "v")
		synctest.Wait()
		r.remembers(f, c, "v")
	})
}

// Where a store cannot push, memory is trusted by polling, and Logger is told
// once.
func TestStoreThatCannotPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{})
		r.faults.Fail(storetest.MethodWatch, 0, store.ErrNoWatch)
		r.faults.BreakWatches(store.ErrNoWatch)
		f := r.function(nil)
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		watches := r.faults.Calls(storetest.MethodWatch)
		for range 600 {
			time.Sleep(testPoll)
			r.remembers(f, c, "v")
		}
		if n, most := r.faults.Calls(storetest.MethodWatch)-watches, int(600*testPoll/noWatchPause)+1; n > most {
			t.Errorf("%d watches in %v", n, 600*testPoll)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(r.log.String(), "cannot tell"); n != 1 {
			t.Errorf("told %d times:\n%s", n, r.log.String())
		}
	})
}

func TestTrustLapses(t *testing.T) {
	for name, disturb := range map[string]func(*storetest.Faulty){
		"looks fail": func(f *storetest.Faulty) { f.Fail(storetest.MethodChanges, 0, errBoom) },
		"looks hang": func(f *storetest.Faulty) { f.Hang(storetest.MethodChanges, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := ready(t, setup{plain: true})
				f := r.function(nil)
				c, _ := call("k", gives("v"))
				r.does(f, c, Populated, Absent, "v")
				if err := r.sync(t.Context()); err != nil {
					t.Fatal(err)
				}
				disturb(r.faults)
				time.Sleep(testTrust - 1)
				if ent, ok := r.Hit(f, c.Memory); !ok || ent.Value != "v" {
					t.Fatal("trust lapsed too early")
				}
				time.Sleep(1)
				synctest.Wait()
				if _, ok := r.Hit(f, c.Memory); ok {
					t.Fatal("memory is trusted for too long")
				}
				r.faults.Heal()
				time.Sleep(2 * testTimeout) // the look that hangs, and the pause after it
				r.remembers(f, c, "v")
			})
		})
	}
}

// A caller whose ctx ends does not wait for a look that hangs, be it another's.
func TestCallersDoNotWaitForTheLooksOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{plain: true})
		f := r.function(nil)
		c, _ := call("k", gives("v"))
		r.faults.Hang(storetest.MethodChanges, 1)
		go r.sync(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, ok := r.Recall(ctx, f, c.Memory); ok {
			t.Error("memory answered")
		}
		if d := time.Since(began); d != time.Millisecond {
			t.Errorf("waited for %v", d)
		}
		if failing, _ := r.State(); failing {
			t.Error("who left counts as a failure")
		}
	})
}

// heard collects changes.
type heard struct {
	mu  sync.Mutex
	all []store.Changes
}

func (h *heard) add(ch store.Changes) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, ch)
}

func (h *heard) keys() (keys []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ch := range h.all {
		for _, k := range ch.Keys {
			keys = append(keys, k.Labels.Entry)
		}
	}
	return keys
}

func entry(e *rig, name string) error {
	c, _ := call(name, nil)
	rec := &store.Record{Key: c.Key, Labels: store.Labels{Kind: store.KindEntry, Function: "s", Entry: name}}
	return e.Act(context.Background(), func(ctx context.Context) error {
		_, err := e.Store().Put(ctx, rec, store.PutSet)
		return err
	})
}

func TestListenKeepsPollingAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		a, b := ready(t, setup{shared: own, plain: true}), ready(t, setup{shared: own, plain: true})
		var h heard
		stop, err := b.Listen(t.Context(), h.add)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if !b.polling() {
			t.Fatal("rests although somebody listens")
		}
		for _, name := range []string{"a", "b", "c"} {
			if err := entry(a, name); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(testPoll)
		synctest.Wait()
		if got := h.keys(); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("heard %q", got)
		}
		if err := entry(b, "own"); err != nil { // one's own are heard at once
			t.Fatal(err)
		}
		if got := h.keys(); len(got) != 4 || got[3] != "own" {
			t.Errorf("heard %q", got)
		}
		stop()
		stop()
		if err := entry(b, "later"); err != nil {
			t.Fatal(err)
		}
		if got := h.keys(); len(got) != 4 {
			t.Errorf("heard %q after the end", got)
		}
		time.Sleep(time.Hour)
		if b.polling() {
			t.Error("goes on although nobody listens any more")
		}
	})
}

// Whoever begins to listen while the polling is about to rest is heard of.
func TestListenJustBeforeTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		a, b := ready(t, setup{shared: own, plain: true}), ready(t, setup{shared: own, plain: true})
		// The last look of the polling hangs at the gate, and Listen's waits
		// for it.
		time.Sleep((idlePolls - 1) * testPoll)
		synctest.Wait()
		gate := b.faults.Hold(storetest.MethodChanges, 1)
		<-gate.Arrived()
		var h heard
		listening := make(chan func(), 1)
		go func() {
			stop, err := b.Listen(context.Background(), h.add)
			if err != nil {
				t.Error(err)
			}
			listening <- stop
		}()
		synctest.Wait()
		gate.Open()
		stop := <-listening
		defer stop()
		synctest.Wait()
		if err := entry(a, "x"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * testPoll)
		synctest.Wait()
		if got := h.keys(); !slices.Equal(got, []string{"x"}) {
			t.Errorf("heard %q", got)
		}
	})
}

// slow answers, but so late that what it says can hardly be trusted.
type slow struct{ store.Store }

func (s slow) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	time.Sleep(2 * testTrust)
	return s.Store.Changes(ctx, since)
}

func TestListenToASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		a := ready(t, setup{shared: own})
		b := ready(t, setup{shared: own, plain: true, over: func(s store.Store) store.Store { return slow{s} }})
		var h heard
		stop, err := b.Listen(t.Context(), h.add)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		if b.gens.Trusted() {
			t.Error("memory is trusted longer than Config.Trust after the look began")
		}
		if err := entry(a, "x"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := h.keys(); !slices.Equal(got, []string{"x"}) {
			t.Errorf("heard %q", got)
		}
	})
}

func TestListenErrors(t *testing.T) {
	r := newRig(t, setup{})
	r.faults.Fail(storetest.MethodChanges, 1, errBoom)
	if _, err := r.Listen(t.Context(), func(store.Changes) {}); !errors.Is(err, ErrStore) {
		t.Errorf("listen: %v", err)
	}
	if n := r.watch.listeners.Load(); n != 0 {
		t.Errorf("%d listeners after a failure", n)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Listen(t.Context(), func(store.Changes) {}); err != ErrClosed {
		t.Errorf("listen: %v", err)
	}
}

// losing has forgotten some changes.
type losing struct{ store.Store }

func (l losing) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	ch, err := l.Store.Changes(ctx, since)
	ch.Flush = since > 0 && since < ch.Seq
	if ch.Flush {
		ch.Keys = nil
	}
	return ch, err
}

func TestFlushDropsMemoryAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{plain: true, over: func(s store.Store) store.Store { return losing{s} }})
		f := r.function(nil)
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		var h heard
		stop, err := r.Listen(t.Context(), h.add)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		if err := entry(r, "x"); err != nil {
			t.Fatal(err)
		}
		r.remembers(f, c, nil)
		if len(h.all) != 1 || !h.all[0].Flush {
			t.Errorf("heard %+v", h.all)
		}
		r.does(f, c, HitStore, NoReason, "v")
		r.remembers(f, c, "v")
	})
}

// Memory is not trusted after a change that it could not follow.
func TestChangeWithoutALookAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{plain: true})
		f := r.function(nil)
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		r.faults.Fail(storetest.MethodChanges, 1, errBoom)
		if _, err := r.Clear(t.Context(), f, c.as(Use, nil)); err != nil {
			t.Fatal(err)
		}
		if _, ok := r.Hit(f, c.Memory); ok {
			t.Error("memory answers")
		}
		r.does(f, c, Populated, Cleared, "v")
		r.remembers(f, c, "v")
	})
}

// Results that never leave the process follow labels that others clear, too.
func TestEphemeralFollowsLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		a, b := ready(t, setup{shared: own, plain: true}), ready(t, setup{shared: own, plain: true})
		f := b.function(func(f *Function) { f.Ephemeral = true })
		c, _ := call("k", gives("v"))
		b.does(f, c, Populated, Absent, "v")
		b.remembers(f, c, "v")
		if _, err := a.ClearLabel(t.Context(), store.DatasetLabel("d")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(testPoll)
		synctest.Wait()
		b.remembers(f, c, nil)
	})
}
