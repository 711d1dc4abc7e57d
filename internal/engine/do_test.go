package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// onEach runs a test over a store that is looked up on the caller's goroutine
// and over one that is not, on a clock of the test's own.
func onEach(t *testing.T, s setup, test func(t *testing.T, r *rig)) {
	t.Helper()
	for name, remote := range map[string]bool{"local": false, "remote": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s.remote = remote
				test(t, ready(t, s))
			})
		})
	}
}

func TestMissThenHit(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.transient(nil)
		c, j := call("k", func(context.Context) (any, error) {
			time.Sleep(3 * time.Second)
			return "v", nil
		})
		made := time.Now().Add(3 * time.Second)
		got := r.does(f, c, Populated, Absent, "v")
		if !got.Owned || got.Cost != 3*time.Second || !got.Created.Equal(made) || !got.Expires.IsZero() || got.Tier != NoTier {
			t.Errorf("populated: %+v", got)
		}
		time.Sleep(time.Minute)
		got = r.does(f, c, HitStore, NoReason, "v")
		if got.Owned || got.Age != time.Minute || got.Cost != 3*time.Second || got.Tier != TierStore || !got.Created.Equal(made) {
			t.Errorf("hit: %+v", got)
		}
		if j.runs.Load() != 1 {
			t.Errorf("%d runs", j.runs.Load())
		}
	})
}

func TestMemoryAnswersFirst(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(nil)
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		gets := r.faults.Calls(storetest.MethodGet)
		r.remembers(f, c, "v")
		if ent, ok := r.Hit(f, c.Memory); !ok || ent.Value != "v" {
			t.Error("no plain hit")
		}
		if r.faults.Calls(storetest.MethodGet) != gets {
			t.Error("the store was asked")
		}
		if f.Counters.Of(HitMemory) != 1 {
			t.Errorf("%d hits counted, want that of Hit", f.Counters.Of(HitMemory))
		}
		if n, b := f.Held(); n != 1 || b <= 0 || !f.Equipped() {
			t.Errorf("holds %d, %d bytes", n, b)
		}
	})
}

func TestStoreHitIsRemembered(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		c, _ := call("k", gives("v"))
		r.does(r.transient(nil), c, Populated, Absent, "v")
		f := r.function(nil)
		r.does(f, c.as(ReadOnly, gives("no")), HitStore, NoReason, "v")
		r.remembers(f, c, nil) // ReadOnly leaves memory alone too
		r.does(f, c, HitStore, NoReason, "v")
		r.remembers(f, c, "v")
	})
}

func TestExpiredRunsAgain(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) { f.TTL = lasting(time.Minute); f.StaleOnError = time.Hour })
		c, _ := call("k", gives("old"))
		got := r.does(f, c, Populated, Absent, "old")
		if want := time.Now().Add(time.Minute); !got.Expires.Equal(want) {
			t.Errorf("expires %v, want %v", got.Expires, want)
		}
		time.Sleep(time.Minute - 1)
		r.remembers(f, c, "old")
		time.Sleep(1)
		r.remembers(f, c, nil)
		r.does(f, c.as(Use, gives("new")), Populated, Expired, "new")
		r.remembers(f, c, "new")
	})
}

func TestStoreHitKeepsItsExpiryInMemory(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) { f.TTL = lasting(time.Minute) })
		c, _ := call("k", gives("v"))
		r.does(r.transient(func(f *Function) { f.TTL = lasting(time.Minute) }), c, Populated, Absent, "v")
		time.Sleep(59 * time.Second)
		r.does(f, c, HitStore, NoReason, "v")
		r.remembers(f, c, "v")
		time.Sleep(time.Second)
		r.remembers(f, c, nil)
	})
}

