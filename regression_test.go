package reprise_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// The tests of this file are of bugs that were found and fixed; each is named
// for the promise that was broken. Those that need the engine's inside are in
// internal/engine.

// shared is a store that several caches of one test own none of.
func shared(s *memstore.Store) unowned { return unowned{s, s, s} }

// wrapped is a function and its cache.
type wrapped struct {
	*reprise.Cache
	f *reprise.Func[int, int]
}

// forgetting are the ways to forget the result of a tagged function for input
// 1 in dataset d, and maybe more.
var forgetting = map[string]func(context.Context, wrapped) error{
	"Clear":         func(ctx context.Context, w wrapped) error { return w.f.Clear(ctx, 1) },
	"Func.ClearAll": func(ctx context.Context, w wrapped) error { return second(w.f.ClearAll(ctx, nil)) },
	"ClearAll":      func(ctx context.Context, w wrapped) error { return second(w.ClearAll(ctx)) },
	"DeleteDataset": func(ctx context.Context, w wrapped) error { return second(w.DeleteDataset(ctx, "d")) },
	"InvalidateTag": func(ctx context.Context, w wrapped) error { return second(w.InvalidateTag(ctx, "t")) },
}

func tagged(int, int) []string { return []string{"t"} }

// A cache that has never reached its store knows of no clears: what it
// remembered meanwhile may be from before one.
func TestClearsBeforeTheFirstContactAreObeyed(t *testing.T) {
	for how, forget := range forgetting {
		for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Ephemeral} {
			if r == reprise.Ephemeral && (how == "Clear" || how == "Func.ClearAll") {
				continue // these concern the ephemeral values of their own process
			}
			t.Run(r.String()+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ms := memstore.New(nil)
					faults := storetest.NewFaulty(shared(ms))
					for _, m := range everyMethod {
						faults.Fail(m, 0, errDown)
					}
					late, early := over(t, faults.Store(), nil), over(t, shared(ms), nil)
					fn, _ := counting[int]()
					o := reprise.Options[int, int]{Name: "f", Residency: r, Tags: tagged}
					f, ctx := wrap(t, late, fn, o), dataset("d")
					calls(t, ctx, f, 1, 1)
					calls(t, ctx, f, 7, 2)
					if err := forget(ctx, wrapped{early, wrap(t, early, fn, o)}); err != nil {
						t.Fatal(err)
					}
					faults.Heal()
					time.Sleep(time.Minute) // nothing is left in peace for so long
					if r == reprise.Ephemeral {
						calls(t, ctx, f, 7, 2) // a hit waits for no store, and begins to listen
						time.Sleep(time.Second)
					}
					if got := call(t, ctx, f, 1); got == 1 {
						t.Error("got what was cleared")
					}
				})
			})
		}
	}
}

// failing is a function that gives its run's number until it is told to fail.
func failing(fail *bool) func(context.Context, int) (int, error) {
	n := 0
	return func(context.Context, int) (int, error) {
		if n++; *fail {
			return 0, errDown
		}
		return n, nil
	}
}

func forAMinute(error) time.Duration { return time.Minute }

// inTime runs a test in a bubble for each residency with a memory tier.
func inTime(t *testing.T, test func(t *testing.T, c *reprise.Cache, r reprise.Residency)) {
	t.Helper()
	for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Ephemeral} {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, open(t, "memory:"), r) })
		})
	}
}

func TestErrorTTLLeavesValidValuesAlone(t *testing.T) {
	inTime(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fail := false
		f := wrap(t, c, failing(&fail), reprise.Options[int, int]{
			Residency: r, TTL: time.Hour, RefreshAfter: time.Second, ErrorTTL: forAMinute})
		calls(t, t.Context(), f, 1, 1)
		fail = true
		time.Sleep(2 * time.Second)
		calls(t, t.Context(), f, 1, 1) // begins a refresh
		synctest.Wait()
		calls(t, t.Context(), f, 1, 1)
		for _, m := range []reprise.Mode{reprise.Refresh, reprise.WriteOnly} {
			if _, err := f.Call(mode(m), 1); err != errDown {
				t.Errorf("%v: %v", m, err)
			}
			calls(t, t.Context(), f, 1, 1)
		}
	})
}

