package reprise_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

func execStore(tb testing.TB, c *reprise.Cache, o *reprise.ExecutionStoreOptions) *reprise.ExecutionStore {
	tb.Helper()
	s, err := c.ExecutionStore("state", o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func set(tb testing.TB, s *reprise.ExecutionStore, key string, v any, o *reprise.SetOptions) {
	tb.Helper()
	if err := s.Set(tb.Context(), key, v, o); err != nil {
		tb.Fatal(err)
	}
}

// holds expects a value under key, or none where want is nil.
func holds(tb testing.TB, s *reprise.ExecutionStore, key string, want any) {
	tb.Helper()
	var got any
	err := s.Get(tb.Context(), key, &got)
	has, herr := s.Has(tb.Context(), key)
	if herr != nil || has != (want != nil) {
		tb.Errorf("%q: has %v, %v", key, has, herr)
	}
	switch {
	case want == nil && !errors.Is(err, reprise.ErrMiss):
		tb.Errorf("%q holds %v (%v), want nothing", key, got, err)
	case want != nil && (err != nil || got != want):
		tb.Errorf("%q holds %v (%v), want %v", key, got, err, want)
	}
}

func listed(tb testing.TB, s *reprise.ExecutionStore, prefix string, want ...string) {
	tb.Helper()
	got, err := s.ListKeys(tb.Context(), prefix)
	if err != nil || !slices.Equal(got, want) {
		tb.Errorf("keys %q, %v; want %q", got, err, want)
	}
}

func missed(tb testing.TB, err error, why reprise.Reason) {
	tb.Helper()
	var miss *reprise.MissError
	if !errors.As(err, &miss) || miss.Reason != why || !errors.Is(err, reprise.ErrMiss) {
		tb.Errorf("%v, want a miss because %v", err, why)
	}
}

func TestExecutionStoreKeepsValues(t *testing.T) {
	type point struct{ X, Y int }
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		s, ctx := execStore(t, c, nil), t.Context()
		holds(t, s, "k", nil)
		set(t, s, "k", point{1, 2}, nil)
		var p point
		if err := s.Get(ctx, "k", &p); err != nil || p != (point{1, 2}) {
			t.Errorf("got %v, %v", p, err)
		}
		set(t, s, "k", "another type", nil)
		holds(t, s, "k", "another type")
		missed(t, s.Get(ctx, "other", &p), reprise.Absent)
		if p != (point{1, 2}) {
			t.Error("a miss altered the destination")
		}
		if err := s.Get(ctx, "k", &p); err == nil || errors.Is(err, reprise.ErrMiss) {
			t.Errorf("a string into a struct: %v", err)
		}
		set(t, s, "nil", nil, nil)
		var got any = "untouched"
		if err := s.Get(ctx, "nil", &got); err != nil || got != nil {
			t.Errorf("got %v, %v", got, err)
		}
		for _, dst := range []any{nil, "no pointer", (*string)(nil)} {
			says(t, s.Get(ctx, "k", dst), "execution store state", `get "k"`)
		}
		if had, err := s.Delete(ctx, "k"); !had || err != nil {
			t.Errorf("delete: %v, %v", had, err)
		}
		if had, err := s.Delete(ctx, "k"); had || err != nil {
			t.Errorf("delete again: %v, %v", had, err)
		}
		holds(t, s, "k", nil)
	})
}

func TestExecutionStoreOutlivesTheProcess(t *testing.T) {
	url := file(t)
	first := open(t, url)
	set(t, execStore(t, first, nil), "k", "v", nil)
	closeNow(t, first)
	holds(t, execStore(t, open(t, url), nil), "k", "v")
}

func TestExecutionStoreBadInput(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		ctx := t.Context()
		_, err := c.ExecutionStore("", nil)
		says(t, err, "execution store", "the name is empty")
		_, err = c.ExecutionStore("s", &reprise.ExecutionStoreOptions{Policy: 9})
		says(t, err, "execution store s", "Policy", "9")
		s := execStore(t, c, nil)
		says(t, s.Set(ctx, "k", 1, &reprise.SetOptions{TTL: -time.Second}), `set "k"`, "TTL", "-1s", "negative")
		says(t, s.Set(ctx, "k", 1, &reprise.SetOptions{Policy: 9}), `set "k"`, "Policy", "9")
		says(t, s.UpdateTTL(ctx, "k", -1), `update ttl "k"`, "negative")
		says(t, s.UpdatePolicy(ctx, "k", 9), `update policy "k"`, "Policy", "9")
		listed(t, s, "")
		missed(t, s.UpdateTTL(ctx, "k", time.Hour), reprise.Absent)
		missed(t, s.UpdatePolicy(ctx, "k", reprise.Evict), reprise.Absent)
		_, err = s.Metadata(ctx, "k")
		missed(t, err, reprise.Absent)
	})
}

