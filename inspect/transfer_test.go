package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// export is a bundle of what s selects.
func (r *rig) export(s Selection) (*bytes.Buffer, Exported) {
	r.Helper()
	var b bytes.Buffer
	e, err := r.i.Export(r.Context(), &b, s)
	if err != nil {
		r.Fatal(err)
	}
	return &b, e
}

func (r *rig) imports(b *bytes.Buffer, o *ImportOptions) Imported {
	r.Helper()
	im, err := r.i.Import(r.Context(), bytes.NewReader(b.Bytes()), o)
	if err != nil {
		r.Fatal(err)
	}
	return im
}

// beside is another store with the same clock.
func (r *rig) beside(o *memstore.Options) *rig {
	if o == nil {
		o = &memstore.Options{}
	}
	o.Now = r.clock.Now
	return newRig(r.T, memstore.New(o), r.clock, nil)
}

// What is imported answers as what was exported, until the same moment.
func TestBundlesCarryEverything(t *testing.T) {
	onBoth(t, func(r *rig) {
		large := strings.Repeat("0123456789abcdef", 10_000)
		specs := []spec{
			{fn: "f", version: "v", dataset: "d", tags: []string{"a", "b"}, value: `{"x":1}`, ttl: time.Hour, grace: time.Minute, cost: time.Second,
				parts: []canon.Part{part("input.N", "1"), secretPart("scope.User", "u")}},
			{kind: store.KindEntry, fn: "s\xff\x00", entry: "k", value: `[]`, policy: store.Persist},
			{coll: "other", fn: "g", codec: "raw", value: large},
			{fn: "empty", codec: "raw", value: ""},
		}
		var keys []string
		for _, s := range specs {
			keys = append(keys, r.put(s))
		}
		r.put(spec{fn: "gone", value: "1", ttl: time.Minute})
		hidden := r.put(spec{fn: "hidden", value: "1"})
		r.put(spec{kind: store.KindEntry, coll: "reprise", fn: "ledger", entry: "x", value: "{}"})
		r.clock.add(10 * time.Minute)
		if _, err := r.store.Bump(r.Context(), store.FunctionLabel(0, "execution_store", "hidden")); err != nil {
			r.Fatal(err)
		}
		b, did := r.export(Selection{})
		if did.Entries != 4 || did.Scoped != 1 || did.Skipped != 0 || did.Blobs != 0 || did.Cost != Seconds(time.Second) {
			r.Errorf("%+v", did)
		}
		r.clock.add(10 * time.Minute)
		to := r.beside(nil)
		im := to.imports(b, nil)
		if im.Counts != did.Counts || im.Read != 4 || !im.Foreign || im.Scoped != 1 {
			r.Errorf("%+v, exported %+v", im, did)
		}
		for n, key := range keys {
			was, is := of2(r)(r.i.Entry(r.Context(), key)), of2(to)(to.i.Entry(r.Context(), key))
			// The clock of the store stands still, and the import reckons with time.
			if early := was.Expires.Sub(is.Expires); early < 0 || early > time.Minute || !is.Created.Equal(r.clock.Now()) {
				r.Errorf("%d: expires %v, was %v", n, is.Expires, was.Expires)
			}
			was.Created, was.Expires, was.Age, was.Begun = is.Created, is.Expires, is.Age, is.Begun
			if d := cmp.Diff(was, is); d != "" {
				r.Errorf("%d: %s", n, d)
			}
			p, err := to.i.Payload(r.Context(), key)
			if err != nil || string(p.Bytes) != specs[n].value {
				r.Errorf("%d: %d bytes, %v", n, len(p.Bytes), err)
			}
		}
		if to.has(hidden) {
			r.Error("what was hidden shows")
		}
		if again := to.imports(b, nil); again.Present != 4 || again.Entries != 0 {
			r.Errorf("a second time: %+v", again)
		}
		r.clock.add(time.Hour)
		if to.has(keys[0]) {
			r.Error("it outlives its time")
		}
		if late := r.beside(nil).imports(b, nil); late.Expired != 1 || late.Entries != 3 {
			r.Errorf("after it had expired: %+v", late)
		}
	})
}

