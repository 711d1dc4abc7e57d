package reprise_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// heardEvents collects what a subscriber is told.
type heardEvents chan reprise.Event

func subscribe(tb testing.TB, s *reprise.ExecutionStore) heardEvents {
	tb.Helper()
	h := make(heardEvents, 100)
	stop, err := s.Subscribe(context.Background(), func(e reprise.Event) { h <- e })
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	return h
}

// eventPatience is for what comes in milliseconds, on a machine that is busy.
const eventPatience = 30 * time.Second

// next expects these events and no others in between.
func (h heardEvents) next(tb testing.TB, want ...reprise.Event) {
	tb.Helper()
	limit := time.NewTimer(eventPatience)
	defer limit.Stop()
	for i, w := range want {
		select {
		case got := <-h:
			if got != w {
				tb.Fatalf("event %d is %v %q, want %v %q", i, got.Type, got.Key, w.Type, w.Key)
			}
		case <-limit.C:
			tb.Fatalf("event %d of %v did not come", i, want)
		}
	}
}

func changed(key string) reprise.Event { return reprise.Event{Type: reprise.Changed, Key: key} }
func deleted(key string) reprise.Event { return reprise.Event{Type: reprise.Deleted, Key: key} }

var clearedAll = reprise.Event{Type: reprise.ClearedAll}

func TestSubscribeToOnesOwnChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		ctx := t.Context()
		s := execStore(t, c, &reprise.ExecutionStoreOptions{Dataset: "d"})
		set(t, s, "before", 1, nil)
		h := subscribe(t, s)
		set(t, s, "a", 1, nil)
		set(t, s, "b", 1, &reprise.SetOptions{Policy: reprise.Evict})
		set(t, s, "a", 2, nil)
		h.next(t, changed("a"), changed("b"), changed("a"))
		if err := s.UpdateTTL(ctx, "a", time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := s.UpdatePolicy(ctx, "a", reprise.Persist); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Delete(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		h.next(t, changed("a"), changed("a"), deleted("a"))
		if _, err := s.ClearCache(ctx); err != nil {
			t.Fatal(err)
		}
		h.next(t, deleted("b"))
		if _, err := c.ClearAll(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := c.DeleteDataset(ctx, "other"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.DeleteDataset(ctx, "d"); err != nil {
			t.Fatal(err)
		}
		set(t, s, "after", 1, nil)
		h.next(t, clearedAll, clearedAll, changed("after"))
		if _, err := s.Clear(ctx); err != nil {
			t.Fatal(err)
		}
		h.next(t, deleted("after"))
	})
}

// Others' stores, datasets, collections and functions are none of its business.
func TestSubscribeHearsOfItsOwnStoreOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		s := execStore(t, c, nil)
		h := subscribe(t, s)
		other, err := c.ExecutionStore("other", nil)
		if err != nil {
			t.Fatal(err)
		}
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Name: "state"})
		set(t, other, "a", 1, nil)
		set(t, execStore(t, c, &reprise.ExecutionStoreOptions{Dataset: "d"}), "b", 1, nil)
		set(t, execStore(t, c, &reprise.ExecutionStoreOptions{Collection: "c"}), "c", 1, nil)
		if err := f.Set(t.Context(), "d", 1); err != nil {
			t.Fatal(err)
		}
		if _, err := f.ClearAll(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Delete(t.Context(), "never was"); err != nil {
			t.Fatal(err)
		}
		set(t, s, "mine", 1, nil)
		h.next(t, changed("mine"))
	})
}

func TestSubscribeToAnotherHandleOnOneFile(t *testing.T) {
	url := file(t)
	cfg := &reprise.Config{OnStoreError: reprise.FailClosed, CoherenceInterval: 20 * time.Millisecond}
	a, b := openWith(t, url, cfg), openWith(t, url, cfg)
	writer, reader := execStore(t, a, nil), execStore(t, b, nil)
	h := subscribe(t, reader)
	var want []reprise.Event
	for i := range 20 {
		set(t, writer, fmt.Sprint(i), i, nil)
		want = append(want, changed(fmt.Sprint(i)))
	}
	h.next(t, want...)
	if _, err := writer.Delete(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
	h.next(t, deleted("7"))
	holds(t, reader, "7", nil)
	if _, err := a.ClearAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.next(t, clearedAll)
	set(t, reader, "mine", 1, nil)
	h.next(t, changed("mine"))
}

// polled is a store of two caches that does not push.
type polled struct{ store.Store }

func (polled) Close() error { return nil }

// What others did between two looks comes in the order in which they did it.
func TestSubscribeKeepsTheOrderOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memstore.New(nil)
		a, b := over(t, polled{mem}, nil), over(t, polled{mem}, nil)
		o := &reprise.ExecutionStoreOptions{Dataset: "d"}
		writer := execStore(t, a, o)
		h := subscribe(t, execStore(t, b, o))
		set(t, writer, "gone", 1, nil)
		set(t, writer, "twice", 1, nil)
		if _, err := a.DeleteDataset(t.Context(), "d"); err != nil {
			t.Fatal(err)
		}
		set(t, writer, "twice", 2, nil)
		set(t, writer, "late", 1, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		h.next(t, changed("gone"), clearedAll, changed("twice"), changed("late"))
		if len(h) != 0 {
			t.Errorf("then %v", <-h)
		}
	})
}

