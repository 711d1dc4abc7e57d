package reprise_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

func TestOnStoreError(t *testing.T) {
	down := errors.New("disk on fire")
	for _, policy := range []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				faulty := storetest.NewFaulty(memstore.New(nil))
				c := over(t, faulty.Store(), nil)
				fn, rn := counting[string]()
				f := wrap(t, c, fn, reprise.Options[string, int]{Name: "f", Residency: reprise.Transient, OnStoreError: policy})
				faulty.Fail(storetest.MethodGet, 0, down)
				r, err := f.Do(t.Context(), "a")
				if policy == reprise.FailClosed {
					expect(t, &r, reprise.Failed, reprise.StoreError)
					says(t, err, "call f", "key", "disk on fire")
					if !errors.Is(err, down) || !errors.Is(err, reprise.ErrStore) || rn.count() != 0 {
						t.Errorf("%d runs, %v", rn.count(), err)
					}
				} else {
					expect(t, &r, reprise.LookupFailed, reprise.StoreError)
					if err != nil || r.Value != 1 || !errors.Is(r.Err, down) {
						t.Errorf("got %d, %v, %v", r.Value, err, r.Err)
					}
				}
				faulty.Heal()
				time.Sleep(time.Minute)
				// Under either policy a computed value is not lost.
				faulty.Fail(storetest.MethodPut, 0, down)
				r = does(t, t.Context(), f, "a", reprise.PutFailed, reprise.StoreError)
				if !errors.Is(r.Err, down) || r.Value != rn.count() {
					t.Errorf("got %d, %v", r.Value, r.Err)
				}
				faulty.Heal()
				time.Sleep(time.Minute)
				does(t, t.Context(), f, "a", reprise.Populated, reprise.Absent)
				does(t, t.Context(), f, "a", reprise.HitStore, reprise.NoReason)
			})
		})
	}
}

// distant is a store behind a network: operations may take their time.
type distant struct{ store.Store }

func (r distant) Info(ctx context.Context) (store.Info, error) {
	i, err := r.Store.Info(ctx)
	i.Local = false
	return i, err
}

// A store that hangs costs a call its timeout a few times, and then nothing.
func TestStoreTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faulty := storetest.NewFaulty(distant{memstore.New(nil)})
		c := over(t, faulty.Store(), &reprise.Config{StoreTimeout: time.Second})
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: reprise.Transient})
		faulty.Hang(storetest.MethodGet, 0)
		faulty.Hang(storetest.MethodChanges, 0)
		began := time.Now()
		for range 100 {
			does(t, t.Context(), f, "a", reprise.LookupFailed, reprise.StoreError)
		}
		if d := time.Since(began); d > 4*time.Second {
			t.Errorf("100 calls took %v", d)
		}
		if s := c.Stats(); !s.StoreFailing {
			t.Error("stats do not tell")
		}
		faulty.Heal()
		time.Sleep(time.Minute)
		does(t, t.Context(), f, "a", reprise.Populated, reprise.Absent)
		if s := c.Stats(); s.StoreFailing {
			t.Error("still failing:", s.StoreError)
		}
	})
}