// A store whose clock is behind does not keep an entry for longer than it had.
func TestImportWithASlowClock(t *testing.T) {
	r := inMemory(t)
	key := r.put(spec{fn: "f", value: "1", ttl: time.Hour})
	b, _ := r.export(Selection{})
	r.clock.add(-100 * time.Hour)
	to := r.beside(nil)
	to.imports(b, nil)
	e := of2(to)(to.i.Entry(t.Context(), key))
	if left := e.Expires.Sub(r.clock.Now()); left != time.Hour {
		t.Errorf("%v left", left)
	}
}

func TestExportSelects(t *testing.T) {
	onBoth(t, func(r *rig) {
		keys := stock(r)
		for name, c := range map[string]struct {
			s    Selection
			want int
		}{
			"all": {Selection{}, 8}, "function": {Selection{Filter: Filter{Function: "f"}}, 4}, "old": {Selection{OlderThan: time.Minute}, 5},
			"tag and version": {Selection{Filter: Filter{Tag: "t", Version: "v2"}}, 1}, "key": {Selection{Key: keys["kept"][:10]}, 1},
			"everything": {Selection{Everything: true}, 7}, "nothing": {Selection{Filter: Filter{Function: "x"}}, 0},
		} {
			b, did := r.export(c.s)
			if did.Entries != c.want {
				r.Errorf("%s: %+v, want %d", name, did, c.want)
			}
			if im := r.beside(nil).imports(b, nil); im.Entries != c.want {
				r.Errorf("%s: imported %+v", name, im)
			}
		}
		for _, s := range []Selection{{Filter: Filter{Collection: "reprise"}}, {Key: "zz"}, {Key: "abcdef"}, {Everything: true, OlderThan: 1}} {
			if _, err := r.i.Export(r.Context(), io.Discard, s); err == nil || !strings.HasPrefix(err.Error(), "inspect: export: ") {
				r.Errorf("%+v: %v", s, err)
			}
		}
	})
}

// An exported run has its output files with it, before it; orphans stay.
func TestExportTakesOutputFilesAlong(t *testing.T) {
	onBoth(t, func(r *rig) {
		r, keys := withRuns(r)
		b, did := r.export(Selection{Filter: Filter{Function: "cc"}})
		if did.Entries != 3 || did.Blobs != 2 {
			r.Errorf("%+v", did)
		}
		to := r.beside(nil)
		to.imports(b, nil)
		if gone := missing(to, keys); fmt.Sprint(gone) != "[a orphan run 1]" {
			r.Errorf("not imported: %q", gone)
		}
		if _, did = r.export(Selection{}); did.Entries != 5 || did.Blobs != 3 {
			r.Errorf("all: %+v", did)
		}
		if _, did = r.export(Selection{Filter: Filter{Collection: Commands, Function: Blobs}}); did.Entries != 4 || did.Blobs != 0 {
			r.Errorf("blobs by name: %+v", did)
		}
		if _, did = r.with(nil).export(Selection{}); did.Entries != 6 {
			r.Errorf("without References: %+v", did)
		}
		if _, err := r.i.Clear(r.Context(), Selection{Key: keys["b"]}); err != nil {
			r.Fatal(err)
		}
		if _, did = r.export(Selection{Filter: Filter{Function: "cc"}}); did.Entries != 2 || did.Blobs != 1 {
			r.Errorf("with one missing: %+v", did)
		}
	})
}

// An import brings nothing back that was cleared, and nothing over what is
// newer.
func TestImportIntoTheSameStore(t *testing.T) {
	onBoth(t, func(r *rig) {
		keys := map[string]string{}
		for _, name := range []string{"cleared", "bumped", "evicted", "there", "newer", "begun"} {
			keys[name] = r.put(spec{fn: name, value: name})
		}
		b, _ := r.export(Selection{})
		r.clock.add(time.Minute)
		ctx := r.Context()
		if _, err := r.i.Clear(ctx, Selection{Key: keys["cleared"]}); err != nil {
			r.Fatal(err)
		}
		if _, err := r.i.Clear(ctx, Selection{Filter: Filter{Function: "bumped"}}); err != nil {
			r.Fatal(err)
		}
		if _, err := r.store.Purge(ctx, store.Query{Key: keyPtr(r, keys["evicted"])}); err != nil {
			r.Fatal(err)
		}
		newer := r.record(spec{fn: "newer", value: "newer"})
		newer.Cost = time.Hour
		if _, err := r.store.Put(ctx, newer, store.PutSet); err != nil {
			r.Fatal(err)
		}
		for range 2 {
			im := r.imports(b, nil)
			if im.Foreign || im.Cleared != 2 || im.Entries+im.Present != 4 {
				r.Errorf("%+v", im)
			}
			if gone := missing(r, keys); fmt.Sprint(gone) != "[bumped cleared]" {
				r.Errorf("missing: %q", gone)
			}
		}
		if e := of2(r)(r.i.Entry(ctx, keys["newer"])); e.Cost != Seconds(time.Hour) {
			r.Error("the newer one was replaced")
		}
		if im := r.imports(b, &ImportOptions{Cleared: true}); im.Entries != 2 || im.Cleared != 0 || len(missing(r, keys)) > 0 {
			r.Errorf("with Cleared: %+v, missing %q", im, missing(r, keys))
		}
	})
}

