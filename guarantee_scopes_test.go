package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// whoever tells a function on whose behalf it was first called.
type whoever struct{}

func as(e reprise.Execution) context.Context {
	return context.WithValue(in(e), whoever{}, e)
}

// whoAsks returns the Execution for which it runs. If it is not the caller's
// own, a scope was crossed.
func whoAsks(ctx context.Context, _ int) (reprise.Execution, error) {
	return ctx.Value(whoever{}).(reprise.Execution), nil
}

// seen is what of e separates results under these options.
func seen(e reprise.Execution, s reprise.Scope, unlinked bool) reprise.Execution {
	var v reprise.Execution
	if !unlinked {
		v.Dataset = e.Dataset
	}
	if s&reprise.ByOperator != 0 {
		v.Operator = e.Operator
	}
	if s&reprise.ByUser != 0 {
		v.User = e.User
	}
	if s&reprise.ByPrompt != 0 {
		v.Prompt = e.Prompt
	}
	if s&reprise.ByJWT != 0 {
		v.JWT = e.JWT
	}
	return v
}

const everyScope = reprise.ByOperator | reprise.ByUser | reprise.ByPrompt | reprise.ByJWT

// TestGuarantee20_ScopesNeverCross calls on behalf of callers that differ in
// one value each, in every combination of scopes, residency and link, from two
// caches over one file. Callers share results exactly where all values that
// count are equal.
func TestGuarantee20_ScopesNeverCross(t *testing.T) {
	for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient, reprise.Ephemeral} {
		url := file(t)
		neverCross(t, []*reprise.Cache{open(t, url), open(t, url)}, r, false)
	}
}

// neverCross is TestGuarantee20_ScopesNeverCross in caches over one store.
func neverCross(t *testing.T, caches []*reprise.Cache, r reprise.Residency, serialize bool) {
	t.Helper()
	for s := reprise.Scope(0); s <= everyScope; s++ {
		for _, unlinked := range []bool{false, true} {
			o := reprise.Options[int, reprise.Execution]{Name: fmt.Sprint(s, r, unlinked, serialize), Scope: s, Residency: r,
				Unlinked: unlinked, Serialize: serialize}
			for _, c := range caches {
				f := wrap(t, c, whoAsks, o)
				made := map[reprise.Execution]bool{}
				for range 2 {
					for _, who := range differing() {
						got, err := f.Do(as(who), 1)
						mine := seen(who, s, unlinked)
						if err != nil || seen(got.Value, s, unlinked) != mine {
							t.Fatalf("scope %b, %v, unlinked %t: %+v got the result of %+v, %v", s, r, unlinked, who, got.Value, err)
						}
						if made[mine] && !got.Outcome.Hit() {
							t.Errorf("scope %b, %v, unlinked %t: %+v does not share the result of its like: %v", s, r, unlinked, who, got.Outcome)
						}
						made[mine] = true
					}
				}
			}
		}
	}
}

// differing are callers of which each differs from the first in one value.
func differing() []reprise.Execution {
	base := reprise.Execution{Dataset: "d1", Operator: "o1", User: "u1", Prompt: "p1", JWT: "j1"}
	callers := []reprise.Execution{base, base, base, base, base, base}
	callers[1].Dataset, callers[2].Operator, callers[3].User, callers[4].Prompt, callers[5].JWT = "d2", "o2", "u2", "p2", "j2"
	return callers
}

// TestGuarantee20_OperationsStayInTheirScope: what one user sets or clears,
// another neither sees nor loses.
func TestGuarantee20_OperationsStayInTheirScope(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		f := wrap(t, c, whoAsks, reprise.Options[int, reprise.Execution]{Scope: everyScope, Residency: r})
		a := reprise.Execution{Dataset: "d", Operator: "o", User: "alice", Prompt: "p", JWT: "j"}
		b := a
		b.User = "bob"
		made := reprise.Execution{User: "made by alice"}
		if err := f.Set(as(a), 1, made); err != nil {
			t.Fatal(err)
		}
		if r, err := f.Peek(as(b), 1); !errors.Is(err, reprise.ErrMiss) || r.Value == made {
			t.Errorf("Bob peeks at %+v, %v", r.Value, err)
		}
		x, err := f.Explain(as(b), 1)
		if err != nil || x.Hit || strings.Contains(x.String(), "alice") || strings.Contains(x.String(), "bob") {
			t.Errorf("Explain for Bob: %s, %v", x, err)
		}
		if got := call(t, as(b), f, 1); got != b {
			t.Errorf("Bob got the result of %+v", got)
		}
		if err := f.Clear(as(b), 1); err != nil {
			t.Fatal(err)
		}
		if got := call(t, as(a), f, 1); got != made {
			t.Errorf("Bob's Clear took what Alice had set: %+v", got)
		}
		if got, err := f.Uncached(as(b), 1); err != nil || got != b {
			t.Errorf("uncached: %+v, %v", got, err)
		}
		refreshed, err := f.Do(reprise.WithMode(as(b), reprise.Refresh), 1)
		if err != nil || refreshed.Value != b {
			t.Errorf("refresh: %+v, %v", refreshed.Value, err)
		}
		if got := call(t, as(a), f, 1); got != made {
			t.Errorf("Bob's refresh took what Alice had set: %+v", got)
		}
	})
}

