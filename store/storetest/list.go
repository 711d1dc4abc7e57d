package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/reprise-go/reprise/store"
)

func listTopic() topic {
	return topic{"list", []check{
		{"each field of a query narrows it", checkQueryFields},
		{"an empty string is a value", checkQueryEmptyStrings},
		{"live entries only unless all are asked for", checkListLive},
		{"values stay behind and manifests where not asked for", checkListContents},
		{"orders", checkOrders},
	}}
}

// ptr returns a pointer to v, as fields of a query want it.
func ptr[T any](v T) *T { return &v }

// names are the values of the records that q lists, which name them, sorted.
func (e *env) names(q store.Query) []string {
	e.Helper()
	var names []string
	for _, r := range e.list(q).Records {
		names = append(names, e.nameOf(r.Key))
	}
	slices.Sort(names)
	return names
}

// nameOf is the name from which the check made a key.
func (e *env) nameOf(k store.Key) string {
	e.Helper()
	for _, name := range strings.Fields("a b c d e f g h") {
		if keyOf(name) == k {
			return name
		}
	}
	e.Errorf("key %s is none of ours", k)
	return "?"
}

// varied puts entries a to d that differ in every label.
func (e *env) varied() {
	for i, name := range []string{"a", "b", "c", "d"} {
		e.publish(with(rec(name), func(r *store.Record) {
			r.Labels = store.Labels{
				Kind:       store.Kind(i % 2),
				Collection: fmt.Sprint("collection", i/2),
				Function:   fmt.Sprint("function", i%3),
				Dataset:    fmt.Sprint("dataset", i/3),
				Version:    fmt.Sprint("version", i),
				Tags:       []string{"all", fmt.Sprint("tag", i)},
			}
			if r.Labels.Kind == store.KindEntry {
				r.Labels.Entry = "entry " + name
			}
			r.Policy = store.Policy(i / 2)
		}))
	}
}

func checkQueryFields(e *env) {
	e.varied()
	for _, c := range []struct {
		what string
		q    store.Query
		want string
	}{
		{"nothing", store.Query{}, "a b c d"},
		{"key", store.Query{Key: ptr(keyOf("b"))}, "b"},
		{"absent key", store.Query{Key: ptr(keyOf("z"))}, ""},
		{"kind", store.Query{Kind: ptr(store.KindFunction)}, "a c"},
		{"other kind", store.Query{Kind: ptr(store.KindEntry)}, "b d"},
		{"collection", store.Query{Collection: ptr("collection1")}, "c d"},
		{"function", store.Query{Function: ptr("function0")}, "a d"},
		{"dataset", store.Query{Dataset: ptr("dataset0")}, "a b c"},
		{"version", store.Query{Version: ptr("version2")}, "c"},
		{"tag", store.Query{Tag: ptr("tag3")}, "d"},
		{"common tag", store.Query{Tag: ptr("all")}, "a b c d"},
		{"absent tag", store.Query{Tag: ptr("tag")}, ""},
		{"policy", store.Query{Policy: ptr(store.Persist)}, "c d"},
		{"entry prefix", store.Query{EntryPrefix: "entry "}, "b d"},
		{"longer prefix", store.Query{EntryPrefix: "entry d"}, "d"},
		{"two fields", store.Query{Kind: ptr(store.KindEntry), Collection: ptr("collection0")}, "b"},
		{"three fields", store.Query{Tag: ptr("all"), Function: ptr("function0"), Policy: ptr(store.Persist)}, "d"},
		{"fields that exclude each other", store.Query{Key: ptr(keyOf("a")), Tag: ptr("tag1")}, ""},
	} {
		if got := strings.Join(e.names(c.q), " "); got != c.want {
			e.Errorf("List by %s = %q, want %q", c.what, got, c.want)
		}
		if n := e.count(c.q).Entries; n != len(strings.Fields(c.want)) {
			e.Errorf("Count by %s = %d, want %d", c.what, n, len(strings.Fields(c.want)))
		}
	}
	e.checkCreatedBefore()
}

func (e *env) checkCreatedBefore() {
	e.Helper()
	old := e.get(keyOf("d")).Record.Created
	e.pass(old)
	e.pass(e.now())
	young := e.publish(rec("e")).Created
	if got := strings.Join(e.names(store.Query{CreatedBefore: young}), " "); got != "a b c d" {
		e.Errorf("List created before e = %q, want all but e", got)
	}
}

func checkQueryEmptyStrings(e *env) {
	e.publish(&store.Record{Key: keyOf("a")})
	e.publish(with(full("b"), func(r *store.Record) { r.TTL = 0 }))
	for what, q := range map[string]store.Query{
		"collection": {Collection: ptr("")}, "function": {Function: ptr("")},
		"dataset": {Dataset: ptr("")}, "version": {Version: ptr("")},
	} {
		if got := e.names(q); !slices.Equal(got, []string{"a"}) {
			e.Errorf("List by empty %s = %q, want the entry without", what, got)
		}
	}
}

func checkListLive(e *env) {
	stamp := e.publish(e.lasting("a", 1, 1000))
	e.publish(with(rec("b"), func(r *store.Record) { r.Labels.Tags = []string{"t"} }))
	e.publish(rec("c"))
	e.bump(store.TagLabel("t"))
	e.pass(stamp.Expires)
	if got := e.names(store.Query{}); !slices.Equal(got, []string{"c"}) {
		e.Errorf("List = %q, want only the live entry c", got)
	}
	if got := e.names(store.Query{All: true}); !slices.Equal(got, []string{"a", "b", "c"}) {
		e.Errorf("List with All = %q, want also a, expired, and b, hidden", got)
	}
}

func checkListContents(e *env) {
	r := full("a")
	want := asRead(r, e.publish(r))
	want.Begun, want.Value = r.Begun, nil
	for _, manifests := range []bool{false, true} {
		want.Manifest = nil
		if manifests {
			want.Manifest = r.Manifest
		}
		got := e.list(store.Query{Manifests: manifests}).Records
		if len(got) != 1 {
			e.Fatalf("List = %d records, want 1", len(got))
		}
		if d := diff(want, got[0]); d != "" {
			e.Errorf("listed with manifests %t (-want +got):\n%s", manifests, d)
		}
	}
}

func checkOrders(e *env) {
	for _, name := range []string{"a", "b", "c", "d"} {
		at := e.publish(with(rec(name), func(r *store.Record) {
			r.Labels.Kind = store.KindEntry
			r.Labels.Entry = map[string]string{"a": "B", "b": "\xff", "c": "a", "d": "B"}[name]
		})).Created
		e.pass(at)
	}
	lists := map[store.Order]func(a, b store.Record) int{
		store.ByKey:       func(a, b store.Record) int { return bytes.Compare(a.Key[:], b.Key[:]) },
		store.NewestFirst: func(a, b store.Record) int { return b.Created.Compare(a.Created) },
		store.ByEntry: func(a, b store.Record) int {
			if c := strings.Compare(a.Labels.Entry, b.Labels.Entry); c != 0 {
				return c
			}
			return bytes.Compare(a.Key[:], b.Key[:])
		},
	}
	for order, compare := range lists {
		got := e.list(store.Query{Order: order}).Records
		if len(got) != 4 || !slices.IsSortedFunc(got, compare) {
			e.Errorf("order %d: %d records, sorted %t", order, len(got), slices.IsSortedFunc(got, compare))
		}
	}
}