// An owner that dies is taken over from when LeaseTTL is over.
func TestLeaseTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memstore.New(nil)
		defer shared.Close()
		faulty := storetest.NewFaulty(shared) // the owner's way to the store
		block, free := make(chan struct{}), context.CancelFunc(nil)
		free = func() { close(block) }
		rn := &runs[string]{}
		o := reprise.Options[string, int]{Name: "task", Serialize: true, LeaseTTL: 10 * time.Second}
		lost := make(chan error, 1)
		owner := wrap(t, over(t, faulty.Store(), nil), func(ctx context.Context, in string) (int, error) {
			n := rn.add(in)
			<-ctx.Done()
			lost <- context.Cause(ctx)
			<-block
			return n, nil
		}, o)
		got := make(chan reprise.Result[int], 1)
		go func() {
			r, err := owner.Do(t.Context(), "a")
			if err != nil {
				t.Error(err)
			}
			got <- r
		}()
		synctest.Wait()
		for _, m := range []storetest.Method{storetest.MethodRenew, storetest.MethodGet, storetest.MethodChanges} {
			faulty.Fail(m, 0, errors.New("unplugged"))
		}
		began := time.Now()
		heir := wrap(t, over(t, unowned{shared, shared, shared}, nil), func(_ context.Context, in string) (int, error) {
			return rn.add(in), nil
		}, o)
		if r := does(t, t.Context(), heir, "a", reprise.Populated, reprise.Absent); r.Value != 2 {
			t.Errorf("got run %d, want 2", r.Value)
		}
		if d := time.Since(began); d > 15*time.Second {
			t.Errorf("taken over after %v", d)
		}
		if cause := <-lost; !errors.Is(cause, reprise.ErrLeaseLost) {
			t.Errorf("the owner's ctx ended by %v", cause)
		}
		faulty.Heal()
		time.Sleep(time.Minute)
		free()
		// The late value reaches its caller and nobody else.
		if r := <-got; r.Value != 1 || r.Outcome != reprise.PutFailed || r.Reason != reprise.Superseded {
			t.Errorf("the owner got run %d, outcome %v (%v), %v", r.Value, r.Outcome, r.Reason, r.Err)
		}
		calls(t, t.Context(), heir, "a", 2)
	})
}

func TestMemoryBytes(t *testing.T) {
	c := openWith(t, "memory:", &reprise.Config{MemoryBytes: 64 << 10})
	for _, name := range []string{"f", "g"} { // the bound is over all functions
		f := wrap(t, c, func(_ context.Context, n int) ([]byte, error) { return bytes.Repeat([]byte{byte(n)}, 4<<10), nil },
			reprise.Options[int, []byte]{Name: name})
		for n := range 100 {
			call(t, t.Context(), f, n)
			if s := c.Stats(); s.MemoryBytes > 64<<10 {
				t.Fatalf("%d bytes in memory after %d calls of %s", s.MemoryBytes, n+1, name)
			}
		}
		if s := c.Stats(); s.MemoryItems < 8 {
			t.Errorf("only %d results in memory", s.MemoryItems)
		}
	}
}

func TestSigningKey(t *testing.T) {
	url := file(t)
	fn, _ := counting[string]()
	with := func(key string, do func(f *reprise.Func[string, int])) {
		t.Helper()
		cfg := &reprise.Config{OnStoreError: reprise.FailClosed}
		if key != "" {
			cfg.SigningKey = []byte(key)
		}
		c := openWith(t, url, cfg)
		do(wrap(t, c, fn, reprise.Options[string, int]{}))
		closeNow(t, c)
	}
	misses := func(f *reprise.Func[string, int]) {
		does(t, t.Context(), f, "a", reprise.Populated, reprise.Corrupt)
	}
	hits := func(f *reprise.Func[string, int]) {
		does(t, t.Context(), f, "a", reprise.HitStore, reprise.NoReason)
	}
	with("0123456789abcdef", func(f *reprise.Func[string, int]) { calls(t, t.Context(), f, "a", 1) })
	with("0123456789abcdef", hits)
	with("another key 0123", misses)
	with("0123456789abcdef", misses)
	with("", hits) // who has no key checks no signatures
	with("another key 0123", misses)
	with("", hits)
	with("", func(f *reprise.Func[string, int]) { calls(t, mode(reprise.Refresh), f, "a", 5) })
	with("another key 0123", misses) // unsigned
}

// All who share results of scoped functions use the same secret.
func TestSecret(t *testing.T) {
	url := file(t)
	fn, _ := counting[string]()
	ctx := in(reprise.Execution{Dataset: "d", User: "ann"})
	for i, secret := range []string{"", "", "0123456789abcdef", "0123456789abcdef", "another 89abcdef", ""} {
		cfg := &reprise.Config{}
		if secret != "" {
			cfg.Secret = []byte(secret)
		}
		c := openWith(t, url, cfg)
		f := wrap(t, c, fn, reprise.Options[string, int]{Scope: reprise.ByUser})
		calls(t, ctx, f, "a", []int{1, 1, 2, 2, 3, 1}[i])
		closeNow(t, c)
	}
}