func TestImportIntoAnotherStore(t *testing.T) {
	onBoth(t, func(r *rig) {
		from := r.beside(nil)
		keys := map[string]string{}
		for _, name := range []string{"cleared", "function", "tagged", "older", "free"} {
			keys[name] = from.put(spec{fn: name, value: name, tags: []string{"t-" + name}, dataset: "d-" + name})
		}
		b, _ := from.export(Selection{})
		ctx := r.Context()
		for n := range 300 { // clears among others
			if _, err := r.store.Clear(ctx, keyOf(fmt.Sprint(n))); err != nil {
				r.Fatal(err)
			}
		}
		if _, err := r.store.Clear(ctx, *keyPtr(r, keys["cleared"])); err != nil {
			r.Fatal(err)
		}
		for _, s := range []Selection{{Filter: Filter{Function: "function"}}, {Filter: Filter{Tag: "t-tagged"}}} {
			if _, err := r.i.Clear(ctx, s); err != nil {
				r.Fatal(err)
			}
		}
		r.clock.add(-time.Hour) // an entry that was made before the exported one
		old := r.record(spec{fn: "older", value: "older", tags: []string{"t-older"}, dataset: "d-older", cost: time.Hour})
		if _, err := r.store.Put(ctx, old, store.PutPublish); err != nil {
			r.Fatal(err)
		}
		r.clock.add(time.Hour)
		im := r.imports(b, nil)
		if !im.Foreign || im.Cleared != 3 || im.Entries != 2 {
			r.Errorf("%+v", im)
		}
		if gone := missing(r, keys); fmt.Sprint(gone) != "[cleared function tagged]" {
			r.Errorf("missing: %q", gone)
		}
		if e := of2(r)(r.i.Entry(ctx, keys["older"])); e.Cost != 0 {
			r.Error("the older one was not replaced")
		}
		if im = r.imports(b, &ImportOptions{Cleared: true}); im.Entries != 3 || len(missing(r, keys)) > 0 {
			r.Errorf("with Cleared: %+v", im)
		}
	})
}

// What begins or is cleared while an import runs wins over it.
func TestImportYieldsToWhatHappensMeanwhile(t *testing.T) {
	onBoth(t, func(r *rig) {
		from := r.beside(nil)
		keys := map[string]string{}
		for _, name := range []string{"published", "cleared", "bumped"} {
			keys[name] = from.put(spec{fn: name, value: name})
		}
		b, _ := from.export(Selection{})
		i := r.with(nil).i
		done := false
		base := r.store
		i.store = &altered{Store: base, clear: func(ctx context.Context, key store.Key) (store.Bumped, error) {
			bumped, err := base.Clear(ctx, key) // with which the import takes its number
			if err != nil || done {
				return bumped, err
			}
			done = true
			r.clock.add(-time.Hour) // by whose clock the published one seems older
			published := r.record(spec{fn: "published", value: "published", cost: time.Hour})
			r.clock.add(time.Hour)
			if _, err := base.Put(ctx, published, store.PutPublish); err != nil {
				return bumped, err
			}
			if _, err := base.Clear(ctx, *keyPtr(r, keys["cleared"])); err != nil {
				return bumped, err
			}
			_, err = base.Bump(ctx, store.FunctionLabel(0, "execution_store", "bumped"))
			return bumped, err
		}}
		im, err := i.Import(r.Context(), b, &ImportOptions{Cleared: true}) // so that the store itself has to see to it
		if err != nil {
			r.Fatal(err)
		}
		if gone := missing(r, keys); fmt.Sprint(gone) != "[bumped cleared]" {
			r.Errorf("missing %q; %+v", gone, im)
		}
		if e := of2(r)(r.i.Entry(r.Context(), keys["published"])); e.Cost != Seconds(time.Hour) {
			r.Errorf("what was published meanwhile was replaced; %+v", im)
		}
	})
}