func TestSubscribeEnds(t *testing.T) {
	for name, end := range map[string]func(stop, cancel func(), c *reprise.Cache){
		"stop":  func(stop, _ func(), _ *reprise.Cache) { stop(); stop() },
		"ctx":   func(_, cancel func(), _ *reprise.Cache) { cancel() },
		"close": func(_, _ func(), c *reprise.Cache) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, "memory:")
				s := execStore(t, c, nil)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				entered, release := make(chan struct{}), make(chan struct{})
				var got []string
				stop, err := s.Subscribe(ctx, func(e reprise.Event) {
					got = append(got, e.Key)
					entered <- struct{}{}
					<-release
				})
				if err != nil {
					t.Fatal(err)
				}
				set(t, s, "1", 1, nil)
				<-entered
				for i := range 5 { // these wait behind the first
					set(t, s, fmt.Sprint("queued", i), 1, nil)
				}
				release <- struct{}{}
				<-entered
				end(stop, cancel, c)
				if name != "close" {
					set(t, s, "later", 1, nil)
				}
				close(release)
				synctest.Wait()
				if !slices.Equal(got, []string{"1", "queued0"}) {
					t.Errorf("told of %q", got)
				}
			})
		})
	}
}

func TestSubscribersMayUseTheStoreAndDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, "memory:")
		s := execStore(t, c, nil)
		blocked := make(chan struct{})
		slow, err := s.Subscribe(t.Context(), func(reprise.Event) { <-blocked })
		if err != nil {
			t.Fatal(err)
		}
		defer slow()
		copies := map[string]any{}
		stop, err := s.Subscribe(t.Context(), func(e reprise.Event) {
			var v any
			if err := s.Get(context.Background(), e.Key, &v); err == nil {
				copies[e.Key] = v
			}
			if e.Key == "a" {
				if err := s.Set(context.Background(), "b", "by the subscriber", nil); err != nil {
					t.Error(err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		set(t, s, "a", "v", nil)
		synctest.Wait()
		if d := cmp.Diff(map[string]any{"a": "v", "b": "by the subscriber"}, copies); d != "" {
			t.Errorf("copies (-want +got):\n%s", d)
		}
		close(blocked)
	})
}

// Who does not keep up is told that something is missing, once, and then goes
// on.
func TestSubscribeOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queued = 10_000
		c := open(t, "memory:")
		s := execStore(t, c, nil)
		release := make(chan struct{})
		var got []reprise.Event
		stop, err := s.Subscribe(t.Context(), func(e reprise.Event) {
			got = append(got, e)
			<-release
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		set(t, s, "first", 1, nil)
		synctest.Wait()
		for range queued + 1 {
			set(t, s, "much", 1, nil)
		}
		set(t, s, "last", 1, nil)
		close(release)
		synctest.Wait()
		want := []reprise.Event{changed("first"), {Type: reprise.Missed}, changed("last")}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("told (-want +got):\n%s", d)
		}
	})
}

// forgetful has forgotten what changed.
type forgetful struct{ store.Store }

func (f forgetful) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	ch, err := f.Store.Changes(ctx, since)
	if since > 0 && since < ch.Seq {
		ch.Keys, ch.Flush = nil, true
	}
	return ch, err
}

func TestSubscribeIsToldWhatTheStoreForgot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := execStore(t, over(t, forgetful{memstore.New(nil)}, nil), nil)
		h := subscribe(t, s)
		set(t, s, "k", 1, nil)
		synctest.Wait()
		h.next(t, reprise.Event{Type: reprise.Missed})
	})
}

func TestEventTypesHaveNames(t *testing.T) {
	for e, want := range map[reprise.EventType]string{0: "none", reprise.Changed: "changed", reprise.Deleted: "deleted",
		reprise.ClearedAll: "cleared-all", reprise.Missed: "missed", 9: "invalid"} {
		if got := e.String(); got != want {
			t.Errorf("%d is called %q, want %q", e, got, want)
		}
	}
}