// That one caller left, or was cut short, is nothing to the next.
func TestErrorTTLForgetsCancellations(t *testing.T) {
	inTime(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		f := wrap(t, c, func(ctx context.Context, _ int) (int, error) {
			select {
			case <-time.After(time.Second):
				return 7, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}, reprise.Options[int, int]{Residency: r, ErrorTTL: forAMinute})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := f.Call(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		synctest.Wait()
		calls(t, t.Context(), f, 1, 7)
	})
}

func TestPeekReturnsARememberedError(t *testing.T) {
	inTime(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fail := true
		f := wrap(t, c, failing(&fail), reprise.Options[int, int]{Residency: r, ErrorTTL: forAMinute})
		if _, err := f.Call(t.Context(), 1); err != errDown {
			t.Error(err)
		}
		res, err := f.Peek(t.Context(), 1)
		if !errors.Is(err, errDown) || errors.Is(err, reprise.ErrMiss) {
			t.Errorf("peek: %v, and a call would give the remembered error", err)
		}
		expect(t, &res, reprise.HitMemory, reprise.NoReason)
	})
}

// Local types of different functions have one name, and may have one
// structure; what is wrapped for the one is not for the other.
func TestLocalTypesOfOneNameAreToldApart(t *testing.T) {
	type in struct{ X int }
	type out struct{ X int }
	type wrapper = func(*reprise.Cache) error
	inputs := [2]wrapper{func(c *reprise.Cache) error { return wrapsLocal[in, int](c) }, localIn()}
	outputs := [2]wrapper{func(c *reprise.Cache) error { return wrapsLocal[int, out](c) }, localOut()}
	for what, pair := range map[string][2]wrapper{"inputs": inputs, "outputs": outputs} {
		c := open(t, "memory:")
		for range 2 {
			if err := pair[0](c); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		says(t, pair[1](c), "wrap f", "another function")
		if err := pair[1](open(t, "memory:")); err != nil {
			t.Errorf("%s: alone: %v", what, err)
		}
	}
}

func localIn() func(*reprise.Cache) error {
	type in struct{ X int }
	return func(c *reprise.Cache) error { return wrapsLocal[in, int](c) }
}

func localOut() func(*reprise.Cache) error {
	type out struct{ X int }
	return func(c *reprise.Cache) error { return wrapsLocal[int, out](c) }
}

func wrapsLocal[In, Out any](c *reprise.Cache) error {
	_, err := reprise.Wrap(c, zero[In, Out], &reprise.Options[In, Out]{Name: "f", Version: "1"})
	return err
}

func zero[In, Out any](context.Context, In) (out Out, err error) { return out, nil }

// Ephemeral hits ask no store, and yet learn of a deletion within the usual
// time after they begin again.
func TestEphemeralFollowsDeletesAfterAnIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ms := memstore.New(nil)
		a, b := over(t, shared(ms), nil), over(t, shared(ms), nil)
		fn, _ := counting[int]()
		f := wrap(t, a, fn, reprise.Options[int, int]{Residency: reprise.Ephemeral})
		calls(t, dataset("d"), f, 1, 1)
		for n := 1; n < 3; n++ {
			time.Sleep(time.Minute)
			calls(t, dataset("d"), f, 1, n) // a hit, and the only one for a while
			if _, err := b.DeleteDataset(t.Context(), "d"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // twice Config.CoherenceInterval
			calls(t, dataset("d"), f, 1, n+1)
		}
	})
}

// slowReplies is a store whose answers take long to arrive.
type slowReplies struct {
	store.Store
	get, put time.Duration
}

func (s slowReplies) Get(ctx context.Context, k store.Key) (store.Lookup, error) {
	l, err := s.Store.Get(ctx, k)
	time.Sleep(s.get)
	return l, err
}

func (s slowReplies) Put(ctx context.Context, rec *store.Record, m store.PutMode) (store.Stamp, error) {
	stamp, err := s.Store.Put(ctx, rec, m)
	time.Sleep(s.put)
	return stamp, err
}