func TestSignedBundles(t *testing.T) {
	mac, other := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	onBoth(t, func(r *rig) {
		r.put(spec{fn: "f", value: "1", mac: mac})
		r.put(spec{fn: "f", value: "2"})
		plain, did := r.export(Selection{})
		if did.Entries != 2 {
			r.Errorf("%+v", did)
		}
		signed, did := r.with(&Options{Signing: mac}).export(Selection{})
		if did.Entries != 1 || did.Skipped != 1 {
			r.Errorf("what is not signed is left out: %+v", did)
		}
		for name, c := range map[string]struct {
			b    *bytes.Buffer
			key  []byte
			want int
		}{
			"plain, no key": {plain, nil, 2}, "signed, no key": {signed, nil, 1}, "signed, its key": {signed, mac, 1},
			"plain, a key": {plain, mac, -1}, "signed, another key": {signed, other, -1},
		} {
			im, err := r.beside(nil).with(&Options{Signing: c.key}).i.Import(r.Context(), bytes.NewReader(c.b.Bytes()), nil)
			if c.want < 0 && !errors.Is(err, ErrBundle) || c.want >= 0 && (err != nil || im.Entries != c.want) {
				r.Errorf("%s: %+v, %v", name, im, err)
			}
		}
		// A bundle that is signed, of a value that is not.
		var b bytes.Buffer
		w, err := newBundleWriter(&b, mac, [32]byte{}, time.Now())
		if err != nil {
			r.Fatal(err)
		}
		rec := r.record(spec{fn: "f", value: "2"})
		rec.Created = time.Now()
		if err := errors.Join(w.entry(rec), w.close()); err != nil {
			r.Fatal(err)
		}
		if _, err := r.beside(nil).with(&Options{Signing: mac}).i.Import(r.Context(), &b, nil); !errors.Is(err, ErrBundle) || !strings.Contains(err.Error(), "unsigned") {
			r.Error(err)
		}
	})
}