func TestClearedByKeyAndByLabel(t *testing.T) {
	labels := map[string]store.Label{
		"function": store.FunctionLabel(store.KindFunction, "c", "fn"),
		"dataset":  store.DatasetLabel("d"),
		"both":     store.FunctionDatasetLabel(store.KindFunction, "c", "fn", "d"),
		"tag":      store.TagLabel("t"),
		"all":      store.All(),
	}
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(nil)
		c, j := call("k", gives("v"))
		j.tags = []string{"u", "t", "t"}
		r.does(f, c, Populated, Absent, "v")
		for name, l := range labels {
			n, err := r.ClearLabel(t.Context(), l)
			if n != 1 || err != nil {
				t.Errorf("%s: cleared %d, %v", name, n, err)
			}
			r.remembers(f, c, nil)
			r.does(f, c, Populated, Cleared, "v")
		}
		if had, err := r.Clear(t.Context(), f, c); !had || err != nil {
			t.Errorf("clear: %v, %v", had, err)
		}
		r.remembers(f, c, nil)
		r.does(f, c, Populated, Cleared, "v")
		if n, _ := r.ClearLabel(t.Context(), store.TagLabel("other")); n != 0 {
			t.Errorf("another tag cleared %d", n)
		}
		r.remembers(f, c, "v")
	})
}

func TestUnsoundRecordsAreReplaced(t *testing.T) {
	garble := func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		c, _ := call("k", gives("v"))
		f := r.transient(nil)
		r.does(f, c, Populated, Absent, "v")
		r.faults.CorruptValues(1, garble)
		r.does(f, c, Populated, Corrupt, "v")
		r.does(f, c, HitStore, NoReason, "v")

		other := r.transient(func(f *Function) { f.Codec.Name = "other" })
		r.does(other, c, Populated, Undecodable, "v")
		r.does(other, c, HitStore, NoReason, "v")

		picky := func(how func([]byte) (any, error)) *Function {
			first := true
			return r.transient(func(f *Function) {
				f.Codec.Name = "other"
				f.Codec.Decode = func(b []byte) (any, error) {
					if first {
						first = false
						return how(b)
					}
					return string(b), nil
				}
			})
		}
		r.does(picky(func([]byte) (any, error) { return nil, errBoom }), c, Populated, Undecodable, "v")
		r.does(picky(func([]byte) (any, error) { panic("hostile bytes") }), c, Populated, Undecodable, "v")
	})
}

// damaging is a store whose first value is lost.
type damaging struct {
	store.Store
	left int
}

func (d *damaging) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	lk, err := d.Store.Get(ctx, key)
	if lk.Found && d.left > 0 {
		d.left--
		lk.Found, lk.Damaged, lk.Record = false, true, store.Record{}
	}
	return lk, err
}

func TestDamagedRecordsAreReplaced(t *testing.T) {
	over := func(s store.Store) store.Store { return &damaging{s, 1} }
	onEach(t, setup{over: over}, func(t *testing.T, r *rig) {
		c, _ := call("k", gives("v"))
		f := r.transient(nil)
		r.does(f, c, Populated, Absent, "v")
		r.does(f, c, Populated, Corrupt, "v")
		r.does(f, c, HitStore, NoReason, "v")
	})
}

func TestModes(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(nil)
		c, _ := call("k", gives("1"))
		got := r.does(f, c.as(ReadOnly, gives("0")), Bypassed, ModeReadOnly, "0")
		if !got.Owned {
			t.Error("the value of a bypassed call is not the caller's")
		}
		r.remembers(f, c, nil)
		r.does(f, c, Populated, Absent, "1")
		r.does(f, c.as(ReadOnly, gives("x")), HitStore, NoReason, "1")
		r.does(f, c.as(Refresh, gives("2")), Refreshed, RefreshAsked, "2")
		r.remembers(f, c, "2")
		r.does(r.transient(nil), c, HitStore, NoReason, "2")
		r.does(f, c.as(WriteOnly, gives("3")), Populated, RefreshAsked, "3")
		r.does(r.transient(nil), c, HitStore, NoReason, "3")
		r.remembers(f, c, "3")
	})
}