// TestGuarantee20_ConcurrentCallersStayApart: identical calls of different
// users do not join one execution.
func TestGuarantee20_ConcurrentCallersStayApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := reprise.Open(t.Context(), "memory:", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer closeNow(t, c)
		var running atomic.Int64
		together := make(chan struct{})
		fn := func(ctx context.Context, in int) (reprise.Execution, error) {
			running.Add(1)
			<-together
			return whoAsks(ctx, in)
		}
		f := wrap(t, c, fn, reprise.Options[int, reprise.Execution]{Scope: reprise.ByUser})
		var callers sync.WaitGroup
		for _, user := range []string{"alice", "bob"} {
			callers.Go(func() {
				who := reprise.Execution{Dataset: "d", User: user}
				if v, err := f.Call(as(who), 1); err != nil || v != who {
					t.Errorf("%s got the result of %q, %v", user, v.User, err)
				}
			})
		}
		synctest.Wait()
		if n := running.Load(); n != 2 {
			t.Errorf("%d executions for two users", n)
		}
		close(together)
		callers.Wait()
	})
}

// separators are what careless keys are joined with.
var separators = rapid.StringOfN(rapid.SampledFrom([]rune{':', ',', '|', '/', 0, '\x1f', 'a', 'b', '"', '\\', '-', ' ', '1', 'é'}), 0, 6, -1)

// TestGuarantee20_NoTwoCallersCollide: values that hold separators, or parts of
// each other, never make two callers one.
func TestGuarantee20_NoTwoCallersCollide(t *testing.T) {
	c := open(t, "memory:")
	f := wrap(t, c, whoAsks, reprise.Options[int, reprise.Execution]{Scope: everyScope})
	for range torture(5, 500) {
		rapid.Check(t, func(t *rapid.T) {
			text := func(name string) string { return "x" + separators.Draw(t, name) }
			who := reprise.Execution{Dataset: text("dataset"), Operator: text("operator"), User: text("user"), Prompt: text("prompt"), JWT: text("jwt")}
			got, err := f.Call(as(who), 1)
			if err != nil || got != who {
				t.Fatalf("%+q got the result of %+q, %v", who, got, err)
			}
		})
	}
}

// TestGuarantee20_MissingScopeFailsClosed: a call that lacks a value its
// function is scoped by, or the dataset, runs, and neither reads nor writes.
func TestGuarantee20_MissingScopeFailsClosed(t *testing.T) {
	full := reprise.Execution{Dataset: "d", Operator: "o", User: "u", Prompt: "p", JWT: "j"}
	for field, lacking := range map[string]func(*reprise.Execution){
		"Dataset":  func(e *reprise.Execution) { e.Dataset = "" },
		"Operator": func(e *reprise.Execution) { e.Operator = "" },
		"User":     func(e *reprise.Execution) { e.User = "" },
		"Prompt":   func(e *reprise.Execution) { e.Prompt = "" },
		"JWT":      func(e *reprise.Execution) { e.JWT = "" },
	} {
		for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient, reprise.Ephemeral} {
			t.Run(fmt.Sprint(field, " ", r), func(t *testing.T) {
				faults := storetest.NewFaulty(memstore.New(nil))
				c := over(t, faults.Store(), nil)
				fn, runs := counting[int]()
				f := wrap(t, c, fn, reprise.Options[int, int]{Scope: everyScope, Residency: r})
				calls(t, in(full), f, 1, 1, 1)
				before := asks(faults)
				poor := full
				lacking(&poor)
				for n := range 3 {
					got := does(t, in(poor), f, 1, reprise.Skipped, reprise.ScopeMissing)
					if got.Value != n+2 || !errors.Is(got.Err, reprise.ErrScopeMissing) || !strings.Contains(got.Err.Error(), field) {
						t.Errorf("got run %d, %v", got.Value, got.Err)
					}
				}
				for op, err := range map[string]error{
					"Set":   f.Set(in(poor), 1, 77),
					"Clear": f.Clear(in(poor), 1),
					"Peek":  second(f.Peek(in(poor), 1)),
				} {
					if !errors.Is(err, reprise.ErrScopeMissing) {
						t.Errorf("%s: %v", op, err)
					}
				}
				if x, err := f.Explain(in(poor), 1); err != nil || x.Reason != reprise.ScopeMissing || x.Hit {
					t.Errorf("Explain: %v, %v", x, err)
				}
				if now := asks(faults); now != before {
					t.Errorf("the store was asked: %s, before: %s", now, before)
				}
				calls(t, in(full), f, 1, 1)
				if n := runs.count(); n != 4 {
					t.Errorf("%d runs, want 4", n)
				}
			})
		}
	}
}

// asks is how often a store was read and written, apart from looks at what
// changed, which no call causes.
func asks(f *storetest.Faulty) string {
	return fmt.Sprint(f.Calls(storetest.MethodGet), f.Calls(storetest.MethodPut), f.Calls(storetest.MethodClear),
		f.Calls(storetest.MethodBump), f.Calls(storetest.MethodUpdate), f.Calls(storetest.MethodList))
}