// What was stored before a bundle breaks is told, and stays.
func TestImportTellsHowFarItCame(t *testing.T) {
	r := inMemory(t)
	for n := range 50 {
		r.put(spec{fn: "f", codec: "raw", value: fmt.Sprint(n, strings.Repeat("x", 100))})
	}
	b, _ := r.export(Selection{})
	frames := inflated(t, b.Bytes())
	cut := deflated(b.Bytes()[:prologueSize], frames[:len(frames)*3/5])
	to := r.beside(nil)
	im, err := to.i.Import(t.Context(), bytes.NewReader(cut), nil)
	if !errors.Is(err, ErrBundle) || !strings.Contains(err.Error(), "truncated") || im.Entries < 20 || im.Entries > 40 {
		t.Fatalf("%+v, %v", im, err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("after %d entries, of which %d were stored", im.Read, im.Entries)) || to.info().Entries != im.Entries {
		t.Errorf("%v, and the store has %d", err, to.info().Entries)
	}
	if im = to.imports(b, nil); im.Present+im.Entries != 50 || im.Entries == 0 {
		t.Errorf("again, and whole: %+v", im)
	}
	broken := errors.New("cable pulled")
	im, err = r.beside(nil).i.Import(t.Context(), io.MultiReader(bytes.NewReader(cut[:len(cut)/2]), iotest.ErrReader(broken)), nil)
	if !errors.Is(err, broken) || errors.Is(err, ErrBundle) {
		t.Errorf("a medium that fails says nothing of the bundle: %+v, %v", im, err)
	}
	full := r.beside(&memstore.Options{Quota: 1000})
	for n := range 2 {
		rec := full.record(spec{fn: "kept", value: fmt.Sprint(n), policy: store.Persist})
		if _, err := full.store.Put(t.Context(), rec, store.PutPublish); err != nil {
			t.Fatal(err)
		}
	}
	persistent := r.with(nil)
	for n := range 50 {
		persistent.put(spec{fn: "p", value: fmt.Sprint(n), policy: store.Persist})
	}
	b, _ = persistent.export(Selection{Filter: Filter{Function: "p"}})
	if im, err = full.i.Import(t.Context(), b, nil); !errors.Is(err, store.ErrFull) || im.Entries == 0 || !strings.Contains(err.Error(), "quota") {
		t.Errorf("a store without room: %+v, %v", im, err)
	}
	small := r.beside(&memstore.Options{MaxValue: 150})
	r.put(spec{fn: "large", codec: "raw", value: strings.Repeat("x", 1000)})
	r.put(spec{fn: "large", codec: "raw", value: "small"})
	b, _ = r.export(Selection{Filter: Filter{Function: "large"}})
	if im := small.imports(b, nil); im.Refused != 1 || im.Entries != 1 {
		t.Errorf("a store for small values: %+v", im)
	}
	if _, err := r.with(&Options{MaxValue: 500}).i.Import(t.Context(), b, nil); err == nil {
		t.Error("over MaxValue, and read")
	}
}

func TestExportFails(t *testing.T) {
	r := inMemory(t)
	for n := range 200 {
		r.put(spec{fn: "f", codec: "raw", value: fmt.Sprint(n, strings.Repeat("x", 1000))})
	}
	broken := errors.New("pipe closed")
	for _, room := range []int{0, 5, 20, 5000} {
		if _, err := r.i.Export(t.Context(), &narrow{room, broken}, Selection{}); !errors.Is(err, broken) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.i.Export(ctx, io.Discard, Selection{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b, _ := r.export(Selection{})
	if _, err := r.beside(nil).i.Import(ctx, b, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// narrow is a writer with little room.
type narrow struct {
	room int
	err  error
}

func (n *narrow) Write(b []byte) (int, error) {
	if n.room -= len(b); n.room < 0 {
		return 0, n.err
	}
	return len(b), nil
}

// A damaged entry does not spoil the bundle.
func TestExportLeavesOutWhatIsDamaged(t *testing.T) {
	r := inMemory(t)
	good, bad, lost := r.put(spec{fn: "f", value: "1"}), r.put(spec{fn: "f", value: "2"}), r.put(spec{fn: "f", value: "3"})
	base := r.store
	r.store = &altered{Store: base, get: func(ctx context.Context, key store.Key) (store.Lookup, error) {
		lk, err := base.Get(ctx, key)
		switch key.String() {
		case bad:
			lk.Record.Value[20] ^= 1
		case lost:
			lk = store.Lookup{Damaged: true}
		}
		return lk, err
	}}
	b, did := r.with(nil).export(Selection{})
	to := r.beside(nil)
	if im := to.imports(b, nil); did.Skipped != 2 || did.Entries != 1 || im.Entries != 1 || !to.has(good) {
		t.Errorf("%+v, %+v", did, im)
	}
}

// Clears are told as far back as the store knows them, wherever it stops.
func TestClearedKeysAreFoundAsFarAsTheStoreTells(t *testing.T) {
	for _, tells := range []uint64{1, 2, 500, 4_000, 9_990, 10_000} { // from which number on
		r := inMemory(t)
		s := &forgetful{Store: r.store, from: tells, upto: 10_000}
		im := &importer{Inspector: &Inspector{store: s}}
		gone, err := im.clearedKeys(t.Context(), s.upto)
		if err != nil {
			t.Fatal(err)
		}
		known := s.upto - tells
		if missed := known - min(known, uint64(len(gone))); missed > known/8+8 || uint64(len(gone)) > known {
			t.Errorf("from %d: %d keys of %d", tells, len(gone), known)
		}
		if s.asked > 20 {
			t.Errorf("from %d: asked %d times", tells, s.asked)
		}
	}
}

// forgetful has cleared a key at each number, and tells from one on.
type forgetful struct {
	store.Store
	from, upto uint64
	asked      int
}

func (f *forgetful) Changes(_ context.Context, since uint64) (store.Changes, error) {
	f.asked++
	if since < f.from {
		return store.Changes{Seq: f.upto, Flush: true}, nil
	}
	c := store.Changes{Seq: f.upto}
	for n := since + 1; n <= f.upto; n++ {
		c.Keys = append(c.Keys, store.KeyChange{Key: keyOf(fmt.Sprint(n)), Seq: n, Gone: true})
	}
	return c, nil
}
