package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/store"
)

// stock fills a store with entries of everything that a selection can name and
// returns their keys by what they are.
func stock(r *rig) map[string]string {
	keys := map[string]string{}
	add := func(name string, s spec) {
		s.value, s.cost = name, time.Second
		keys[name] = r.put(s)
	}
	add("f old v1", spec{fn: "f", version: "v1"})
	add("f old v2", spec{fn: "f", version: "v2", tags: []string{"t"}})
	add("g old v1", spec{fn: "g", version: "v1", dataset: "d"})
	add("kept", spec{kind: store.KindEntry, fn: "f", entry: "a", policy: store.Persist})
	add("blob", spec{kind: store.KindEntry, coll: Commands, fn: Blobs, entry: "b1"})
	add("own", spec{kind: store.KindEntry, coll: "reprise", fn: "ledger", entry: "e", policy: store.Persist})
	r.clock.add(time.Hour)
	add("f new v1 d", spec{fn: "f", version: "v1", dataset: "d"})
	add("g new d t", spec{fn: "g", dataset: "d", tags: []string{"t", "u"}})
	add("command", spec{coll: Commands, fn: "make", version: "v1"})
	return keys
}

func TestClear(t *testing.T) {
	cases := map[string]struct {
		s    Selection
		want []string
	}{
		"function":           {Selection{Filter: Filter{Function: "f"}}, []string{"f new v1 d", "f old v1", "f old v2", "kept"}},
		"function, kind":     {Selection{Filter: Filter{Function: "f", Kind: FunctionKind}}, []string{"f new v1 d", "f old v1", "f old v2"}},
		"execution store":    {Selection{Filter: Filter{Function: "f", Kind: EntryKind, Collection: "execution_store"}}, []string{"kept"}},
		"collection":         {Selection{Filter: Filter{Collection: "execution_store"}}, []string{"f new v1 d", "f old v1", "f old v2", "g new d t", "g old v1", "kept"}},
		"function's dataset": {Selection{Filter: Filter{Function: "f", Dataset: "d"}}, []string{"f new v1 d"}},
		"dataset":            {Selection{Filter: Filter{Dataset: "d"}}, []string{"f new v1 d", "g new d t", "g old v1"}},
		"tag":                {Selection{Filter: Filter{Tag: "t"}}, []string{"f old v2", "g new d t"}},
		"version":            {Selection{Filter: Filter{Version: "v1"}}, []string{"command", "f new v1 d", "f old v1", "g old v1"}},
		"function, version":  {Selection{Filter: Filter{Function: "f", Version: "v1"}}, []string{"f new v1 d", "f old v1"}},
		"tag of a dataset":   {Selection{Filter: Filter{Tag: "t", Dataset: "d"}}, []string{"g new d t"}},
		"old":                {Selection{OlderThan: time.Minute}, []string{"f old v1", "f old v2", "g old v1", "kept"}},
		"old of a function":  {Selection{OlderThan: time.Minute, Filter: Filter{Function: "f", Kind: FunctionKind}}, []string{"f old v1", "f old v2"}},
		"old of commands":    {Selection{OlderThan: time.Nanosecond, Filter: Filter{Collection: Commands}}, nil},
		"blobs":              {Selection{Filter: Filter{Collection: Commands, Function: Blobs}}, []string{"blob"}},
		"old blobs":          {Selection{OlderThan: time.Minute, Filter: Filter{Collection: Commands, Function: Blobs}}, []string{"blob"}},
		"commands":           {Selection{Filter: Filter{Collection: Commands, Kind: FunctionKind}}, []string{"command"}},
		"everything":         {Selection{Everything: true}, []string{"blob", "command", "f new v1 d", "f old v1", "f old v2", "g new d t", "g old v1"}},
		"nothing there":      {Selection{Filter: Filter{Function: "x"}}, nil},
		"no such version":    {Selection{Filter: Filter{Version: "x"}}, nil},
		"key":                {Selection{Key: "g old v1"}, []string{"g old v1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(r *rig) {
				keys, s := stock(r), c.s
				if s.Key != "" {
					s.Key = keys[s.Key][:12]
				}
				bytes := map[string]int64{}
				for name, key := range keys {
					if slices.Contains(c.want, name) {
						bytes[name] = of2(r)(r.i.Entry(r.Context(), key)).Size
					}
				}
				before, err := r.i.Preview(r.Context(), s)
				if err != nil {
					r.Fatal(err)
				}
				if gone := missing(r, keys); len(gone) > 0 {
					r.Fatalf("the preview cleared %q", gone)
				}
				did, err := r.i.Clear(r.Context(), s)
				if err != nil {
					r.Fatal(err)
				}
				var sum int64
				for _, n := range bytes {
					sum += n
				}
				want := Counts{Entries: len(c.want), Bytes: sum, Cost: Seconds(time.Duration(len(c.want)) * time.Second)}
				if did != want || before != want {
					r.Errorf("preview %+v, clear %+v, want %+v", before, did, want)
				}
				if d := cmp.Diff(c.want, missing(r, keys)); d != "" {
					r.Error(d)
				}
				if info := r.info(); info.Entries != len(keys)-len(c.want) {
					r.Errorf("%d entries take up room, of %d that are left", info.Entries, len(keys)-len(c.want))
				}
			})
		})
	}
}