func TestMemoryNeverOutlivesExpires(t *testing.T) {
	const ttl, late = time.Minute, 4 * time.Second
	for name, fill := range map[string]func(t *testing.T, f *reprise.Func[int, int]){
		"Call": func(t *testing.T, f *reprise.Func[int, int]) { calls(t, t.Context(), f, 1, 1) },
		"Set": func(t *testing.T, f *reprise.Func[int, int]) {
			if err := f.Set(t.Context(), 1, 1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for slowness, s := range map[string]slowReplies{"Put": {put: late}, "Get": {get: late}} {
			t.Run(name+"/slow "+slowness, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ms := memstore.New(nil)
					fn, _ := counting[int]()
					o := reprise.Options[int, int]{Name: "f", TTL: ttl}
					s.Store = shared(ms)
					f := wrap(t, over(t, s, nil), fn, o)
					if slowness == "Get" { // of what another has put
						fill(t, wrap(t, over(t, shared(ms), nil), fn, o))
						does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
					} else {
						fill(t, f)
					}
					r := does(t, t.Context(), f, 1, reprise.HitMemory, reprise.NoReason)
					if left := time.Until(r.Expires); left <= 0 || left > ttl-late {
						t.Errorf("expires in %v", left)
					}
					time.Sleep(time.Until(r.Expires))
					if r, err := f.Do(t.Context(), 1); err != nil || r.Outcome.Hit() {
						t.Errorf("%v, %v at the very end of the value's life", r.Outcome, err)
					}
				})
			})
		}
	}
}

func TestHugeTTLsLastForEver(t *testing.T) {
	const ever = time.Duration(math.MaxInt64)
	for name, o := range map[string]reprise.Options[int, int]{
		"TTL":          {TTL: ever},
		"TTLFunc":      {TTLFunc: func(int) time.Duration { return ever }},
		"both":         {TTL: ever, StaleOnError: ever},
		"RefreshAfter": {TTL: ever, RefreshAfter: ever - 1},
		"Jitter":       {TTL: ever, Jitter: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
				fn, _ := counting[int]()
				o.Residency = r
				f := wrap(t, c, fn, o)
				for range 2 {
					calls(t, t.Context(), f, 1, 1)
					does(t, t.Context(), f, 1, reprise.HitMemory, reprise.NoReason)
					time.Sleep(30 * time.Minute)
				}
			})
		})
	}
}

func TestHugeStaleOnErrorLastsForEver(t *testing.T) {
	for _, r := range residencies {
		synctest.Test(t, func(t *testing.T) {
			fail := false
			f := wrap(t, open(t, "memory:"), failing(&fail), reprise.Options[int, int]{Name: r.String(), Residency: r,
				TTL: time.Hour, StaleOnError: math.MaxInt64})
			calls(t, t.Context(), f, 1, 1)
			fail = true
			time.Sleep(10_000 * time.Hour)
			does(t, t.Context(), f, 1, reprise.HitStale, reprise.FunctionFailed)
		})
	}
}

func TestHugeErrorTTLLastsForEver(t *testing.T) {
	inTime(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fail := true
		f := wrap(t, c, failing(&fail), reprise.Options[int, int]{Residency: r,
			ErrorTTL: func(error) time.Duration { return math.MaxInt64 }})
		for range 3 {
			if _, err := f.Call(t.Context(), 1); err != errDown {
				t.Errorf("got %v", err)
			}
			fail = false
			time.Sleep(time.Hour)
		}
	})
}

// A value that was cleared while the function ran does not stand in for its
// error: whoever cleared it would see it again.
func TestStaleOnErrorObeysClearsDuringTheRun(t *testing.T) {
	for _, r := range residencies {
		for how, forget := range forgetting {
			t.Run(r.String()+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := open(t, "memory:")
					var f *reprise.Func[int, int]
					var n int
					f = wrap(t, c, func(ctx context.Context, _ int) (int, error) {
						if n++; n == 1 {
							return 1, nil
						}
						return 0, errors.Join(errDown, forget(ctx, wrapped{c, f}))
					}, reprise.Options[int, int]{Residency: r, TTL: time.Minute, StaleOnError: time.Hour, Tags: tagged})
					calls(t, dataset("d"), f, 1, 1)
					time.Sleep(2 * time.Minute)
					if res, err := f.Do(dataset("d"), 1); err == nil || err.Error() != errDown.Error() {
						t.Errorf("got %d (%v), %v", res.Value, res.Outcome, err)
					}
				})
			})
		}
	}
}

