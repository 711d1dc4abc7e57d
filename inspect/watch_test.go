package inspect

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// watched runs a Watch in a bubble, lets do act, and returns what was told
// until a while after.
func watched(t *testing.T, s store.Store, do func(r *rig)) []Event {
	t.Helper()
	r := newRig(t, s, nil, nil)
	var events []Event
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.i.Watch(ctx, func(e Event) { events = append(events, e) }) }()
	synctest.Wait()
	do(r)
	time.Sleep(3 * time.Second) // of the bubble
	synctest.Wait()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	return events
}

// acts are one of each kind of change, and what Watch tells of them.
func acts(r *rig) {
	key := r.put(spec{fn: "f", dataset: "d", value: "1", cost: time.Second})
	synctest.Wait()
	set := r.record(spec{kind: store.KindEntry, fn: "s", entry: "k", value: "2"})
	if _, err := r.store.Put(r.Context(), set, store.PutSet); err != nil {
		r.Fatal(err)
	}
	synctest.Wait()
	r.put(spec{kind: store.KindEntry, coll: "reprise", fn: "ledger", entry: "x", value: "{}"})
	if _, err := r.store.Clear(r.Context(), keyOf("of nobody")); err != nil {
		r.Fatal(err)
	}
	synctest.Wait()
	for _, l := range []store.Label{
		store.FunctionLabel(1, "c", "f:1 2:x"), store.FunctionDatasetLabel(0, "execution_store", "f", "d"), store.DatasetLabel("d"), store.TagLabel("t"), store.All(),
	} {
		if _, err := r.store.Bump(r.Context(), l); err != nil {
			r.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
	}
	if _, err := r.store.Clear(r.Context(), *keyPtr(r, key)); err != nil {
		r.Fatal(err)
	}
}

func TestWatchTellsWhatHappens(t *testing.T) {
	want := []Event{
		{Kind: Stored, EntryKind: FunctionKind, Collection: "execution_store", Function: "f", Dataset: "d", Cost: Seconds(time.Second)},
		{Kind: Changed, EntryKind: EntryKind, Collection: "execution_store", Function: "s", Entry: "k"},
		{Kind: Bumped, Label: "function", EntryKind: EntryKind, Collection: "c", Function: "f:1 2:x"},
		{Kind: Bumped, Label: "function-dataset", EntryKind: FunctionKind, Collection: "execution_store", Function: "f", Dataset: "d"},
		{Kind: Bumped, Label: "dataset", Dataset: "d"},
		{Kind: Bumped, Label: "tag", Tag: "t"},
		{Kind: Bumped, Label: "all"},
		{Kind: Cleared, EntryKind: FunctionKind, Collection: "execution_store", Function: "f", Dataset: "d"},
	}
	details := cmpopts.IgnoreFields(Event{}, "Time", "Seq", "Key", "Size")
	synctest.Test(t, func(t *testing.T) {
		got := watched(t, memstore.New(nil), acts)
		if d := cmp.Diff(want, got, details); d != "" {
			t.Error("pushed:", d)
		}
		for _, e := range got {
			if e.Time.IsZero() || (e.Kind == Bumped) == (e.Key != "") || (e.Kind == Stored) == (e.Seq != 0) || (e.Size > 0) != (e.Kind == Stored || e.Kind == Changed) {
				t.Errorf("%+v", e)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		got := watched(t, struct{ store.Store }{memstore.New(nil)}, acts)
		if d := cmp.Diff(want[1:], got, details); d != "" {
			t.Error("polled:", d)
		}
	})
}

// A watch that breaks is taken up again, and a store that fails is asked
// again.
func TestWatchGoesOn(t *testing.T) {
	for name, fault := range map[string]func(f *storetest.Faulty){
		"watch breaks": func(f *storetest.Faulty) { f.BreakWatches(errors.New("cable pulled")) },
		"no watch": func(f *storetest.Faulty) {
			f.Fail(storetest.MethodWatch, 0, store.ErrNoWatch)
			f.BreakWatches(store.ErrNoWatch)
		},
		"store fails": func(f *storetest.Faulty) { f.Fail(storetest.MethodChanges, 2, storetest.ErrInjected) },
		"mute":        func(f *storetest.Faulty) { f.DropEvents(true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := storetest.NewFaulty(memstore.New(nil))
				got := watched(t, f.Store(), func(r *rig) {
					fault(f)
					time.Sleep(5 * time.Second)
					if _, err := r.store.Bump(r.Context(), store.TagLabel("t")); err != nil {
						r.Fatal(err)
					}
				})
				if len(got) != 1 || got[0].Tag != "t" {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestWatchEndsWithTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(nil)
		i, err := New(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- i.Watch(t.Context(), func(Event) {}) }()
		synctest.Wait()
		s.Close()
		if err := <-done; !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
		if err := i.Watch(t.Context(), nil); !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestWatchTellsWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &forgetful{Store: memstore.New(nil), from: 1 << 40, upto: 1 << 41}
		got := watched(t, f, func(*rig) {})
		if len(got) == 0 || got[0].Kind != Forgotten || got[0].Seq != f.upto {
			t.Errorf("%+v", got)
		}
	})
}

// A slow listener loses detail, not the store's time.
func TestWatchDoesNotHoldTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memstore.New(nil), nil, nil)
		ctx, cancel := context.WithCancel(t.Context())
		release, done := make(chan struct{}), make(chan error)
		n := 0
		go func() {
			done <- r.i.Watch(ctx, func(Event) { n++; <-release })
		}()
		synctest.Wait()
		const many = watchQueue + 500
		for k := range many {
			r.put(spec{fn: "f", value: fmt.Sprint(k)})
		}
		close(release)
		time.Sleep(time.Second)
		synctest.Wait()
		cancel()
		<-done
		if n < watchQueue || n >= many {
			t.Errorf("%d events of %d", n, many)
		}
	})
}

func FuzzUnframe(f *testing.F) {
	f.Add(uint8(0), "c", "f", "d", "0 1:a")
	f.Add(uint8(1), "", "1:1", " ", "x 9999999999999999999:a")
	f.Add(uint8(200), "\x00", ":", "3:", "1 -1:a 2:")
	f.Fuzz(func(t *testing.T, kind uint8, c, fn, d, any string) {
		k, parts := unframe(store.FunctionDatasetLabel(store.Kind(kind), c, fn, d).Value)
		if k != store.Kind(kind) || !cmp.Equal(parts, []string{c, fn, d}) {
			t.Errorf("%d %q", k, parts)
		}
		unframe(any)
	})
}
