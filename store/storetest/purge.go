package storetest

import (
	"errors"

	"github.com/reprise-go/reprise/store"
)

func purgeTopic() topic {
	return topic{"purge", []check{
		{"frees what matches and spares the rest", checkPurge},
		{"counts live entries and frees dead ones too", checkPurgeDead},
		{"refuses to match everything", checkPurgeEmpty},
		{"is no clear", checkPurgeIsNoClear},
		{"pays no heed to paging", checkPurgePaging},
	}}
}

func checkPurge(e *env) {
	e.varied()
	bytes := e.count(store.Query{}).Bytes
	if n := e.purge(store.Query{Collection: ptr("collection0")}); n != 2 {
		e.Errorf("Purge = %d, want 2", n)
	}
	e.wantHidden("a", "b")
	e.wantVisible("c", "d")
	if got := e.count(store.Query{All: true}); got.Entries != 2 || got.Bytes >= bytes {
		e.Errorf("left %+v of 4 entries and %d bytes", got, bytes)
	}
	if n := e.purge(store.Query{Version: ptr("no such version")}); n != 0 {
		e.Errorf("a Purge that matches nothing = %d", n)
	}
}

func checkPurgeDead(e *env) {
	stamp := e.publish(e.lasting("a", 1, 1000))
	e.publish(with(rec("b"), func(r *store.Record) { r.Labels.Tags = []string{"t"} }))
	e.publish(rec("c"))
	e.bump(store.TagLabel("t"))
	e.pass(stamp.Expires)
	if n := e.purge(store.Query{Function: ptr("f")}); n != 1 {
		e.Errorf("Purge = %d, want the one that was live", n)
	}
	if got := e.count(store.Query{All: true}); got != (store.Totals{}) {
		e.Errorf("left %+v, want nothing", got)
	}
}

func checkPurgeEmpty(e *env) {
	e.publish(rec("a"))
	for _, q := range []store.Query{{}, {All: true}, {Limit: 10}, {Manifests: true, Order: store.ByEntry}} {
		if _, err := e.s.Purge(e.ctx, q); !errors.Is(err, store.ErrBadQuery) {
			e.Errorf("Purge(%+v) = %v, want ErrBadQuery", q, err)
		}
	}
	e.wantVisible("a")
}

func checkPurgeIsNoClear(e *env) {
	r := rec("a")
	e.publish(r)
	e.purge(store.Query{Key: &r.Key})
	e.wantHidden("a")
	e.put(r, store.PutPublish) // it began before the purge
	e.wantVisible("a")
}

func checkPurgePaging(e *env) {
	e.numbered("n", 9)
	if n := e.purge(store.Query{Function: ptr("f"), Limit: 2}); n != 9 {
		e.Errorf("Purge with a limit = %d, want all 9", n)
	}
}
