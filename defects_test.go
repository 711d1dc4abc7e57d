package reprise_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
	"github.com/reprise-go/reprise/version"
)

// The tests here show that the known defects of the two reference systems are
// not ours, one each.

// Their hybrid memory tier is keyed by function and arguments only.
func TestDefect_FiftyOne_memoryKeyedByArgumentsOnly(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		o := reprise.Options[string, int]{Name: "f", Version: "1", Residency: r}
		f := wrap(t, c, fn, o)
		calls(t, dataset("A"), f, "path", 1)
		calls(t, dataset("B"), f, "path", 2)
		renamed, upgraded := o, o
		renamed.Name, upgraded.Version = "g", "2"
		calls(t, dataset("A"), wrap(t, c, fn, renamed), "path", 3)
		calls(t, dataset("A"), wrap(t, c, fn, upgraded), "path", 4)
		calls(t, dataset("A"), f, "path", 1)
	})
}

// Their memory tier ignores the TTL: hybrid results live for ever.
func TestDefect_FiftyOne_memoryIgnoresTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fn, _ := counting[string]()
		f := wrap(t, open(t, "memory:"), fn, reprise.Options[string, int]{TTL: time.Minute})
		calls(t, t.Context(), f, "a", 1)
		time.Sleep(30 * time.Second)
		// A hit renews nothing: the expiry is absolute.
		does(t, t.Context(), f, "a", reprise.HitMemory, reprise.NoReason)
		time.Sleep(31 * time.Second)
		calls(t, t.Context(), f, "a", 2)
	})
}

type serviceCall struct {
	Receiver struct{ Region string } // their self
	Path     string
	Options  map[string]any // their kwargs
}

// Their keyword arguments and self never enter the key.
func TestDefect_FiftyOne_keywordsAndSelfAreDropped(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[serviceCall]()
		f := wrap(t, c, fn, reprise.Options[serviceCall, int]{Residency: r})
		a := serviceCall{Path: "p", Options: map[string]any{"limit": 10}}
		b := serviceCall{Path: "p", Options: map[string]any{"limit": 20}}
		other := a
		other.Receiver.Region = "eu"
		calls(t, t.Context(), f, a, 1)
		calls(t, t.Context(), f, b, 2)
		calls(t, t.Context(), f, other, 3)
		calls(t, t.Context(), f, a, 1)
	})
}

// A None of theirs is never a hit in the store.
func TestDefect_FiftyOne_noneIsNeverAHit(t *testing.T) {
	url := file(t)
	rn := &runs[string]{}
	type nothing struct {
		P *int
		S []int
		M map[string]int
	}
	wrapped := func(c *reprise.Cache) (*reprise.Func[string, *nothing], *reprise.Func[string, nothing], *reprise.Func[string, []string]) {
		none := func(_ context.Context, in string) (*nothing, error) { rn.add(in); return nil, nil }
		zero := func(_ context.Context, in string) (nothing, error) { rn.add(in); return nothing{}, nil }
		empty := func(_ context.Context, in string) ([]string, error) { rn.add(in); return []string{}, nil }
		return wrap(t, c, none, reprise.Options[string, *nothing]{Name: "none"}), wrap(t, c, zero, reprise.Options[string, nothing]{Name: "zero"}),
			wrap(t, c, empty, reprise.Options[string, []string]{Name: "empty"})
	}
	for range 2 {
		c := open(t, url)
		none, zero, empty := wrapped(c)
		for range 2 {
			if v := call(t, t.Context(), none, "a"); v != nil {
				t.Errorf("nil came back as %v", v)
			}
			if diff := cmp.Diff(nothing{}, call(t, t.Context(), zero, "a")); diff != "" {
				t.Error(diff)
			}
			if v := call(t, t.Context(), empty, "a"); v == nil || len(v) != 0 {
				t.Errorf("an empty slice came back as %#v", v)
			}
		}
		closeNow(t, c)
	}
	if n := rn.count(); n != 3 {
		t.Errorf("%d runs, want 3", n)
	}
}

// Their clear_all_caches leaves memory alone, and other processes are never
// told.
func TestDefect_FiftyOne_clearLeavesMemoryAlone(t *testing.T) {
	url := file(t)
	fn, _ := counting[string]()
	here, there := open(t, url), open(t, url)
	f, g := wrap(t, here, fn, reprise.Options[string, int]{}), wrap(t, there, fn, reprise.Options[string, int]{})
	calls(t, t.Context(), f, "a", 1)
	calls(t, t.Context(), g, "a", 1, 1)
	if _, err := f.ClearAll(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	calls(t, t.Context(), f, "a", 2)
	// The other cache hears of it within the coherence interval.
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		v, err := g.Call(deadline, "a")
		if err != nil || deadline.Err() != nil {
			t.Fatal("never told:", v, err)
		}
		if v == 2 {
			return
		}
	}
}