// What JSON would change is refused, with the path of what it is.
func TestExecutionStoreRefusesWhatJSONWouldChange(t *testing.T) {
	type inner struct {
		Shown  int
		hidden int
	}
	type outer struct {
		Items  []inner
		Labels map[string]string
	}
	for name, tt := range map[string]struct {
		v    any
		path string
	}{
		"unexported field": {outer{Items: []inner{{}, {hidden: 1}}}, "Items[1].hidden"},
		"invalid UTF-8":    {outer{Labels: map[string]string{"a": "\xff"}}, `Labels["a"]`},
		"int behind any":   {map[string]any{"n": 1}, `["n"]`},
		"left out": {struct {
			N int `json:"-"`
		}{1}, "N"},
		"nil slice in any": {[]any{[]string(nil)}, "[0]"},
		"NaN":              {math.NaN(), ""},
		"channel":          {make(chan int), ""},
		"function":         {func() {}, ""},
		"large in any":     {[]any{int64(1) << 60}, "[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, c *reprise.Cache) {
				s := execStore(t, c, nil)
				set(t, s, "k", "kept", nil)
				err := s.Set(t.Context(), "k", tt.v, nil)
				var ce *codec.Error
				if !errors.Is(err, reprise.ErrNotSerializable) || !errors.As(err, &ce) || ce.Path != tt.path {
					t.Fatalf("%v (%+v), want path %q", err, ce, tt.path)
				}
				says(t, err, `set "k"`, tt.path)
				holds(t, s, "k", "kept")
			})
		})
	}
	s := execStore(t, open(t, "memory:"), nil)
	now := time.Now()
	for _, v := range []any{1.5, true, "text\x00\u2028<&>", []int(nil), []int{}, map[string]any{"a": []any{1.0, nil, "x"}}, []byte{0, 255},
		now.UTC().Round(0), (*int)(nil), [2]bool{true, false}, int64(math.MaxInt64), uint64(math.MaxUint64), json.RawMessage(`{"a":1}`)} {
		set(t, s, "k", v, nil)
	}
}

func TestExecutionStoreTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, "memory:")
		expiry(t, c, time.Now, time.Sleep)
	})
	t.Run("sqlite", func(t *testing.T) {
		clock := &movable{at: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
		db, err := sqlitestore.Open(t.Context(), strings.TrimPrefix(file(t), "sqlite:"), &sqlitestore.Options{Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		expiry(t, over(t, db, nil), clock.Now, clock.pass)
	})
}

// movable is a clock that a test moves.
type movable struct {
	mu sync.Mutex
	at time.Time
}

func (m *movable) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (m *movable) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = m.at.Add(d)
}

// expiry tests times to live on a clock that the test moves.
func expiry(t *testing.T, c *reprise.Cache, now func() time.Time, pass func(time.Duration)) {
	t.Helper()
	s, ctx := execStore(t, c, nil), t.Context()
	began := now()
	set(t, s, "k", "v", &reprise.SetOptions{TTL: time.Minute})
	set(t, s, "ever", "v", nil)
	m, err := s.Metadata(ctx, "k")
	if err != nil || !m.Created.Equal(began) || !m.Expires.Equal(began.Add(time.Minute)) || m.Policy != reprise.Persist || m.Key != "k" || m.Size <= 0 {
		t.Errorf("metadata %+v, %v", m, err)
	}
	if m, err := s.Metadata(ctx, "ever"); err != nil || !m.Expires.IsZero() {
		t.Errorf("metadata %+v, %v", m, err)
	}
	pass(time.Minute - time.Millisecond)
	holds(t, s, "k", "v")
	if err := s.UpdateTTL(ctx, "k", time.Hour); err != nil { // counts from now
		t.Fatal(err)
	}
	pass(time.Hour - time.Millisecond)
	holds(t, s, "k", "v")
	pass(time.Millisecond)
	holds(t, s, "k", nil)
	listed(t, s, "", "ever")
	missed(t, s.UpdateTTL(ctx, "k", time.Hour), reprise.Absent)
	if had, err := s.Delete(ctx, "k"); had || err != nil {
		t.Errorf("deleted what has expired: %v, %v", had, err)
	}
	_, err = s.Metadata(ctx, "k")
	if !errors.Is(err, reprise.ErrMiss) {
		t.Errorf("metadata: %v", err)
	}

	set(t, s, "k", "v", &reprise.SetOptions{TTL: time.Minute})
	if err := s.UpdateTTL(ctx, "k", 0); err != nil { // for ever
		t.Fatal(err)
	}
	pass(1000 * time.Hour)
	holds(t, s, "k", "v")
	set(t, s, "k", "w", &reprise.SetOptions{TTL: time.Minute})
	set(t, s, "k", "x", nil) // a Set replaces the expiry too
	pass(time.Minute)
	holds(t, s, "k", "x")
}

func TestExecutionStorePolicies(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		ctx := t.Context()
		s := execStore(t, c, nil)
		evicting := execStore(t, c, &reprise.ExecutionStoreOptions{Policy: reprise.Evict})
		set(t, s, "default", 1, nil)
		set(t, s, "evict", 1, &reprise.SetOptions{Policy: reprise.Evict})
		set(t, evicting, "by default", 1, nil)
		set(t, evicting, "persist", 1, &reprise.SetOptions{Policy: reprise.Persist})
		is := func(key string, want reprise.Policy) {
			t.Helper()
			if m, err := s.Metadata(ctx, key); err != nil || m.Policy != want {
				t.Errorf("%q: %v, %v, want %v", key, m.Policy, err, want)
			}
		}
		is("default", reprise.Persist)
		is("evict", reprise.Evict)
		is("by default", reprise.Evict)
		is("persist", reprise.Persist)
		for _, u := range []struct {
			s    *reprise.ExecutionStore
			p    reprise.Policy
			want reprise.Policy
		}{{s, reprise.Evict, reprise.Evict}, {s, reprise.DefaultPolicy, reprise.Persist}, {evicting, reprise.DefaultPolicy, reprise.Evict}} {
			if err := u.s.UpdatePolicy(ctx, "default", u.p); err != nil {
				t.Fatal(err)
			}
			is("default", u.want)
		}
		holds(t, s, "default", 1.0)
		for p, name := range map[reprise.Policy]string{reprise.DefaultPolicy: "default", reprise.Persist: "persist", reprise.Evict: "evict", 9: "invalid"} {
			if p.String() != name {
				t.Errorf("policy %d is called %q", p, p)
			}
		}
	})
}

