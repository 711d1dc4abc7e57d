package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// verify runs a Verify and returns its problems by key.
func (r *rig) verify() (Report, map[string][]Problem) {
	r.Helper()
	found := map[string][]Problem{}
	rep, err := r.i.Verify(r.Context(), func(p Problem) bool {
		found[p.Key] = append(found[p.Key], p)
		if p.Advice == "" || p.Detail == "" {
			r.Errorf("%+v says too little", p)
		}
		return true
	})
	if err != nil {
		r.Fatal(err)
	}
	return rep, found
}

func TestVerifyFindsNothingInASoundStore(t *testing.T) {
	onBoth(t, func(r *rig) {
		r, keys := withRuns(r)
		for n := range 250 {
			r.put(spec{fn: "f", value: fmt.Sprint(n), ttl: time.Minute, grace: time.Hour})
		}
		r.clock.add(2 * time.Minute)
		rep, found := r.verify()
		if rep.Entries != 250+len(keys) || rep.Problems != 0 || len(found) != 0 || rep.Bytes != r.info().Bytes {
			r.Errorf("%+v, %v", rep, found)
		}
	})
}

// Each way in which an entry can be wrong is found, and told apart.
func TestVerifyFindsEachProblem(t *testing.T) {
	mac := []byte("0123456789abcdef")
	onBoth(t, func(r *rig) {
		swap := r.record(spec{fn: "other", value: "1", mac: mac}).Value
		damage := map[string]func(lk *store.Lookup){
			ProblemLost:      func(lk *store.Lookup) { *lk = store.Lookup{Damaged: true, Seq: lk.Seq, Now: lk.Now} },
			ProblemTruncated: func(lk *store.Lookup) { lk.Record.Value = lk.Record.Value[:70]; lk.Record.Size = 70 },
			ProblemChecksum:  func(lk *store.Lookup) { lk.Record.Value[60] ^= 4 },
			ProblemSwapped:   func(lk *store.Lookup) { lk.Record.Value = bytes.Clone(swap); lk.Record.Size = int64(len(swap)) },
			ProblemFormat:    func(lk *store.Lookup) { lk.Record.Value[4] = 9 },
			ProblemCorrupt:   func(lk *store.Lookup) { lk.Record.Value = append(lk.Record.Value, 1); lk.Record.Size++ },
			ProblemSize:      func(lk *store.Lookup) { lk.Record.Size++ },
		}
		keys := map[string]string{}
		for what := range damage {
			keys[r.put(spec{fn: what, value: `"x"`, mac: mac})] = what
		}
		keys[r.put(spec{fn: "unsigned", value: `"x"`})] = ProblemSignature
		keys[r.put(spec{fn: "broken", value: `"x`, mac: mac})] = ProblemEncoding
		keys[r.put(spec{fn: "cbor", codec: "cbor", value: "\x81", mac: mac})] = ProblemEncoding
		keys[r.put(spec{coll: Commands, fn: "make", codec: "run", value: "refs a", mac: mac})] = ProblemOutput
		for n, rec := range []*store.Record{r.record(spec{fn: "manifest", value: "1", mac: mac})} {
			rec.Manifest = []byte("of tomorrow")
			if _, err := r.store.Put(r.Context(), rec, store.PutPublish); err != nil {
				r.Fatal(n, err)
			}
			keys[rec.Key.String()] = ProblemManifest
		}
		good := r.put(spec{fn: "good", value: "1", mac: mac})
		base := r.store
		r.store = &altered{Store: base, get: func(ctx context.Context, key store.Key) (store.Lookup, error) {
			lk, err := base.Get(ctx, key)
			if f := damage[keys[key.String()]]; f != nil && err == nil {
				f(&lk)
			}
			return lk, err
		}}
		rep, found := r.with(&Options{Signing: mac, References: refs}).verify()
		if rep.Entries != len(keys)+1 || rep.Problems != len(keys) || rep.Stopped {
			r.Errorf("%+v", rep)
		}
		for key, what := range keys {
			if len(found[key]) != 1 || found[key][0].What != what || found[key][0].Function == "" {
				r.Errorf("%s: found %+v", what, found[key])
			}
		}
		if len(found[good]) > 0 {
			r.Errorf("%+v", found[good])
		}
		// What opens is one thing, what Entry and Value say of the rest another.
		i := r.with(&Options{Signing: mac}).i
		for key, what := range keys {
			e, err := i.Entry(r.Context(), key)
			if err != nil || e.Problem == "" != slices.Contains([]string{ProblemEncoding, ProblemOutput, ProblemSize}, what) {
				r.Errorf("%s: entry's problem %q, %v", what, e.Problem, err)
			}
			if _, err := i.Value(r.Context(), key); (err != nil) != (e.Problem != "" && what != ProblemManifest) || err != nil && !errors.Is(err, ErrDamaged) {
				r.Errorf("%s: value: %v", what, err)
			}
		}
	})
}

