package reprise_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// The tests here are named after the parameters, methods and examples of the
// reference page of fiftyone.operators.cache.decorator.

func TestFiftyOne_residency_transient(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: reprise.Transient})
		does(t, t.Context(), f, "a", reprise.Populated, reprise.Absent)
		for range 3 {
			r := does(t, t.Context(), f, "a", reprise.HitStore, reprise.NoReason)
			if r.Tier != reprise.TierStore || r.Value != 1 {
				t.Errorf("got %d from tier %q, want 1 from the store", r.Value, r.Tier)
			}
		}
		if n := c.Stats().MemoryItems; n != 0 {
			t.Errorf("memory holds %d results, want none", n)
		}
	})
}

func TestFiftyOne_residency_transient_outlivesProcess(t *testing.T) {
	url := file(t)
	fn, _ := counting[string]()
	o := reprise.Options[string, int]{Residency: reprise.Transient}
	first := open(t, url)
	calls(t, t.Context(), wrap(t, first, fn, o), "a", 1, 1)
	closeNow(t, first)
	does(t, t.Context(), wrap(t, open(t, url), fn, o), "a", reprise.HitStore, reprise.NoReason)
}

func TestFiftyOne_residency_ephemeral(t *testing.T) {
	url := file(t)
	fn, _ := counting[string]()
	o := reprise.Options[string, int]{Residency: reprise.Ephemeral}
	first := open(t, url)
	f := wrap(t, first, fn, o)
	does(t, t.Context(), f, "a", reprise.Populated, reprise.Absent)
	if r := does(t, t.Context(), f, "a", reprise.HitMemory, reprise.NoReason); r.Tier != reprise.TierMemory {
		t.Errorf("tier %q, want memory", r.Tier)
	}
	closeNow(t, first)
	does(t, t.Context(), wrap(t, open(t, url), fn, o), "a", reprise.Populated, reprise.Absent)
}

func TestFiftyOne_residency_hybrid(t *testing.T) {
	url := file(t)
	fn, runs := counting[string]()
	first := open(t, url)
	f := wrap(t, first, fn, reprise.Options[string, int]{})
	does(t, t.Context(), f, "a", reprise.Populated, reprise.Absent)
	does(t, t.Context(), f, "a", reprise.HitMemory, reprise.NoReason)
	closeNow(t, first)
	again := wrap(t, open(t, url), fn, reprise.Options[string, int]{})
	does(t, t.Context(), again, "a", reprise.HitStore, reprise.NoReason)
	does(t, t.Context(), again, "a", reprise.HitMemory, reprise.NoReason)
	if n := runs.count(); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}

func TestFiftyOne_ttl(t *testing.T) {
	for _, r := range residencies {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fn, _ := counting[string]()
				f := wrap(t, open(t, "memory:"), fn, reprise.Options[string, int]{Residency: r, TTL: time.Minute})
				calls(t, t.Context(), f, "a", 1)
				time.Sleep(time.Minute - time.Millisecond)
				calls(t, t.Context(), f, "a", 1)
				time.Sleep(2 * time.Millisecond)
				calls(t, t.Context(), f, "a", 2, 2)
			})
		})
	}
}

// The store's clock decides, not the process's.
func TestFiftyOne_ttl_sqlite(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, err := sqlitestore.Open(t.Context(), strings.TrimPrefix(file(t), "sqlite:"),
		&sqlitestore.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	fn, _ := counting[string]()
	f := wrap(t, over(t, s, nil), fn, reprise.Options[string, int]{Residency: reprise.Transient, TTL: 60 * time.Second})
	if r := does(t, t.Context(), f, "a", reprise.Populated, reprise.Absent); !r.Expires.Equal(now.Add(time.Minute)) {
		t.Errorf("expires %v, want a minute after %v", r.Expires, now)
	}
	now = now.Add(60*time.Second - time.Millisecond)
	if r := does(t, t.Context(), f, "a", reprise.HitStore, reprise.NoReason); r.Age < 59*time.Second {
		t.Errorf("age %v", r.Age)
	}
	now = now.Add(time.Millisecond)
	does(t, t.Context(), f, "a", reprise.Populated, reprise.Expired)
}

func TestFiftyOne_max_size(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, runs := counting[int]()
		f := wrap(t, c, fn, reprise.Options[int, int]{Residency: reprise.Ephemeral, MaxSize: 2})
		for _, in := range []int{1, 2, 1, 3, 2} {
			call(t, t.Context(), f, in)
		}
		if diff := cmp.Diff([]int{1, 2, 3, 2}, runs.all()); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
	})
}

