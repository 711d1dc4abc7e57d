package inspect

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/store"
)

func TestCompare(t *testing.T) {
	onBoth(t, func(r *rig) {
		a := r.put(spec{fn: "f", key: "a", value: "1", parts: []canon.Part{
			part("version", "v1"), part("input.Limit", "10"), part("input.Same", "x"), secretPart("input.Token", "s1"), part("input.Gone", "old"),
		}})
		b := r.put(spec{fn: "f", key: "b", value: "1", parts: []canon.Part{
			part("version", "v2"), part("input.Limit", "20"), part("input.Same", "x"), secretPart("input.Token", "s2"), part("input.New\xff\x1b", "n\x1b[31m"),
		}})
		got, err := r.i.Compare(r.Context(), a, b[:20])
		want := []Difference{
			{Part: "input.Gone", Old: "old", Absent: "new"},
			{Part: "input.Limit", Old: "10", New: "20"},
			{Part: "input.New\uFFFD\x1b", New: "n\uFFFD[31m", Absent: "old"},
			{Part: "input.Token", Private: true},
			{Part: "version", Old: "v1", New: "v2"},
		}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			r.Error(d, err)
		}
		if same, err := r.i.Compare(r.Context(), a, a); err != nil || len(same) != 0 {
			r.Errorf("%+v, %v", same, err)
		}
		c := r.put(spec{kind: store.KindEntry, coll: "x", fn: "s", entry: "k", key: "c", value: "1"})
		d := r.put(spec{kind: store.KindEntry, coll: "x", fn: "s", entry: "l", key: "d", value: "1"})
		if got, err = r.i.Compare(r.Context(), c, d); err != nil || len(got) != 1 || got[0] != (Difference{Part: "entry", Old: "k", New: "l"}) {
			r.Errorf("%+v, %v", got, err)
		}
		if got, err = r.i.Compare(r.Context(), a, c); err != nil || len(got) != 4+5 || got[0].Part != "kind" {
			r.Errorf("%+v, %v", got, err)
		}
		for _, refs := range [][2]string{{a, "0000"}, {"0000", a}, {"x", a}} {
			if _, err := r.i.Compare(r.Context(), refs[0], refs[1]); err == nil {
				r.Errorf("%q: no error", refs)
			}
		}
	})
}

func TestNearest(t *testing.T) {
	onBoth(t, func(r *rig) {
		put := func(n, m int) string {
			return r.put(spec{fn: "f", key: fmt.Sprint("k", n, m), value: "1", parts: []canon.Part{part("input.N", fmt.Sprint(n)), part("input.M", fmt.Sprint(m))}})
		}
		r.put(spec{fn: "other", value: "1", key: "o", parts: []canon.Part{part("input.N", "1"), part("input.M", "1")}})
		near := put(1, 2)
		r.clock.add(time.Second)
		for n := range 50 {
			put(5+n, 5+n)
		}
		r.clock.add(time.Second)
		one := put(1, 1)
		bad := r.record(spec{fn: "f", key: "bad", value: "1"})
		bad.Manifest = []byte{1, 2, 3}
		if _, err := r.store.Put(r.Context(), bad, store.PutPublish); err != nil {
			r.Fatal(err)
		}
		got, err := r.i.Nearest(r.Context(), one)
		if err != nil || got.Entry.Key != near || len(got.Differences) != 1 || got.Differences[0] != (Difference{Part: "input.M", Old: "2", New: "1"}) {
			r.Fatalf("%+v, %v", got, err)
		}
		if got.Entry.State != Live || got.Entry.Age != Seconds(2*time.Second) {
			r.Errorf("%+v", got.Entry)
		}
		newer := put(1, 3)
		if got, err = r.i.Nearest(r.Context(), one); err != nil || got.Entry.Key != newer {
			r.Errorf("of equals the newest: %+v, %v", got, err)
		}
		if _, err := r.store.Bump(r.Context(), store.FunctionLabel(0, "execution_store", "f")); err != nil {
			r.Fatal(err)
		}
		if got, err = r.i.Nearest(r.Context(), one); err != nil || got.Entry.State != Hidden {
			r.Errorf("%+v, %v", got, err)
		}
		alone := r.put(spec{fn: "alone", value: "1"})
		for _, ref := range []string{alone, "abcdef"} {
			if _, err := r.i.Nearest(r.Context(), ref); !errors.Is(err, ErrNotFound) {
				r.Errorf("%v", err)
			}
		}
	})
}
