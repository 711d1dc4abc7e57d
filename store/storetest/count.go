package storetest

import (
	"time"

	"github.com/reprise-go/reprise/store"
)

func countTopic() topic {
	return topic{"count", []check{
		{"sums entries, bytes and cost", checkCountSums},
		{"pays no heed to paging", checkCountPaging},
		{"counts live entries only unless all are asked for", checkCountLive},
	}}
}

func checkCountSums(e *env) {
	if got := e.count(store.Query{}); got != (store.Totals{}) {
		e.Errorf("Count of an empty store = %+v", got)
	}
	for i, name := range []string{"a", "b", "c"} {
		e.publish(with(rec(name), func(r *store.Record) {
			r.Value = make([]byte, 100*(i+1))
			r.Cost = time.Duration(i+1) * time.Second
			r.Labels.Function = map[bool]string{true: "odd", false: "even"}[i%2 == 1]
		}))
	}
	if got, want := e.count(store.Query{}), (store.Totals{Entries: 3, Bytes: 600, Cost: 6 * time.Second}); got != want {
		e.Errorf("Count = %+v, want %+v", got, want)
	}
	got, want := e.count(store.Query{Function: ptr("even")}), store.Totals{Entries: 2, Bytes: 400, Cost: 4 * time.Second}
	if got != want {
		e.Errorf("Count of one function = %+v, want %+v", got, want)
	}
}

func checkCountPaging(e *env) {
	e.numbered("n", 9)
	next := e.list(store.Query{Limit: 2}).Next
	for _, q := range []store.Query{{Limit: 2}, {Limit: 2, Cursor: next}, {Order: store.NewestFirst, Limit: 1}} {
		if n := e.count(q).Entries; n != 9 {
			e.Errorf("Count(%+v) = %d, want 9", q, n)
		}
	}
}

func checkCountLive(e *env) {
	stamp := e.publish(e.lasting("a", 1, 1000))
	e.publish(with(rec("b"), func(r *store.Record) { r.Labels.Tags = []string{"t"} }))
	e.publish(rec("c"))
	e.bump(store.TagLabel("t"))
	e.pass(stamp.Expires)
	if live, all := e.count(store.Query{}).Entries, e.count(store.Query{All: true}).Entries; live != 1 || all != 3 {
		e.Errorf("%d live entries and %d in all, want 1 and 3", live, all)
	}
}