// They have no single flight.
func TestDefect_FiftyOne_noSingleFlight(t *testing.T) {
	for _, r := range residencies {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rn := &runs[string]{}
				f := wrap(t, open(t, "memory:"), func(_ context.Context, in string) (int, error) {
					n := rn.add(in)
					time.Sleep(time.Second)
					return n, nil
				}, reprise.Options[string, int]{Residency: r})
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() { calls(t, t.Context(), f, "a", 1) })
				}
				all.Wait()
				if n := rn.count(); n != 1 {
					t.Errorf("%d runs, want 1", n)
				}
			})
		})
	}
}

// Their set_cache or clear_cache, coming first, fixes the memory's size to the
// default.
func TestDefect_FiftyOne_setFixesMemorySize(t *testing.T) {
	c := open(t, "memory:")
	fn, rn := counting[int]()
	f := wrap(t, c, fn, reprise.Options[int, int]{Residency: reprise.Ephemeral, MaxSize: 2})
	if err := f.Clear(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Set(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	for _, in := range []int{1, 2, 1, 3, 2} {
		call(t, t.Context(), f, in)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 2}, rn.all()); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

// With them overwriting does not renew the expiry.
func TestDefect_FiftyOne_overwritingKeepsExpiry(t *testing.T) {
	for _, r := range residencies {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fn, _ := counting[string]()
				f := wrap(t, open(t, "memory:"), fn, reprise.Options[string, int]{Residency: r, TTL: time.Minute})
				calls(t, t.Context(), f, "a", 1)
				time.Sleep(50 * time.Second)
				calls(t, mode(reprise.Refresh), f, "a", 2)
				time.Sleep(50 * time.Second)
				calls(t, t.Context(), f, "a", 2)
				if err := f.Set(t.Context(), "a", 100); err != nil {
					t.Fatal(err)
				}
				time.Sleep(50 * time.Second)
				calls(t, t.Context(), f, "a", 100)
				time.Sleep(11 * time.Second)
				calls(t, t.Context(), f, "a", 3)
			})
		})
	}
}

// Their ttl=0 means never without saying so, and negative ones are taken.
func TestDefect_FiftyOne_ttlZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, "memory:")
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{TTL: 0}) // documented: for ever
		if r := does(t, t.Context(), f, "a", reprise.Populated, reprise.Absent); !r.Expires.IsZero() {
			t.Errorf("expires %v", r.Expires)
		}
		time.Sleep(10 * 365 * 24 * time.Hour)
		calls(t, t.Context(), f, "a", 1)
		_, err := reprise.Wrap(c, fn, &reprise.Options[string, int]{Name: "g", TTL: -time.Second})
		says(t, err, "TTL", "negative")
	})
}

// They serve an expired record until the database's reaper has run.
func TestDefect_FiftyOne_expiredServedUntilReaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(nil)
		fn, _ := counting[string]()
		f := wrap(t, over(t, s, nil), fn, reprise.Options[string, int]{Residency: reprise.Transient, TTL: time.Minute})
		calls(t, t.Context(), f, "a", 1)
		time.Sleep(time.Minute)
		kind := store.KindFunction
		page, err := s.List(t.Context(), store.Query{All: true, Kind: &kind})
		if err != nil || len(page.Records) != 1 {
			t.Fatalf("%d records, %v: the expired one is to be there still", len(page.Records), err)
		}
		calls(t, t.Context(), f, "a", 2)
	})
}

// They drop a missing operator or prompt from the key, and write unscoped
// entries without a user.
func TestDefect_FiftyOne_missingScopeIsDropped(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		all := reprise.ByOperator | reprise.ByUser | reprise.ByPrompt | reprise.ByJWT
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Scope: all})
		full := reprise.Execution{Dataset: "d", Operator: "o", User: "u", Prompt: "p", JWT: "j"}
		calls(t, in(full), f, "a", 1, 1)
		run := 2
		for _, drop := range []func(*reprise.Execution){
			func(e *reprise.Execution) { e.Operator = "" }, func(e *reprise.Execution) { e.User = "" },
			func(e *reprise.Execution) { e.Prompt = "" }, func(e *reprise.Execution) { e.JWT = "" },
		} {
			e := full
			drop(&e)
			if err := f.Set(in(e), "a", 99); !errors.Is(err, reprise.ErrScopeMissing) {
				t.Errorf("set: %v", err)
			}
			calls(t, in(e), f, "a", run, run+1)
			run += 2
		}
		calls(t, in(full), f, "a", 1)
	})
}