// Whatever of a caller's panics once the value is there costs the entry only.
func TestPanicsAfterTheRunCostTheEntryOnly(t *testing.T) {
	ran := false
	base := codec.JSON[[]int]()
	for name, o := range map[string]reprise.Options[int, []int]{
		"TTLFunc": {TTLFunc: func([]int) time.Duration { panic("TTLFunc") }},
		"Tags":    {Tags: func(int, []int) []string { panic("Tags") }},
		"KeyFunc": {KeyFunc: func(_ context.Context, in int) (any, error) { return in, boom(ran) }},
		"Equal":   {Codec: panicking{Codec: base, at: "Equal"}},
		"Clone":   {Codec: panicking{Codec: base, at: "Clone"}, Residency: reprise.Ephemeral},
	} {
		t.Run(name, func(t *testing.T) {
			ran = false
			f := wrap(t, open(t, "memory:"), func(_ context.Context, in int) ([]int, error) { ran = true; return []int{in}, nil }, o)
			r := does(t, t.Context(), f, 5, reprise.PutFailed, reprise.NotSerializable)
			if len(r.Value) != 1 || r.Value[0] != 5 || r.Err == nil || !strings.Contains(r.Err.Error(), "panic") {
				t.Errorf("got %v, %v", r.Value, r.Err)
			}
			ran = false
			if _, err := f.Peek(t.Context(), 5); !errors.Is(err, reprise.ErrMiss) {
				t.Errorf("there is an entry: %v", err)
			}
		})
	}
	t.Run("ErrorTTL", func(t *testing.T) {
		fail := true
		f := wrap(t, open(t, "memory:"), failing(&fail), reprise.Options[int, int]{
			ErrorTTL: func(error) time.Duration { panic("ErrorTTL") }})
		r, err := f.Do(t.Context(), 5)
		if expect(t, &r, reprise.Failed, reprise.Absent); err != errDown || !strings.Contains(r.Err.Error(), "ErrorTTL") {
			t.Errorf("got %v; %v", err, r.Err)
		}
	})
}

// panicking is a codec that panics in the method named.
type panicking struct {
	codec.Codec[[]int]
	at string
}

func (p panicking) here(method string) {
	if p.at == method {
		panic(method)
	}
}

func (p panicking) Equal(a, b []int) bool {
	p.here("Equal")
	return slices.Equal(a, b)
}

func (p panicking) Clone(v []int) []int {
	p.here("Clone")
	return slices.Clone(v)
}

// A store that fails at the lease fails like any other store: under FailClosed
// with an error that callers can tell from the function's.
func TestFailClosedNamesTheStoreAtTheLease(t *testing.T) {
	for name, disturb := range faults {
		if strings.HasSuffix(name, "but one") {
			continue // a lease is asked for three times
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := storetest.NewFaulty(shared(memstore.New(nil)))
				fn, rn := counting[int]()
				g := wrap(t, over(t, f.Store(), nil), fn, reprise.Options[int, int]{Name: "f", Serialize: true, OnStoreError: reprise.FailClosed})
				disturb(f, storetest.MethodAcquire)
				for range 5 {
					r, err := g.Do(t.Context(), 1)
					if expect(t, &r, reprise.Failed, reprise.StoreError); !errors.Is(err, reprise.ErrStore) {
						t.Errorf("got %v", err)
					}
					says(t, err, "call f", "store unavailable")
				}
				f.Heal()
				time.Sleep(time.Minute)
				if calls(t, t.Context(), g, 1, 1); rn.count() != 1 {
					t.Errorf("%d runs", rn.count())
				}
			})
		})
	}
}

// A function that Close waits for may use the cache meanwhile.
func TestFunctionsMayAskTheCacheThatCloses(t *testing.T) {
	c := openWith(t, "memory:", &reprise.Config{CloseTimeout: time.Millisecond})
	entered := make(chan struct{})
	f := wrap(t, c, func(ctx context.Context, _ int) (int, error) {
		close(entered)
		<-ctx.Done() // by Close, which is under way
		_, err := reprise.Wrap(c, double, &numbers{Name: "another", Version: "1"})
		return len(c.Stats().Functions), err
	}, reprise.Options[int, int]{})
	done := make(chan error)
	go func() { done <- second(f.Call(context.Background(), 1)) }()
	<-entered
	if err := c.Close(); err != nil {
		t.Errorf("close and the function wait for each other: %v", err)
	}
	if err := <-done; !errors.Is(err, reprise.ErrClosed) {
		t.Errorf("call: %v", err)
	}
}

