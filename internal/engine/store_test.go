package engine

import (
	"errors"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

func TestPeek(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		peeks := func(f *Function, c *Call, o Outcome, why Reason, tier Tier) {
			t.Helper()
			got, err := r.Peek(t.Context(), f, c)
			if got.Outcome != o || got.Reason != why || got.Tier != tier || err != nil {
				t.Errorf("peek: %v (%q) in %q, %v; want %v (%q) in %q", got.Outcome, got.Reason, got.Tier, err, o, why, tier)
			}
		}
		f := r.function(func(f *Function) { f.TTL = lasting(time.Hour); f.RefreshAfter = time.Minute })
		bare := r.transient(func(f *Function) { f.RefreshAfter = time.Minute })
		c, _ := call("k", gives("v"))
		peeks(f, c, 0, Absent, NoTier)
		r.does(f, c, Populated, Absent, "v")
		peeks(f, c, HitMemory, NoReason, TierMemory)
		peeks(bare, c, HitStore, NoReason, TierStore)
		time.Sleep(time.Minute)
		peeks(bare, c, HitStale, RefreshDue, TierStore)
		if _, err := r.ClearLabel(t.Context(), store.DatasetLabel("d")); err != nil {
			t.Fatal(err)
		}
		peeks(f, c, 0, Cleared, NoTier)
		r.does(f, c, Populated, Cleared, "v")
		time.Sleep(time.Hour)
		peeks(f, c, 0, Expired, NoTier) // also past its grace
		r.faults.Fail(storetest.MethodGet, 1, errBoom)
		got, err := r.Peek(t.Context(), bare, c)
		if got.Reason != StoreError || !errors.Is(got.Err, ErrStore) || !errors.Is(err, ErrStore) {
			t.Errorf("peek: %+v, %v", got, err)
		}
	})
}

func TestReadListAndPurge(t *testing.T) {
	onEach(t, setup{}, func(t *testing.T, r *rig) {
		ctx := t.Context()
		c, _ := call("k", gives("v"))
		r.does(r.transient(nil), c, Populated, Absent, "v")
		lk, err := r.Read(ctx, c.Key)
		if err != nil || !lk.Found || !r.Visible(&lk.Record) {
			t.Fatalf("read %+v, %v", lk, err)
		}
		if b, err := r.Unseal(c.Key, "text", lk.Record.Value); string(b) != "v" || err != nil {
			t.Errorf("unseal: %q, %v", b, err)
		}
		if _, err := r.Unseal(c.Key, "json", lk.Record.Value); err == nil {
			t.Error("unsealed as of another codec")
		}
		sealed, err := r.Seal(c.Key, "json", []byte("w"))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := r.Unseal(c.Key, "json", sealed); string(b) != "w" || err != nil {
			t.Errorf("unseal: %q, %v", b, err)
		}
		if p, err := r.List(ctx, store.Query{}); len(p.Records) != 1 || err != nil {
			t.Errorf("list: %d, %v", len(p.Records), err)
		}
		if _, err := r.List(ctx, store.Query{Limit: -1}); !errors.Is(err, store.ErrBadQuery) || errors.Is(err, ErrStore) {
			t.Errorf("bad query: %v", err)
		}
		if _, err := r.ClearLabel(ctx, store.DatasetLabel("d")); err != nil {
			t.Fatal(err)
		}
		if r.Visible(&lk.Record) {
			t.Error("a cleared record is visible")
		}
		d := "d"
		r.Purge(ctx, store.Query{Dataset: &d})
		if i, _ := r.Store().Info(ctx); i.Entries != 0 {
			t.Errorf("%d entries after the purge", i.Entries)
		}
		r.faults.Fail(storetest.MethodGet, 1, errBoom)
		if _, err := r.Read(ctx, c.Key); !errors.Is(err, ErrStore) {
			t.Errorf("read: %v", err)
		}
		r.faults.Fail(storetest.MethodList, 1, errBoom)
		if _, err := r.List(ctx, store.Query{}); !errors.Is(err, ErrStore) {
			t.Errorf("list: %v", err)
		}
	})
}

func TestPrivate(t *testing.T) {
	sum := func(r *rig, kind, v string) [32]byte {
		t.Helper()
		h, err := r.Private(t.Context(), kind, v)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	own := memstore.New(nil)
	a, b := newRig(t, setup{shared: own}), newRig(t, setup{shared: own})
	if sum(a, "User", "ann") != sum(b, "User", "ann") {
		t.Error("who shares a store does not share hashes")
	}
	if sum(a, "User", "ann") == sum(newRig(t, setup{}), "User", "ann") {
		t.Error("the hash does not depend on the store")
	}
	if sum(a, "User", "ann") == sum(a, "JWT", "ann") || sum(a, "a", "bc") == sum(a, "ab", "c") {
		t.Error("kinds collide")
	}
	secret := Config{Secret: []byte("0123456789abcdef")}
	c, d := newRig(t, setup{Config: secret}), newRig(t, setup{Config: secret})
	if sum(c, "User", "ann") != sum(d, "User", "ann") || sum(c, "User", "ann") == sum(a, "User", "ann") {
		t.Error("the secret does not count")
	}
	dead := newRig(t, setup{})
	dead.faults.Fail(storetest.MethodInfo, 0, errBoom)
	if _, err := dead.Private(t.Context(), "User", "ann"); !errors.Is(err, ErrStore) {
		t.Errorf("without the store's secret: %v", err)
	}
	if err := dead.Ready(t.Context()); !errors.Is(err, ErrStore) {
		t.Errorf("ready: %v", err)
	}
}

func TestSigning(t *testing.T) {
	own := memstore.New(nil)
	signed := ready(t, setup{shared: own, Config: Config{Signing: []byte("0123456789abcdef")}})
	forger := ready(t, setup{shared: own, Config: Config{Signing: []byte("another signing key")}})
	c, _ := call("k", gives("v"))
	forger.does(forger.transient(nil), c, Populated, Absent, "v")
	signed.does(signed.transient(nil), c, Populated, Corrupt, "v")
	if _, err := New(Config{Signing: []byte("short")}); err == nil {
		t.Error("a short key was taken")
	}
}

func TestMemoryBudget(t *testing.T) {
	r := ready(t, setup{Config: Config{Memory: 1}})
	f := r.function(nil)
	c, _ := call("k", gives("more than a byte"))
	r.does(f, c, Populated, Absent, "more than a byte")
	r.remembers(f, c, nil)
	if n, b := f.Held(); n != 0 || b != 0 {
		t.Errorf("holds %d, %d bytes", n, b)
	}
	bare := r.transient(nil)
	if n, _ := bare.Held(); n != 0 || bare.Equipped() {
		t.Error("a function without memory holds something")
	}
}

func TestCounters(t *testing.T) {
	var f Function
	f.Skip(Bypassed, ModeOff)
	f.Count(HitStore, NoReason, time.Second)
	f.Count(Joined, NoReason, 2*time.Second)
	f.Count(Populated, Absent, time.Hour)
	f.Count(Failed, Absent, time.Hour)
	for _, o := range []Outcome{Bypassed, HitStore, Joined, Populated, Failed} {
		if n := f.Counters.Of(o); n != 1 {
			t.Errorf("%v: %d", o, n)
		}
	}
	if s := f.Counters.Saved(); s != 3*time.Second {
		t.Errorf("saved %v", s)
	}
	for r, want := range map[Reason]uint64{NoReason: 0, ModeOff: 1, Absent: 2, Expired: 0} {
		if n := f.Counters.Because(r); n != want {
			t.Errorf("%v: %d, want %d", r, n, want)
		}
	}
}