// Their {1:x} equals {"1":x}, and sets count in the order of iteration.
func TestDefect_FiftyOne_keysCollide(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, rn := counting[any]()
		f := wrap(t, c, fn, reprise.Options[any, int]{Residency: r})
		apart := []any{map[int]string{1: "x"}, map[string]string{"1": "x"}, map[any]string{1: "x"}, map[any]string{"1": "x"},
			1, int64(1), uint8(1), 1.0, "1", true, nil, []any{1}, []any{"1"}, [1]int{1}, []int{1}, []byte("1"),
			time.Unix(1, 0).UTC(), math.Inf(1), []string{"a", "bc"}, []string{"ab", "c"}, [2]string{"ab", "c"}}
		for i, v := range apart {
			calls(t, t.Context(), f, v, i+1)
		}
		set := make(map[string]struct{})
		for _, k := range []string{"q", "w", "e", "r", "t", "y", "u", "i", "o", "p"} {
			set[k] = struct{}{}
		}
		n := rn.count() + 1
		for range 20 {
			calls(t, t.Context(), f, any(set), n)
		}
	})
}

type mixed struct {
	Count any
	At    time.Time
	Raw   []byte
	ByID  map[int]string
}

// Their hit is the JSON-coerced value, their miss the original.
func TestDefect_FiftyOne_hitDiffersFromMiss(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.FixedZone("", 3600))
	for name, v := range map[string]mixed{
		"plain": {At: at, Raw: []byte{0, 255}, ByID: map[int]string{1: "x"}},
		"int":   {Count: 3, At: at}, // JSON would give a float64 back
		"float": {Count: 3.5, At: at},
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
				f := wrap(t, c, func(context.Context, string) (mixed, error) { return v, nil },
					reprise.Options[string, mixed]{Residency: r})
				first, err := f.Do(t.Context(), "a")
				if err != nil {
					t.Fatal(err)
				}
				if name == "int" && r != reprise.Ephemeral {
					expect(t, &first, reprise.PutFailed, reprise.NotSerializable)
					says(t, f.Set(t.Context(), "a", v), "set", "Count", "int")
				}
				for range 2 {
					if diff := cmp.Diff(first.Value, call(t, t.Context(), f, "a")); diff != "" {
						t.Errorf("hit and miss (-miss +hit):\n%s", diff)
					}
				}
			})
		})
	}
}

// Their ephemeral values are shared and can be modified.
func TestDefect_FiftyOne_ephemeralValuesAreShared(t *testing.T) {
	f := wrap(t, open(t, "memory:"), func(context.Context, string) (report, error) { return fresh(), nil },
		reprise.Options[string, report]{Residency: reprise.Ephemeral})
	for range 3 {
		got := call(t, t.Context(), f, "a")
		sound(t, "a caller's", got)
		spoil(got)
	}
}

// A failure of their store or encoding loses the computation.
func TestDefect_FiftyOne_failureLosesComputation(t *testing.T) {
	for _, policy := range []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed} {
		faulty := storetest.NewFaulty(memstore.New(nil))
		c := over(t, faulty.Store(), nil)
		nan := wrap(t, c, func(context.Context, string) (float64, error) { return math.NaN(), nil },
			reprise.Options[string, float64]{Name: "nan", OnStoreError: policy})
		r := does(t, t.Context(), nan, "a", reprise.PutFailed, reprise.NotSerializable)
		if !math.IsNaN(r.Value) || !errors.Is(r.Err, reprise.ErrNotSerializable) {
			t.Errorf("got %v, %v", r.Value, r.Err)
		}
		faulty.Fail(storetest.MethodPut, 0, store.ErrFull)
		fn, _ := counting[string]()
		full := wrap(t, c, fn, reprise.Options[string, int]{Name: "full", OnStoreError: policy})
		p, err := full.Do(t.Context(), "a")
		if err != nil || p.Value != 1 || p.Outcome != reprise.PutFailed || !errors.Is(p.Err, store.ErrFull) {
			t.Errorf("got %d, outcome %v, %v, %v", p.Value, p.Outcome, p.Err, err)
		}
	}
}