// Whoever joins no refresh waits for none: the refresh behind a hit is no call
// within the function that hit.
func TestHitsBehindARefreshAreNoRecursion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, "memory:")
		proceed, finish := make(chan struct{}), make(chan struct{})
		var f, g *reprise.Func[int, int]
		runs := 0
		f = wrap(t, c, func(ctx context.Context, _ int) (int, error) {
			if runs++; runs == 1 {
				return 1, nil
			}
			<-proceed
			return g.Call(reprise.WithMode(ctx, reprise.Use), 1)
		}, reprise.Options[int, int]{Name: "f", RefreshAfter: time.Second})
		g = wrap(t, c, func(ctx context.Context, _ int) (int, error) {
			v, err := f.Call(ctx, 1) // old, with a refresh under way
			<-finish
			return v, err
		}, reprise.Options[int, int]{Name: "g"})
		calls(t, t.Context(), f, 1, 1)
		time.Sleep(2 * time.Second)
		var all sync.WaitGroup
		all.Go(func() { calls(t, mode(reprise.Refresh), f, 1, 1) })
		synctest.Wait()
		all.Go(func() { calls(t, t.Context(), g, 1, 1) })
		synctest.Wait()
		close(proceed)
		synctest.Wait()
		close(finish)
		all.Wait()
	})
}

func TestSubscribersHearNothingAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, "memory:")
		s := execStore(t, c, nil)
		var heard atomic.Int64
		release := make(chan struct{})
		if _, err := s.Subscribe(t.Context(), func(reprise.Event) { heard.Add(1); <-release }); err != nil {
			t.Fatal(err)
		}
		set(t, s, "first", 1, nil)
		synctest.Wait() // the first is being handled
		for range 100 {
			set(t, s, "queued", 1, nil)
		}
		release <- struct{}{}
		synctest.Wait() // the others wait behind the second
		closeNow(t, c)
		close(release)
		if synctest.Wait(); heard.Load() != 2 {
			t.Errorf("%d events, want those that began before Close returned: 2", heard.Load())
		}
	})
}

func TestPasswordsInURLsAreNotTold(t *testing.T) {
	for _, url := range []string{
		"redis://user:hunter2@127.0.0.1:1/0", // nobody listens there
		"postgres://user:hunter2@127.0.0.1:1/db",
		"sqlite://user:hunter2@host/cache.db",
		"unknown://:hunter2@host",
		"unknown://user:hunter2@host:port/0",
		"unknown://user:hunter2%zz@host/%zz",
		"un known://user:hunter2@host",
		"unknown://host/db?password=hunter2",
		"unknown:user:hunter2@host",
	} {
		for _, policy := range []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed} {
			var log bytes.Buffer
			c, err := reprise.Open(t.Context(), url, &reprise.Config{OnStoreError: policy, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			told := []any{err, &log}
			if c != nil {
				r, err := wrap(t, c, double, numbers{}).Do(t.Context(), 1)
				told = append(told, r.Err, err, c.Stats().StoreError, c.Close())
			} else {
				says(t, err, "open")
			}
			if s := fmt.Sprint(told...); strings.Contains(s, "hunter2") {
				t.Errorf("%v: %s is told: %s", policy, url, s)
			}
		}
	}
}

// A user without a home directory has no embedded store, which is one that
// cannot be opened.
func TestOpenWithoutAHome(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, "")
	}
	fn, _ := counting[int]()
	f := wrap(t, openWith(t, "", nil), fn, reprise.Options[int, int]{Name: "f"})
	does(t, t.Context(), f, 1, reprise.LookupFailed, reprise.StoreError)
	_, err := reprise.Open(t.Context(), "", &reprise.Config{OnStoreError: reprise.FailClosed})
	says(t, err, "open", "defined")
}

// The space of a deleted dataset is freed after the deletion; what was set
// meanwhile is no part of it.
func TestDeleteDatasetSparesWhatIsSetMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ms := memstore.New(nil)
		faults := storetest.NewFaulty(shared(ms))
		a, b := over(t, faults.Store(), nil), over(t, shared(ms), nil)
		fn, _ := counting[int]()
		fa := wrap(t, a, fn, reprise.Options[int, int]{Name: "f", Residency: reprise.Transient})
		fb := wrap(t, b, fn, reprise.Options[int, int]{Name: "f"})
		calls(t, dataset("d"), fa, 1, 1, 1)
		time.Sleep(time.Second)
		gate := faults.Hold(storetest.MethodPurge, 1)
		var all sync.WaitGroup
		all.Go(func() {
			if n, err := a.DeleteDataset(t.Context(), "d"); n != 1 || err != nil {
				t.Errorf("deleted %d, %v", n, err)
			}
		})
		<-gate.Arrived()
		if err := fb.Set(dataset("d"), 1, 99); err != nil {
			t.Fatal(err)
		}
		gate.Open()
		all.Wait()
		calls(t, dataset("d"), fa, 1, 99)
	})
}