func TestVerifyFindsTheFuture(t *testing.T) {
	c := newClock()
	r := newRig(t, memstore.New(&memstore.Options{Now: c.Now}), c, nil)
	r.put(spec{fn: "f", value: "1"})
	c.add(-time.Hour)
	if _, found := r.verify(); len(found) != 1 {
		t.Errorf("%v", found)
	}
	base := r.store
	r.store = &altered{Store: base, get: func(ctx context.Context, key store.Key) (store.Lookup, error) {
		lk, err := base.Get(ctx, key)
		lk.Seq = 0 // a store that lost its number
		return lk, err
	}}
	rep, found := r.with(nil).verify()
	if rep.Problems != 2 {
		t.Errorf("%v", found)
	}
}

func TestVerifyStops(t *testing.T) {
	r := inMemory(t)
	for n := range 30 {
		r.put(spec{fn: "f", value: fmt.Sprint("not json", n)})
	}
	n := 0
	rep, err := r.i.Verify(t.Context(), func(Problem) bool { n++; return n < 3 })
	if err != nil || !rep.Stopped || rep.Problems != 3 || n != 3 {
		t.Errorf("%+v, %v", rep, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.i.Verify(ctx, func(Problem) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Large reads several values at once; what is said stays in order.
func TestVerifyOverANetwork(t *testing.T) {
	r := inMemory(t)
	want := 0
	for n := range 100 {
		value := fmt.Sprint(n)
		if n%10 == 0 {
			value, want = "{", want+1
		}
		r.put(spec{fn: "f", value: value, key: fmt.Sprint("key", n)})
	}
	r = r.remote()
	rep, found := r.verify()
	if rep.Entries != 100 || rep.Problems != want || len(found) != want {
		t.Errorf("%+v", rep)
	}
	if c, err := r.i.Clear(t.Context(), Selection{Filter: Filter{Version: ""}, OlderThan: 1}); err != nil || c.Entries != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	r.clock.add(time.Hour)
	if c, err := r.i.Clear(t.Context(), Selection{OlderThan: time.Minute}); err != nil || c.Entries != 100 {
		t.Errorf("%+v, %v", c, err)
	}
}

// remote is the same store, which says that it is far away.
func (r *rig) remote() *rig {
	base := r.store
	r.store = &altered{Store: base, info: func(ctx context.Context) (store.Info, error) {
		info, err := base.Info(ctx)
		info.Local = false
		return info, err
	}}
	return r.with(nil)
}

// checked is a store that knows of its own consistency.
type checked struct {
	store.Store
	found []string
	err   error
}

func (c checked) Check(context.Context) ([]string, error) { return c.found, c.err }

func TestVerifyAsksTheStore(t *testing.T) {
	r := inMemory(t)
	base := r.store
	r.store = checked{Store: base, found: []string{"row 3 missing"}, err: fmt.Errorf("%w: page 7", store.ErrCorrupt)}
	rep, found := r.with(nil).verify()
	if rep.Problems != 2 || len(found[""]) != 2 || found[""][0].What != ProblemStore || !strings.Contains(found[""][1].Detail, "page 7") {
		t.Errorf("%+v", found)
	}
	broken := errors.New("broken")
	r.store = checked{Store: base, err: broken}
	if _, err := r.with(nil).i.Verify(t.Context(), func(Problem) bool { return true }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestSecondsInJSON(t *testing.T) {
	for _, d := range []time.Duration{0, 1, time.Millisecond, 1500 * time.Millisecond, 100 * 24 * time.Hour, -time.Second} {
		b, err := json.Marshal(Seconds(d))
		var back Seconds
		if err == nil {
			err = json.Unmarshal(b, &back)
		}
		if err != nil || back.Duration() != d || back.String() != d.String() {
			t.Errorf("%v became %s and %v, %v", d, b, back, err)
		}
	}
	var s Seconds
	if err := json.Unmarshal([]byte(`"x"`), &s); err == nil {
		t.Error("a string is no duration")
	}
	if err := json.Unmarshal([]byte(`1e300`), &s); err != nil || s <= 0 {
		t.Error(s, err)
	}
}