func TestStoreErrorAtLookup(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		c, j := call("k", gives("v"))
		r.faults.Fail(storetest.MethodGet, 2, errBoom)
		got := r.does(r.transient(nil), c, LookupFailed, StoreError, "v")
		if !errors.Is(got.Err, ErrStore) || !errors.Is(got.Err, errBoom) || !got.Owned {
			t.Errorf("%+v", got)
		}
		if r.faults.Calls(storetest.MethodPut) != 0 {
			t.Error("a value without a sequence number was stored")
		}
		closed := r.transient(func(f *Function) { f.FailClosed = true })
		res, err := r.Do(t.Context(), closed, c)
		if res.Outcome != Failed || !errors.Is(err, ErrStore) || !errors.Is(err, errBoom) || j.runs.Load() != 1 {
			t.Errorf("fail closed: %v, %v after %d runs", res.Outcome, err, j.runs.Load())
		}
	})
}

func TestStoreErrorWhereNothingIsLookedUp(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		c, _ := call("k", nil)
		r.faults.Fail(storetest.MethodChanges, 0, errBoom)
		r.does(r.transient(nil), c.as(Refresh, gives("v")), LookupFailed, StoreError, "v")
		closed := r.transient(func(f *Function) { f.FailClosed = true })
		if res, err := r.Do(t.Context(), closed, c.as(Refresh, gives("v"))); res.Outcome != Failed || !errors.Is(err, ErrStore) {
			t.Errorf("fail closed: %v, %v", res.Outcome, err)
		}
	})
}

// What the store cannot take, memory can.
func TestPutFailsAndMemoryRemembers(t *testing.T) {
	for name, tt := range map[string]struct {
		s     setup
		fault error
		why   Reason
	}{
		"store error": {fault: errBoom, why: StoreError},
		"too large":   {s: setup{mem: memstore.Options{MaxValue: 1}}, why: TooLarge},
		"no room":     {s: setup{mem: memstore.Options{Quota: 1}}, why: NoRoom},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, tt.s, func(t *testing.T, r *rig) {
				if tt.fault != nil {
					r.faults.Fail(storetest.MethodPut, 1, tt.fault)
				}
				f := r.function(func(f *Function) { f.FailClosed = true; f.TTL = lasting(time.Minute) })
				c, _ := call("k", gives("v"))
				if got := r.does(f, c, PutFailed, tt.why, "v"); got.Err == nil || !got.Owned {
					t.Errorf("%+v", got)
				}
				r.remembers(f, c, "v")
				time.Sleep(time.Minute)
				r.remembers(f, c, nil)
			})
		})
	}
}

func TestNotSerializable(t *testing.T) {
	for name, how := range map[string]func(*Codec){
		"encode fails":   func(c *Codec) { c.Encode = func(any) ([]byte, error) { return nil, errBoom } },
		"encode panics":  func(c *Codec) { c.Encode = func(any) ([]byte, error) { panic(errBoom) } },
		"decode fails":   func(c *Codec) { c.Decode = func([]byte) (any, error) { return nil, errBoom } },
		"decode panics":  func(c *Codec) { c.Decode = func([]byte) (any, error) { panic(errBoom) } },
		"comes back bad": func(c *Codec) { c.Decode = func([]byte) (any, error) { return "other", nil } },
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, setup{}, func(t *testing.T, r *rig) {
				f := r.function(func(f *Function) { how(&f.Codec) })
				c, _ := call("k", gives("v"))
				if got := r.does(f, c, PutFailed, NotSerializable, "v"); got.Err == nil {
					t.Error("no word on why")
				}
				r.remembers(f, c, nil)
				if r.faults.Calls(storetest.MethodPut) != 0 {
					t.Error("stored")
				}
				if err := r.Set(t.Context(), f, c, "v"); err == nil {
					t.Error("set")
				}
			})
		})
	}
}

func TestNotKeptAndInputsChanged(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) {
			f.TTL = func(v any) (time.Duration, bool) { return 0, v != "drop" }
		})
		c, j := call("k", gives("drop"))
		r.does(f, c, Bypassed, NotKept, "drop")
		if err := r.Set(t.Context(), f, c, "drop"); err == nil {
			t.Error("set what is not to be kept")
		}
		j.run = gives("v")
		j.unchanged = func() (bool, error) { return false, nil }
		r.does(f, c, PutFailed, InputsChanged, "v")
		j.unchanged = func() (bool, error) { return true, errBoom }
		r.does(f, c, PutFailed, InputsChanged, "v")
		r.remembers(f, c, nil)
		if r.faults.Calls(storetest.MethodPut) != 0 {
			t.Error("stored")
		}
	})
}

