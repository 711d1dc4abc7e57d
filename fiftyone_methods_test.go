package reprise_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise"
)

func TestFiftyOne_uncached(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		calls(t, t.Context(), f, "path", 1)
		for want := 2; want <= 3; want++ {
			if got, err := f.Uncached(t.Context(), "path"); got != want || err != nil {
				t.Errorf("uncached: run %d (%v), want %d", got, err, want)
			}
		}
		calls(t, t.Context(), f, "path", 1)
	})
}

func TestFiftyOne_set_cache(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, runs := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		set := func(in string, out int) {
			t.Helper()
			if err := f.Set(t.Context(), in, out); err != nil {
				t.Fatal(err)
			}
		}
		set("new", 100)
		calls(t, t.Context(), f, "new", 100)
		calls(t, t.Context(), f, "old", 1)
		set("old", 200)
		calls(t, t.Context(), f, "old", 200)
		if n := runs.count(); n != 1 {
			t.Errorf("%d runs, want 1", n)
		}
	})
}

func TestFiftyOne_set_cache_persists(t *testing.T) {
	url := file(t)
	fn, _ := counting[string]()
	first := open(t, url)
	if err := wrap(t, first, fn, reprise.Options[string, int]{}).Set(t.Context(), "a", 100); err != nil {
		t.Fatal(err)
	}
	closeNow(t, first)
	calls(t, t.Context(), wrap(t, open(t, url), fn, reprise.Options[string, int]{}), "a", 100)
}

func TestFiftyOne_clear_cache(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		calls(t, t.Context(), f, "a", 1)
		calls(t, t.Context(), f, "b", 2)
		if err := f.Clear(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		calls(t, t.Context(), f, "a", 3, 3)
		calls(t, t.Context(), f, "b", 2)
		if err := f.Clear(t.Context(), "never seen"); err != nil {
			t.Error("clear of nothing:", err)
		}
	})
}

func TestFiftyOne_clear_all_caches(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		other := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Name: "other"})
		calls(t, t.Context(), f, "a", 1)
		calls(t, dataset("D"), f, "b", 2)
		calls(t, t.Context(), other, "a", 3)
		if n, err := f.ClearAll(t.Context(), nil); n != 2 || err != nil {
			t.Errorf("cleared %d (%v), want 2", n, err)
		}
		calls(t, t.Context(), other, "a", 3)
		calls(t, t.Context(), f, "a", 4, 4)
		calls(t, dataset("D"), f, "b", 5, 5)
	})
}

func TestFiftyOne_clear_all_caches_dataset_id(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		other := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Name: "other"})
		calls(t, dataset("A"), f, "a", 1)
		calls(t, dataset("A"), f, "b", 2)
		calls(t, dataset("B"), f, "a", 3)
		calls(t, dataset("A"), other, "a", 4)
		if n, err := f.ClearAll(t.Context(), &reprise.ClearOptions{Dataset: "A"}); n != 2 || err != nil {
			t.Errorf("cleared %d (%v), want 2", n, err)
		}
		calls(t, dataset("B"), f, "a", 3)
		calls(t, dataset("A"), other, "a", 4)
		calls(t, dataset("A"), f, "a", 5, 5)
	})
}

// The examples of the page, in its order.

func TestFiftyOne_example_default(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[string]()
		expensiveQuery := wrap(t, c, fn, reprise.Options[string, int]{})
		calls(t, dataset("quickstart"), expensiveQuery, "ground_truth", 1, 1)
		if n, err := c.DeleteDataset(t.Context(), "quickstart"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		calls(t, dataset("quickstart"), expensiveQuery, "ground_truth", 2)
	})
}

func TestFiftyOne_example_prompt(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Scope: reprise.ByPrompt, Residency: reprise.Ephemeral})
		opened := in(reprise.Execution{Dataset: "d", Prompt: "modal 1"})
		reopened := in(reprise.Execution{Dataset: "d", Prompt: "modal 2"})
		calls(t, opened, f, "path", 1, 1)
		calls(t, reopened, f, "path", 2, 2)
	})
}

type processor struct{ runs *runs[string] }

func (p processor) expensiveQuery(_ context.Context, path string) (int, error) {
	return p.runs.add(path), nil
}

func TestFiftyOne_example_processor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := processor{&runs[string]{}}
		f := wrap(t, open(t, "memory:"), p.expensiveQuery,
			reprise.Options[string, int]{TTL: 60 * time.Second, Name: "processor_cache"})
		calls(t, dataset("d"), f, "path", 1, 1)
		time.Sleep(61 * time.Second)
		calls(t, dataset("d"), f, "path", 2)
	})
}

type userKey struct{}

// custom_key_fn returns (path, ctx.user_id): a KeyFunc that reads the ctx.
func TestFiftyOne_example_user_specific_query(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{TTL: 90 * time.Second, Scope: reprise.ByJWT,
			KeyFunc: func(ctx context.Context, path string) (any, error) {
				return []any{path, ctx.Value(userKey{}).(string)}, nil
			}})
		as := func(user, jwt string) context.Context {
			return context.WithValue(in(reprise.Execution{Dataset: "d", JWT: jwt}), userKey{}, user)
		}
		calls(t, as("ann", "token 1"), f, "path", 1, 1)
		calls(t, as("bob", "token 1"), f, "path", 2)
		calls(t, as("ann", "token 2"), f, "path", 3)
	})
}

func TestFiftyOne_example_manual(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		ctx := dataset("d")
		expensiveQuery := wrap(t, c, func(_ context.Context, path string) (string, error) {
			return strings.ToUpper(path), nil
		}, reprise.Options[string, string]{})
		if got, err := expensiveQuery.Uncached(ctx, "path"); got != "PATH" || err != nil {
			t.Error(got, err)
		}
		if err := expensiveQuery.Set(ctx, "path", "value to cache"); err != nil {
			t.Error(err)
		}
		if got := call(t, ctx, expensiveQuery, "path"); got != "value to cache" {
			t.Errorf("got %q", got)
		}
		if err := expensiveQuery.Clear(ctx, "path"); err != nil {
			t.Error(err)
		}
		if got := call(t, ctx, expensiveQuery, "path"); got != "PATH" {
			t.Errorf("got %q", got)
		}
		if n, err := expensiveQuery.ClearAll(ctx, nil); n != 1 || err != nil {
			t.Error(n, err)
		}
		does(t, ctx, expensiveQuery, "path", reprise.Populated, reprise.Cleared)
		if n, err := expensiveQuery.ClearAll(ctx, &reprise.ClearOptions{Dataset: "d"}); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
}