// missing are the entries that are not live any more.
func missing(r *rig, keys map[string]string) (gone []string) {
	for name, key := range keys {
		if !r.has(key) {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	return gone
}

// What began before a clear of a whole cannot undo it, whether it had an entry
// or not; nor can what began before a clear of a key.
func TestClearBeatsWorkUnderWay(t *testing.T) {
	for name, s := range map[string]Selection{
		"function": {Filter: Filter{Function: "f"}}, "dataset": {Filter: Filter{Dataset: "d"}}, "tag": {Filter: Filter{Tag: "t"}},
		"everything": {Everything: true}, "function's dataset": {Filter: Filter{Function: "f", Dataset: "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(r *rig) {
				late := r.record(spec{fn: "f", dataset: "d", tags: []string{"t"}, value: "1"})
				if _, err := r.i.Clear(r.Context(), s); err != nil {
					r.Fatal(err)
				}
				if _, err := r.store.Put(r.Context(), late, store.PutPublish); err != nil && !errors.Is(err, store.ErrSuperseded) {
					r.Fatal(err)
				}
				if r.has(late.Key.String()) {
					r.Error("an old result shows")
				}
			})
		})
	}
	onBoth(t, func(r *rig) {
		key := r.put(spec{fn: "f", version: "v", value: "1"})
		late := r.record(spec{fn: "f", version: "v", value: "1"})
		if c, err := r.i.Clear(r.Context(), Selection{Filter: Filter{Version: "v"}}); err != nil || c.Entries != 1 {
			r.Fatal(c, err)
		}
		if _, err := r.store.Put(r.Context(), late, store.PutPublish); !errors.Is(err, store.ErrSuperseded) || r.has(key) {
			r.Errorf("late put: %v", err)
		}
	})
}

func TestClearRefuses(t *testing.T) {
	r := inMemory(t)
	key := r.put(spec{fn: "f", value: "1"})
	for name, s := range map[string]Selection{
		"nothing": {}, "key and function": {Key: key, Filter: Filter{Function: "f"}}, "everything and a tag": {Everything: true, Filter: Filter{Tag: "t"}},
		"key and everything": {Key: key, Everything: true}, "negative age": {OlderThan: -1}, "key and age": {Key: key, OlderThan: 1},
	} {
		for op, do := range map[string]func(Selection) (Counts, error){
			"preview": func(s Selection) (Counts, error) { return r.i.Preview(t.Context(), s) },
			"clear":   func(s Selection) (Counts, error) { return r.i.Clear(t.Context(), s) },
		} {
			if c, err := do(s); !errors.Is(err, ErrSelection) || c != (Counts{}) || !strings.HasPrefix(err.Error(), "inspect: "+op) {
				t.Errorf("%s of %s: %+v, %v", op, name, c, err)
			}
		}
	}
	if _, err := r.i.Clear(t.Context(), Selection{Key: "abcdef"}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := r.i.Clear(t.Context(), Selection{Filter: Filter{Kind: "x"}}); err == nil {
		t.Error("a kind that there is none of")
	}
	if !r.has(key) {
		t.Error("something was cleared")
	}
}

// A store that fails in the middle leaves counts of what was done.
func TestClearTellsHowFarItCame(t *testing.T) {
	r := inMemory(t)
	for n := range 20 {
		r.put(spec{fn: "f", version: "v", value: fmt.Sprint(n)})
	}
	broken, left := errors.New("broken"), 7
	r.store = &altered{Store: r.store, clear: func(ctx context.Context, key store.Key) (store.Bumped, error) {
		if left--; left < 0 {
			return store.Bumped{}, broken
		}
		return r.store.(*altered).Store.Clear(ctx, key)
	}}
	r = r.with(nil)
	c, err := r.i.Clear(t.Context(), Selection{Filter: Filter{Version: "v"}})
	if !errors.Is(err, broken) || c.Entries != 7 {
		t.Errorf("%+v, %v", c, err)
	}
}
