package reprise_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
	"github.com/reprise-go/reprise/store/storetest"
)

func TestExecutionStoreHostileKeys(t *testing.T) {
	long := strings.Repeat("long/", 20_000)
	keys := []string{"", "\x00", "\x00\x00", "\x00a", "a", "a\x00", "a\x00b", "a%", "a_", "aB", "ab", "a\xff", "a\xff\xff", "a\xff\xffz",
		"b", "ä", "%", "_", "'; DROP TABLE entries; --", "*", "[a-z]", "\xff", "\xff\xff", "\xed\xa0\x80", long, long + "\x00", "日本"}
	slices.Sort(keys)
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		s := execStore(t, c, nil)
		for i, k := range keys {
			set(t, s, k, float64(i), nil)
		}
		listed(t, s, "", keys...)
		for i, k := range keys {
			holds(t, s, k, float64(i))
			var want []string
			for _, other := range keys {
				if strings.HasPrefix(other, k) {
					want = append(want, other)
				}
			}
			listed(t, s, k, want...)
		}
		listed(t, s, "nothing begins so")
		for i, k := range keys {
			if had, err := s.Delete(t.Context(), k); !had || err != nil {
				t.Errorf("delete %.20q: %v, %v", k, had, err)
			}
			listed(t, s, "", keys[i+1:]...)
		}
	})
}

func TestExecutionStorePages(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		n := 2500 // a page has 1,000
		if raceEnabled {
			n = 1010
		}
		ctx := t.Context()
		s := execStore(t, c, nil)
		want := make([]string, n)
		for i := range want {
			want[i] = fmt.Sprintf("%04d", i)
			p := reprise.Persist
			if i%5 == 0 {
				p = reprise.Evict
			}
			set(t, s, want[i], i, &reprise.SetOptions{Policy: p})
		}
		listed(t, s, "", want...)
		listed(t, s, "1", want[1000:min(2000, n)]...)
		values, err := s.ListValues(ctx, "")
		if err != nil || len(values) != n {
			t.Fatalf("%d values, %v", len(values), err)
		}
		for i, v := range values {
			if v.Key != want[i] || string(v.Value) != fmt.Sprint(i) {
				t.Fatalf("value %d is %q: %s", i, v.Key, v.Value)
			}
		}
		if cleared, err := s.ClearCache(ctx); cleared != n/5 || err != nil {
			t.Errorf("clear cache: %d, %v", cleared, err)
		}
		if cleared, err := s.Clear(ctx); cleared != n-n/5 || err != nil {
			t.Errorf("clear: %d, %v", cleared, err)
		}
		listed(t, s, "")
	})
}

func TestExecutionStoreListValues(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		s, ctx := execStore(t, c, nil), t.Context()
		set(t, s, "run/2", map[string]any{"state": "done"}, nil)
		set(t, s, "run/1", []int{1, 2}, &reprise.SetOptions{TTL: time.Hour, Policy: reprise.Evict})
		set(t, s, "other", nil, nil)
		values, err := s.ListValues(ctx, "run/")
		if err != nil || len(values) != 2 {
			t.Fatalf("%+v, %v", values, err)
		}
		for i, want := range []string{`[1,2]`, `{"state":"done"}`} {
			m, err := s.Metadata(ctx, values[i].Key)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(m, values[i].Metadata); d != "" {
				t.Errorf("metadata (-alone +listed):\n%s", d)
			}
			if string(values[i].Value) != want {
				t.Errorf("value %s, want %s", values[i].Value, want)
			}
		}
		if all, err := s.ListValues(ctx, ""); len(all) != 3 || err != nil || string(all[0].Value) != "null" {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

// withFaults gives a cache over each store with faults in between.
func withFaults(t *testing.T, test func(t *testing.T, c *reprise.Cache, f *storetest.Faulty)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		f := storetest.NewFaulty(memstore.New(nil))
		test(t, over(t, f.Store(), nil), f)
	})
	t.Run("sqlite", func(t *testing.T) {
		db, err := sqlitestore.Open(t.Context(), strings.TrimPrefix(file(t), "sqlite:"), nil)
		if err != nil {
			t.Fatal(err)
		}
		f := storetest.NewFaulty(db)
		test(t, over(t, f.Store(), nil), f)
	})
}

func TestExecutionStoreCorruptRecord(t *testing.T) {
	withFaults(t, func(t *testing.T, c *reprise.Cache, f *storetest.Faulty) {
		s, ctx := execStore(t, c, nil), t.Context()
		set(t, s, "bad", "v", nil)
		set(t, s, "good", "v", nil)
		for name, how := range map[string]func([]byte) []byte{
			"a flipped bit": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
			"cut short":     func(b []byte) []byte { return b[:len(b)-1] },
			"nothing":       func([]byte) []byte { return nil },
			"foreign":       func([]byte) []byte { return bytes.Repeat([]byte("x"), 100) },
		} {
			t.Run(name, func(t *testing.T) {
				f.CorruptValues(1, how)
				var got any
				missed(t, s.Get(ctx, "bad", &got), reprise.Corrupt)
				f.CorruptValues(1, how)
				values, err := s.ListValues(ctx, "")
				if err != nil || len(values) != 1 || values[0].Key != "good" {
					t.Errorf("values %+v, %v", values, err)
				}
			})
		}
		holds(t, s, "bad", "v")
	})
}

