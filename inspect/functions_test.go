package inspect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reprise-go/reprise/store"
)

// Counting by function gives what visiting every entry gives, whatever there is
// and whoever is asked for.
func TestFunctionsAreCountedAsVisited(t *testing.T) {
	onBoth(t, func(r *rig) {
		random := rand.New(rand.NewPCG(1, 2))
		for n := range 1500 {
			s := spec{fn: fmt.Sprint("f", random.IntN(12)*random.IntN(3)), version: fmt.Sprint("v", random.IntN(4)), value: fmt.Sprint(n), cost: time.Duration(n)}
			switch {
			case n%300 == 0:
				s = spec{fn: fmt.Sprint("rare", n), value: "1"}
			case n%50 == 1:
				s.kind, s.entry = store.KindEntry, fmt.Sprint(n)
			case n%50 == 2:
				s.coll, s.fn = "reprise", "ledger" // of no concern
			case n%7 == 3:
				s.dataset, s.tags = "d", []string{"t", fmt.Sprint("u", n%2)}
			case n%11 == 4:
				s.ttl = time.Minute
			}
			r.put(s)
		}
		r.clock.add(time.Hour)
		if _, err := r.store.Bump(r.Context(), store.FunctionLabel(0, "execution_store", "f3")); err != nil {
			r.Fatal(err)
		}
		for _, f := range []Filter{
			{}, {Function: "f2"}, {Kind: EntryKind}, {Kind: FunctionKind}, {Version: "v1"}, {Dataset: "d"}, {Tag: "t"}, {Collection: "execution_store"}, {Function: "rare300"}, {Function: "none"},
		} {
			r.i.whole = 1 << 30
			visited, err := r.i.Functions(r.Context(), f)
			if err != nil {
				r.Fatal(err)
			}
			r.i.whole = 10
			counted, err := r.i.Functions(r.Context(), f)
			if err != nil {
				r.Fatal(err)
			}
			ages := cmpopts.IgnoreFields(Function{}, "Oldest", "Newest")
			if d := cmp.Diff(visited, counted, ages); d != "" {
				r.Errorf("%+v: %s", f, d)
			}
			if f == (Filter{}) && len(visited) < 15 || f.Function == "none" && len(visited) > 0 {
				r.Errorf("%+v: %d functions", f, len(visited))
			}
			if f.Function == "f2" && !visited[0].Newest.Equal(counted[0].Newest) {
				r.Errorf("newest %v and %v", visited[0].Newest, counted[0].Newest)
			}
		}
	})
}

func TestUsageAddsUp(t *testing.T) {
	onBoth(t, func(r *rig) {
		r.put(spec{fn: "f", version: "a", value: "12345678", ttl: time.Minute})
		r.put(spec{fn: "f", version: "a", value: "1"})
		r.put(spec{fn: "f", version: "b", value: "2"})
		r.put(spec{coll: "other", fn: "f", value: "3"})
		r.put(spec{fn: "h", value: "4"})
		r.put(spec{kind: store.KindEntry, coll: "reprise", fn: "ledger", entry: "x", value: "{}"})
		r.clock.add(time.Hour)
		if _, err := r.store.Bump(r.Context(), store.FunctionLabel(0, "execution_store", "h")); err != nil {
			r.Fatal(err)
		}
		u, err := r.i.Usage(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		info := r.info()
		if u.Entries != 6 || u.Bytes != info.Bytes || u.Live.Entries != 3 || u.Dead.Entries != 2 || u.Reserved.Entries != 1 {
			r.Errorf("%+v", u)
		}
		if u.Live.Bytes+u.Dead.Bytes+u.Reserved.Bytes != u.Bytes {
			r.Errorf("%d + %d + %d bytes, of %d", u.Live.Bytes, u.Dead.Bytes, u.Reserved.Bytes, u.Bytes)
		}
		var sum int64
		for _, c := range u.Collected {
			sum += c.Bytes
		}
		if sum != u.Live.Bytes || len(u.Functions) != 2 || len(u.Functions[0].Versions) != 2 || u.Functions[0].Collection != "execution_store" {
			r.Errorf("collections have %d bytes of %d; functions %+v", sum, u.Live.Bytes, u.Functions)
		}
	})
}

func TestGroups(t *testing.T) {
	onBoth(t, func(r *rig) {
		r.put(spec{fn: "f", dataset: "d1", tags: []string{"a", "b"}, value: "1", cost: time.Second})
		r.put(spec{fn: "f", dataset: "d2", tags: []string{"b"}, value: "22222", cost: time.Second})
		r.put(spec{fn: "g", value: "3"})
		tags, err := r.i.Tags(r.Context(), Filter{})
		if err != nil {
			r.Fatal(err)
		}
		sizes := []int{}
		for _, g := range tags {
			sizes = append(sizes, g.Entries)
		}
		if len(tags) != 2 || tags[0].Name != "b" || !slices.Equal(sizes, []int{2, 1}) || tags[0].Cost != Seconds(2*time.Second) {
			r.Errorf("tags %+v", tags)
		}
		sets, err := r.i.Datasets(r.Context(), Filter{Tag: "b"})
		if err != nil || len(sets) != 2 || sets[0].Name != "d2" {
			r.Errorf("datasets %+v, %v", sets, err)
		}
		if none, err := r.i.Datasets(r.Context(), Filter{Function: "g"}); err != nil || none == nil || len(none) != 0 {
			r.Errorf("%+v, %v", none, err)
		}
		if _, err := r.i.Tags(r.Context(), Filter{Kind: "?"}); err == nil {
			r.Error("no such kind")
		}
	})
}