func TestExecutionStoreClears(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		ctx := t.Context()
		s := execStore(t, c, nil)
		fill := func() {
			for i := range 3 {
				set(t, s, fmt.Sprint("keep", i), i, nil)
				set(t, s, fmt.Sprint("drop", i), i, &reprise.SetOptions{Policy: reprise.Evict})
			}
		}
		counts := func(n int, err error) func(what string, want int) {
			return func(what string, want int) {
				t.Helper()
				if n != want || err != nil {
					t.Errorf("%s: %d, %v; want %d", what, n, err, want)
				}
			}
		}
		fill()
		counts(s.ClearCache(ctx))("clear cache", 3)
		listed(t, s, "", "keep0", "keep1", "keep2")
		counts(s.ClearCache(ctx))("clear cache again", 0)
		fill()
		counts(c.ClearAll(ctx))("clear all", 3)
		listed(t, s, "", "keep0", "keep1", "keep2")
		holds(t, s, "drop0", nil)
		fill() // what is set after a clear is there
		listed(t, s, "drop", "drop0", "drop1", "drop2")
		counts(s.Clear(ctx))("clear", 6)
		listed(t, s, "")
		counts(s.Clear(ctx))("clear again", 0)
	})
}

func TestExecutionStoresAreApart(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		ctx := t.Context()
		stores := map[string]*reprise.ExecutionStore{
			"plain":      execStore(t, c, nil),
			"collection": execStore(t, c, &reprise.ExecutionStoreOptions{Collection: "other"}),
			"dataset a":  execStore(t, c, &reprise.ExecutionStoreOptions{Dataset: "a"}),
			"dataset b":  execStore(t, c, &reprise.ExecutionStoreOptions{Dataset: "b"}),
		}
		var err error
		if stores["name"], err = c.ExecutionStore("state2", nil); err != nil {
			t.Fatal(err)
		}
		for name, s := range stores {
			set(t, s, "k", name, nil)
		}
		for name, s := range stores {
			holds(t, s, "k", name)
			listed(t, s, "", "k")
		}
		// The default collection has a name, too.
		holds(t, execStore(t, c, &reprise.ExecutionStoreOptions{Collection: "execution_store"}), "k", "plain")

		if n, err := c.DeleteDataset(ctx, "a"); n != 1 || err != nil {
			t.Errorf("delete dataset: %d, %v", n, err)
		}
		holds(t, stores["dataset a"], "k", nil)
		for _, name := range []string{"plain", "collection", "dataset b", "name"} {
			holds(t, stores[name], "k", name)
		}
		if n, err := stores["plain"].Clear(ctx); n != 1 || err != nil {
			t.Errorf("clear: %d, %v", n, err)
		}
		for _, name := range []string{"collection", "dataset b", "name"} {
			holds(t, stores[name], "k", name)
		}
		set(t, stores["dataset a"], "k", "back", nil)
		holds(t, stores["dataset a"], "k", "back")
	})
}

// A cached function of the same name has other results.
func TestExecutionStoreAndFunctionOfOneName(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Name: "state", Residency: reprise.Transient})
		s := execStore(t, c, nil)
		calls(t, t.Context(), f, "k", 1, 1)
		holds(t, s, "k", nil)
		set(t, s, "k", "v", nil)
		if n, err := f.ClearAll(t.Context(), nil); n != 1 || err != nil {
			t.Errorf("clear all: %d, %v", n, err)
		}
		holds(t, s, "k", "v")
		calls(t, t.Context(), f, "k", 2, 2)
		if n, err := s.Clear(t.Context()); n != 1 || err != nil {
			t.Errorf("clear: %d, %v", n, err)
		}
		calls(t, t.Context(), f, "k", 2)
	})
}