func TestFailure(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(nil)
		c, _ := call("k", fails(errBoom))
		if got := r.does(f, c, Failed, Absent, nil); got.Failure != errBoom {
			t.Errorf("failure %v, want the function's own", got.Failure)
		}
		r.remembers(f, c, nil)
		r.does(f, c.as(Refresh, fails(errBoom)), Failed, RefreshAsked, nil)
	})
}

func TestErrorTTLRemembersFailures(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) {
			f.ErrorTTL = func(err error) time.Duration {
				if err == errBoom {
					return time.Minute
				}
				return 0
			}
		})
		c, j := call("k", fails(errBoom))
		r.does(f, c.as(ReadOnly, fails(errBoom)), Failed, Absent, nil)
		if _, ok := r.Recall(t.Context(), f, c.Memory); ok {
			t.Error("ReadOnly remembers")
		}
		r.does(f, c, Failed, Absent, nil)
		ent, ok := r.Recall(t.Context(), f, c.Memory)
		if !ok || ent.Err != errBoom || !ent.Expires.Equal(time.Now().Add(time.Minute)) {
			t.Fatalf("remembered %+v", ent)
		}
		if _, ok := r.Hit(f, c.Memory); ok {
			t.Error("a failure passes for a plain hit")
		}
		if p, err := r.Peek(t.Context(), f, c); p.Outcome != HitMemory || p.Failure != errBoom || err != nil {
			t.Errorf("peek: %v (%v), %v, %v", p.Outcome, p.Reason, p.Failure, err)
		}
		time.Sleep(time.Minute)
		if _, ok := r.Recall(t.Context(), f, c.Memory); ok {
			t.Error("remembered for too long")
		}
		j.run = fails(errors.New("another"))
		r.does(f, c, Failed, Absent, nil)
		if _, ok := r.Recall(t.Context(), f, c.Memory); ok {
			t.Error("an error without a TTL is remembered")
		}
	})
}

func TestStaleOnError(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) { f.TTL = lasting(time.Minute); f.StaleOnError = time.Minute })
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		time.Sleep(time.Minute)
		failing := c.as(Use, fails(errBoom))
		got := r.does(f, failing, HitStale, FunctionFailed, "v")
		if got.Err != errBoom || got.Failure != nil || got.Age != time.Minute {
			t.Errorf("%+v", got)
		}
		time.Sleep(time.Minute - 1)
		r.does(f, failing, HitStale, FunctionFailed, "v")
		time.Sleep(1)
		r.does(f, failing, Failed, Expired, nil)

		off := r.function(func(f *Function) { f.TTL = lasting(time.Minute) })
		r.does(off, c, Populated, Expired, "v")
		time.Sleep(time.Minute)
		r.does(off, failing, Failed, Expired, nil)
	})
}

// The value stands in while the function takes its time to fail, and no longer.
func TestStaleOnErrorCountsTheRun(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) { f.TTL = lasting(time.Minute); f.StaleOnError = time.Minute })
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		time.Sleep(90 * time.Second)
		r.does(f, c.as(Use, func(context.Context) (any, error) {
			time.Sleep(30 * time.Second)
			return nil, errBoom
		}), Failed, Expired, nil)
	})
}

func TestMaxRun(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		f := r.function(func(f *Function) { f.MaxRun = time.Second })
		c, _ := call("k", func(ctx context.Context) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		began := time.Now()
		got := r.does(f, c, Failed, Absent, nil)
		if !errors.Is(got.Failure, ErrMaxRun) || !errors.Is(got.Failure, context.DeadlineExceeded) {
			t.Errorf("failure %v", got.Failure)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("ran for %v", d)
		}
		c.Work.(*job).run = func(ctx context.Context) (any, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		if got := r.does(f, c, Failed, Absent, nil); got.Failure != ErrMaxRun {
			t.Errorf("failure %v, want the cause once", got.Failure)
		}
		if f.Counters.Spent() != 2*time.Second {
			t.Errorf("spent %v", f.Counters.Spent())
		}
	})
}
