package inspect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
)

// refs reads a run of these tests: names of blobs after "refs ".
func refs(value []byte) []string {
	list, ok := strings.CutPrefix(string(value), "refs ")
	if !ok {
		return nil
	}
	return strings.Fields(list)
}

// withRuns fills a store with runs and their blobs, and one orphan.
func withRuns(r *rig) (*rig, map[string]string) {
	keys := map[string]string{}
	blob := func(name string) {
		keys[name] = r.put(spec{kind: store.KindEntry, coll: Commands, fn: Blobs, entry: name, codec: "raw", value: "content of " + name, ttl: 100 * time.Hour})
	}
	for _, name := range []string{"a", "ab", "b", "orphan"} {
		blob(name)
	}
	keys["run 1"] = r.put(spec{coll: Commands, fn: "make", codec: "run", value: "refs a b"})
	keys["run 2"] = r.put(spec{coll: Commands, fn: "cc", codec: "run", value: "refs b ab"})
	return r.with(&Options{References: refs}), keys
}

func TestGCFreesWhatNobodyNeeds(t *testing.T) {
	onBoth(t, func(r *rig) {
		plain := r
		r, keys := withRuns(r)
		r.put(spec{fn: "f", value: "1", ttl: time.Minute})
		r.put(spec{fn: "g", value: "1"})
		swept, err := r.i.GC(r.Context())
		if err != nil || swept != (Swept{}) {
			r.Errorf("nothing to do, and blobs are young: %+v, %v", swept, err)
		}
		r.clock.add(2 * time.Hour)
		keys["young"] = r.put(spec{kind: store.KindEntry, coll: Commands, fn: Blobs, entry: "young", value: "1"})
		if _, err := r.store.Bump(r.Context(), store.FunctionLabel(0, "execution_store", "g")); err != nil {
			r.Fatal(err)
		}
		swept, err = plain.i.GC(r.Context())
		if err != nil || swept.Expired != 1 || swept.Hidden != 1 || swept.Blobs != 0 || swept.Bytes == 0 {
			r.Errorf("without References: %+v, %v", swept, err)
		}
		swept, err = r.i.GC(r.Context())
		if err != nil || swept.Blobs != 1 || swept.Bytes == 0 {
			r.Errorf("%+v, %v", swept, err)
		}
		if gone := missing(r, keys); fmt.Sprint(gone) != "[orphan]" {
			r.Errorf("gone: %q", gone)
		}
		if _, err := r.i.Clear(r.Context(), Selection{Key: keys["run 2"]}); err != nil {
			r.Fatal(err)
		}
		if swept, err = r.i.GC(r.Context()); err != nil || swept.Blobs != 1 {
			r.Errorf("%+v, %v", swept, err)
		}
		if gone := missing(r, keys); fmt.Sprint(gone) != "[ab orphan run 2]" {
			r.Errorf("gone: %q", gone)
		}
	})
}

// A blob that was renewed or stored again since it was listed stays.
func TestGCLeavesBlobsThatAreUsedMeanwhile(t *testing.T) {
	onBoth(t, func(r *rig) {
		r, keys := withRuns(r)
		r.clock.add(2 * time.Hour)
		page, err := r.store.List(r.Context(), store.Query{Key: keyPtr(r, keys["orphan"])})
		if err != nil {
			r.Fatal(err)
		}
		listed := &page.Records[0]
		ttl := 200 * time.Hour
		if ok, err := r.store.Update(r.Context(), listed.Key, store.Change{TTL: &ttl}); !ok || err != nil {
			r.Fatal(ok, err)
		}
		var s Swept
		if err := r.i.freeBlob(r.Context(), listed, &s); err != nil || s.Blobs != 0 || !r.has(keys["orphan"]) {
			r.Errorf("%+v, %v", s, err)
		}
		page, err = r.store.List(r.Context(), store.Query{Key: &listed.Key})
		if err != nil {
			r.Fatal(err)
		}
		if err := r.i.freeBlob(r.Context(), &page.Records[0], &s); err != nil || s.Blobs != 1 || r.has(keys["orphan"]) {
			r.Errorf("%+v, %v", s, err)
		}
		if err := r.i.freeBlob(r.Context(), &page.Records[0], &s); err != nil || s.Blobs != 1 {
			r.Errorf("one that is gone: %+v, %v", s, err)
		}
	})
}

func keyPtr(r *rig, digits string) *store.Key {
	k, err := store.ParseKey(digits)
	if err != nil {
		r.Fatal(err)
	}
	return &k
}