// Errors of the store are the caller's: nothing is pretended.
func TestExecutionStoreOnAFailingStore(t *testing.T) {
	boom := errors.New("boom")
	withFaults(t, func(t *testing.T, c *reprise.Cache, f *storetest.Faulty) {
		s, ctx := execStore(t, c, nil), t.Context()
		set(t, s, "k", "v", nil)
		for _, m := range []storetest.Method{storetest.MethodGet, storetest.MethodPut, storetest.MethodUpdate, storetest.MethodClear, storetest.MethodList} {
			f.Fail(m, 0, boom)
		}
		eachOperation(t, s, func(what string, err error) {
			if !errors.Is(err, reprise.ErrStore) || !errors.Is(err, boom) || errors.Is(err, reprise.ErrMiss) {
				t.Errorf("%s: %v", what, err)
			}
			says(t, err, "execution store state", "store unavailable")
		})
		f.Heal()
		holds(t, s, "k", "v")
		f.Fail(storetest.MethodGet, 0, boom) // found, and then not to be had
		if v, err := s.ListValues(ctx, ""); !errors.Is(err, boom) || len(v) != 0 {
			t.Errorf("list values: %v, %v", v, err)
		}
		f.Heal()
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Set(cancelled, "k", "w", nil); !errors.Is(err, context.Canceled) || errors.Is(err, reprise.ErrStore) {
			t.Errorf("set for who has left: %v", err)
		}
		f.Fail(storetest.MethodPut, 1, store.ErrTooLarge)
		if err := s.Set(ctx, "k", "w", nil); !errors.Is(err, store.ErrTooLarge) || errors.Is(err, reprise.ErrStore) {
			t.Errorf("set of what is too large: %v", err)
		}
	})
}

// eachOperation runs each operation and passes its error on.
func eachOperation(t *testing.T, s *reprise.ExecutionStore, check func(what string, err error)) {
	t.Helper()
	ctx := t.Context()
	var v any
	_, has := s.Has(ctx, "k")
	_, del := s.Delete(ctx, "k")
	_, meta := s.Metadata(ctx, "k")
	_, keys := s.ListKeys(ctx, "")
	_, values := s.ListValues(ctx, "")
	_, clear := s.Clear(ctx)
	_, cache := s.ClearCache(ctx)
	check("set", s.Set(ctx, "k", "w", nil))
	check("get", s.Get(ctx, "k", &v))
	check("has", has)
	check("delete", del)
	check("metadata", meta)
	check("update ttl", s.UpdateTTL(ctx, "k", time.Hour))
	check("update policy", s.UpdatePolicy(ctx, "k", reprise.Evict))
	check("list keys", keys)
	check("list values", values)
	check("clear", clear)
	check("clear cache", cache)
}

func TestExecutionStoreAfterClose(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		s := execStore(t, c, nil)
		closeNow(t, c)
		eachOperation(t, s, func(what string, err error) {
			if !errors.Is(err, reprise.ErrClosed) || errors.Is(err, reprise.ErrStore) {
				t.Errorf("%s: %v", what, err)
			}
		})
		if _, err := s.Subscribe(t.Context(), func(reprise.Event) {}); !errors.Is(err, reprise.ErrClosed) {
			t.Errorf("subscribe: %v", err)
		}
	})
}

// incompressible is a text of n characters.
func incompressible(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('!' + rand.N(90))
	}
	return string(bytes.ReplaceAll(b, []byte(`\`), []byte("/")))
}

// The quota takes values that may be given up, and no others.
func TestExecutionStorePersistIsSparedByTheQuota(t *testing.T) {
	c := openWith(t, "memory:", &reprise.Config{Quota: 4096})
	s := execStore(t, c, nil)
	kb := strings.Repeat("k", 1000)
	var noise [3]string
	for i := range noise {
		noise[i] = fmt.Sprint("evict", i)
		set(t, s, noise[i], kb+noise[i], &reprise.SetOptions{Policy: reprise.Evict})
	}
	for i := range 30 { // far more than fits, unless compressed away
		err := s.Set(t.Context(), fmt.Sprint("persist", i), incompressible(700), nil)
		if errors.Is(err, store.ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := s.ListKeys(t.Context(), "persist")
	if err != nil || len(keys) < 3 {
		t.Errorf("kept %q, %v", keys, err)
	}
	if err := s.Set(t.Context(), "one more", incompressible(4000), nil); !errors.Is(err, store.ErrFull) {
		t.Errorf("over the quota: %v", err)
	}
	listed(t, s, "evict")
}