// A hybrid function's memory obeys the bound, too; the store answers for it.
func TestFiftyOne_max_size_hybrid(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, runs := counting[int]()
		f := wrap(t, c, fn, reprise.Options[int, int]{MaxSize: 2})
		var got []string
		for _, in := range []int{1, 2, 1, 3, 2} {
			r, err := f.Do(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Outcome.String())
		}
		want := []string{"populated", "populated", "hit-memory", "populated", "hit-store"}
		if diff := cmp.Diff(want, got); diff != "" || runs.count() != 3 {
			t.Errorf("%d runs; outcomes (-want +got):\n%s", runs.count(), diff)
		}
	})
}

func TestFiftyOne_max_size_isExact(t *testing.T) {
	for _, size := range []int{1, 2, 1024, 0} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			holds := size
			if size == 0 {
				holds = 1024 // the documented default
			}
			c := open(t, "memory:")
			fn, runs := counting[int]()
			f := wrap(t, c, fn, reprise.Options[int, int]{Residency: reprise.Ephemeral, MaxSize: size})
			for in := range holds + 1 { // 0 leaves
				call(t, t.Context(), f, in)
			}
			if n := c.Stats().MemoryItems; n != holds {
				t.Errorf("memory holds %d results, want %d", n, holds)
			}
			for in := 1; in <= holds; in++ {
				call(t, t.Context(), f, in)
			}
			if n := runs.count(); n != holds+1 {
				t.Errorf("%d runs, want %d: something but the oldest left", n, holds+1)
			}
			if call(t, t.Context(), f, 0); runs.count() != holds+2 {
				t.Error("the oldest was still there")
			}
		})
	}
}

func TestFiftyOne_link_to_dataset(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		calls(t, dataset("A"), f, "path", 1, 1)
		calls(t, dataset("B"), f, "path", 2, 2)
		calls(t, t.Context(), f, "path", 3, 3)
		n, err := c.DeleteDataset(t.Context(), "A")
		if want := map[bool]int{true: 0, false: 1}[r == reprise.Ephemeral]; err != nil || n != want {
			t.Errorf("deleted %d (%v), want %d of the store", n, err, want)
		}
		calls(t, dataset("B"), f, "path", 2)
		calls(t, t.Context(), f, "path", 3)
		calls(t, dataset("A"), f, "path", 4, 4)
	})
}

func TestFiftyOne_link_to_dataset_off(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Unlinked: true})
		calls(t, dataset("A"), f, "path", 1)
		calls(t, dataset("B"), f, "path", 1)
		calls(t, dataset(""), f, "path", 1)
		if _, err := c.DeleteDataset(t.Context(), "A"); err != nil {
			t.Fatal(err)
		}
		calls(t, dataset("A"), f, "path", 1)
	})
}

type countQuery struct{ Path, Trace string }

func TestFiftyOne_key_fn(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[countQuery]()
		f := wrap(t, c, fn, reprise.Options[countQuery, int]{Residency: r,
			KeyFunc: func(_ context.Context, q countQuery) (any, error) { return []string{q.Path}, nil }})
		calls(t, t.Context(), f, countQuery{"a", "x"}, 1)
		calls(t, t.Context(), f, countQuery{"a", "y"}, 1)
		calls(t, t.Context(), f, countQuery{"b", "x"}, 2)
	})
}

func TestFiftyOne_store_name(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[string]()
		a := wrap(t, c, fn, reprise.Options[string, int]{Name: "processor_cache"})
		b := wrap(t, c, fn, reprise.Options[string, int]{Name: "other_cache"})
		if a.Name() != "processor_cache" {
			t.Errorf("name %q", a.Name())
		}
		calls(t, t.Context(), a, "path", 1, 1)
		calls(t, t.Context(), b, "path", 2, 2)
	})
}

func measure(_ context.Context, path string) (int, error) { return len(path), nil }

func TestFiftyOne_store_name_default(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		f, err := reprise.Wrap(c, measure, nil)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() != "github.com/reprise-go/reprise_test.measure" {
			t.Errorf("name %q is not the function's", f.Name())
		}
		does(t, t.Context(), f, "path", reprise.Populated, reprise.Absent)
		does(t, t.Context(), f, "path", reprise.HitMemory, reprise.NoReason)
	})
}

func TestFiftyOne_version(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		one := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Version: "1"})
		two := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Version: "2"})
		calls(t, t.Context(), one, "path", 1)
		calls(t, t.Context(), two, "path", 2)
		calls(t, t.Context(), one, "path", 1) // old versions coexist
	})
}