// Their policies' versions are put together unframed: "1"+"23" = "12"+"3".
func TestDefect_Flyte_policiesUnframed(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		by := func(a, b string) *reprise.Func[string, int] {
			return wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Policies: []version.Policy{fixed(a), fixed(b)}})
		}
		calls(t, t.Context(), by("1", "23"), "in", 1)
		calls(t, t.Context(), by("12", "3"), "in", 2)
		calls(t, t.Context(), by("123", " "), "in", 3)
	})
}

// Their salt is ignored where a version is set.
func TestDefect_Flyte_saltIgnoredBesideVersion(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		for i, salt := range []string{"", "a", "b"} {
			f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Version: "1", Salt: salt})
			calls(t, t.Context(), f, "in", i+1, i+1)
		}
	})
}

// They ship no policy as a default: a function without a version is an error.
func TestDefect_Flyte_noDefaultPolicy(t *testing.T) {
	f, err := reprise.Wrap(open(t, "memory:"), measure, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v := f.Version(); v.IsZero() || v.Explicit || len(v.Parts) != 1 {
		t.Errorf("version %q of %d parts", v, len(v.Parts))
	}
}

// With them an expired or damaged entry is never replaced, so that the key
// executes for ever.
func TestDefect_Flyte_badEntriesAreNeverReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := storetest.NewFaulty(memstore.New(nil))
		fn, _ := counting[string]()
		f := wrap(t, over(t, faulty.Store(), nil), fn,
			reprise.Options[string, int]{Residency: reprise.Transient, TTL: time.Minute, StaleOnError: time.Hour})
		calls(t, t.Context(), f, "a", 1)
		time.Sleep(2 * time.Minute)
		does(t, t.Context(), f, "a", reprise.Populated, reprise.Expired)
		does(t, t.Context(), f, "a", reprise.HitStore, reprise.NoReason)
		faulty.CorruptValues(1, func(b []byte) []byte { return b[:len(b)-1] })
		does(t, t.Context(), f, "a", reprise.Populated, reprise.Corrupt)
		does(t, t.Context(), f, "a", reprise.HitStore, reprise.NoReason)
	})
}

// They do not look again after a reservation was acquired: who comes just
// after the publish executes once more. Nor is there a check at the put.
func TestDefect_Flyte_noCheckAfterReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memstore.New(nil)
		defer shared.Close()
		late := storetest.NewFaulty(unowned{shared, shared, shared})
		fn, rn := counting[string]()
		o := reprise.Options[string, int]{Name: "task", Serialize: true}
		f, g := wrap(t, over(t, unowned{shared, shared, shared}, nil), fn, o), wrap(t, over(t, late.Store(), nil), fn, o)
		gate := late.Hold(storetest.MethodAcquire, 1)
		got := make(chan reprise.Result[int], 1)
		go func() {
			r, err := g.Do(t.Context(), "in")
			if err != nil {
				t.Error(err)
			}
			got <- r
		}()
		<-gate.Arrived() // it has looked, and missed
		calls(t, t.Context(), f, "in", 1)
		gate.Open()
		if r := <-got; r.Value != 1 || r.Outcome != reprise.Waited || rn.count() != 1 {
			t.Errorf("run %d, outcome %v, %d runs", r.Value, r.Outcome, rn.count())
		}
	})
}

// A failed owner of theirs starts a convoy: each waiter runs in turn, after a
// poll of ten seconds.
func TestDefect_Flyte_failedOwnerStartsConvoy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memstore.New(nil)
		defer shared.Close()
		down := errors.New("down")
		rn := &runs[string]{}
		o := reprise.Options[string, int]{Name: "task", Serialize: true}
		var all sync.WaitGroup
		began := time.Now()
		for range 10 {
			f := wrap(t, over(t, unowned{shared, shared, shared}, nil), func(_ context.Context, in string) (int, error) {
				n := rn.add(in)
				time.Sleep(time.Second)
				if n == 1 {
					return 0, down
				}
				return n, nil
			}, o)
			all.Go(func() {
				if v, err := f.Call(t.Context(), "in"); (err != nil || v != 2) && err != down {
					t.Error(v, err)
				}
			})
		}
		all.Wait()
		if n := rn.count(); n != 2 {
			t.Errorf("%d runs, want the failed one and one more", n)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("took %v", d)
		}
	})
}