// scoped checks that results are apart by one value of the Execution and by
// no other, and that a call without it is not cached.
func scoped(t *testing.T, s reprise.Scope, field func(*reprise.Execution) *string) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Scope: s})
		with := func(v, others string) context.Context {
			e := reprise.Execution{Dataset: "D", Operator: others, User: others, Prompt: others, JWT: others}
			*field(&e) = v
			return in(e)
		}
		calls(t, with("one", "x"), f, "path", 1)
		calls(t, with("two", "x"), f, "path", 2)
		calls(t, with("one", "y"), f, "path", 1)
		calls(t, with("two", "y"), f, "path", 2)
		res := does(t, with("", "x"), f, "path", reprise.Skipped, reprise.ScopeMissing)
		if res.Value != 3 || !errors.Is(res.Err, reprise.ErrScopeMissing) {
			t.Errorf("without the scope: run %d, %v", res.Value, res.Err)
		}
		if err := f.Set(with("", "x"), "path", 9); !errors.Is(err, reprise.ErrScopeMissing) {
			t.Errorf("set without the scope: %v", err)
		}
		calls(t, with("one", "x"), f, "path", 1)
	})
}

func TestFiftyOne_operator_scoped(t *testing.T) {
	scoped(t, reprise.ByOperator, func(e *reprise.Execution) *string { return &e.Operator })
}

func TestFiftyOne_user_scoped(t *testing.T) {
	scoped(t, reprise.ByUser, func(e *reprise.Execution) *string { return &e.User })
}

func TestFiftyOne_prompt_scoped(t *testing.T) {
	scoped(t, reprise.ByPrompt, func(e *reprise.Execution) *string { return &e.Prompt })
}

func TestFiftyOne_jwt_scoped(t *testing.T) {
	scoped(t, reprise.ByJWT, func(e *reprise.Execution) *string { return &e.JWT })
}

func TestFiftyOne_collection_name(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		byDefault := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		named := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Collection: "execution_store"})
		other := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Collection: "mine"})
		calls(t, t.Context(), byDefault, "path", 1)
		calls(t, t.Context(), other, "path", 2)
		if r != reprise.Ephemeral { // whose results are the wrapped function's own
			calls(t, t.Context(), named, "path", 1)
		}
		if _, err := other.ClearAll(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		calls(t, t.Context(), byDefault, "path", 1)
		calls(t, t.Context(), other, "path", 3)
	})
}

type histogram struct {
	Label  string
	Counts []int
}

// both functions of the page's serialize and deserialize: they see every value
// that goes to the store and comes from it.
func TestFiftyOne_serialize(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		var stored [][]byte
		mine := codec.Func("histogram/1",
			func(h histogram) ([]byte, error) {
				b, err := json.Marshal(h)
				stored = append(stored, b)
				return b, err
			},
			func(b []byte) (h histogram, err error) { return h, json.Unmarshal(b, &h) })
		f := wrap(t, c, func(context.Context, string) (histogram, error) { return histogram{"a", []int{1, 2}}, nil },
			reprise.Options[string, histogram]{Residency: reprise.Transient, Codec: mine})
		call(t, t.Context(), f, "path")
		if len(stored) != 1 || !bytes.Equal(stored[0], []byte(`{"Label":"a","Counts":[1,2]}`)) {
			t.Errorf("serialized %q", stored)
		}
	})
}

func TestFiftyOne_deserialize(t *testing.T) {
	url := file(t)
	var read []string
	mine := codec.Func("upper/1",
		func(s string) ([]byte, error) { return []byte(strings.ToUpper(s)), nil },
		func(b []byte) (string, error) { read = append(read, string(b)); return strings.ToLower(string(b)), nil })
	o := reprise.Options[string, string]{Residency: reprise.Transient, Codec: mine}
	fn := func(_ context.Context, s string) (string, error) { return "result for " + s, nil }
	first := open(t, url)
	call(t, t.Context(), wrap(t, first, fn, o), "a")
	closeNow(t, first)
	r := does(t, t.Context(), wrap(t, open(t, url), fn, o), "a", reprise.HitStore, reprise.NoReason)
	if r.Value != "result for a" || !slices.Contains(read, "RESULT FOR A") {
		t.Errorf("got %q, read %q", r.Value, read)
	}
}

// A codec of another name does not read what it did not write.
func TestFiftyOne_deserialize_otherCodec(t *testing.T) {
	url := file(t)
	fn := func(_ context.Context, s string) (string, error) { return s, nil }
	c := open(t, url)
	call(t, t.Context(), wrap(t, c, fn, reprise.Options[string, string]{Residency: reprise.Transient}), "a")
	f := wrap(t, c, fn, reprise.Options[string, string]{Residency: reprise.Transient, Codec: codec.CBOR[string]()})
	does(t, t.Context(), f, "a", reprise.Populated, reprise.Undecodable)
	does(t, t.Context(), f, "a", reprise.HitStore, reprise.NoReason)
}
