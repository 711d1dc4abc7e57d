package storetest

import (
	"errors"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reprise-go/reprise/store"
)

func clearTopic() topic {
	return topic{"key clears", []check{
		{"a clear hides one entry", checkClearHides},
		{"a clear refuses work that began before", checkClearRefuses},
		{"a clear accepts work that began after", checkClearAccepts},
		{"a clear of nothing still counts", checkClearNothing},
		{"a clear takes persistent entries", checkClearPersist},
		{"a clear counts live entries only", checkClearCount},
		{"a clear is told with its labels", checkClearTold},
		{"a clear outlives sweep and purge", checkClearOutlives},
	}}
}

// wantSuperseded puts r and fails the check unless it is refused.
func (e *env) wantSuperseded(r *store.Record, mode store.PutMode) {
	e.Helper()
	if _, err := e.s.Put(e.ctx, r, mode); !errors.Is(err, store.ErrSuperseded) {
		e.Errorf("Put of an execution that began at %d = %v, want ErrSuperseded", r.Begun, err)
	}
}

func checkClearHides(e *env) {
	e.publish(rec("a"))
	e.publish(rec("b"))
	before := e.seq()
	b := e.clear(keyOf("a"))
	if b.Seq <= before || e.seq() != b.Seq || b.Entries != 1 {
		e.Errorf("Clear = %+v after %d; Info.Seq = %d", b, before, e.seq())
	}
	if l := e.get(keyOf("a")); l.Found || l.Damaged {
		e.Errorf("after Clear found %t, damaged %t", l.Found, l.Damaged)
	}
	e.wantVisible("b")
	if n := e.count(store.Query{}).Entries; n != 1 {
		e.Errorf("Count = %d, want 1", n)
	}
}

func checkClearRefuses(e *env) {
	r := rec("a")
	r.Begun = e.seq()
	e.put(r, store.PutPublish)
	e.clear(r.Key)
	e.wantSuperseded(r, store.PutPublish)
	e.wantSuperseded(r, store.PutRefresh)
	e.wantHidden("a")
}

func checkClearAccepts(e *env) {
	e.publish(rec("a"))
	e.clear(keyOf("a"))
	e.publish(rec("a"))
	e.wantVisible("a")
}

func checkClearNothing(e *env) {
	r := rec("a")
	r.Begun = e.seq()
	b := e.clear(r.Key)
	if b.Entries != 0 || b.Seq <= r.Begun {
		e.Errorf("Clear of an absent key = %+v, the sequence was %d", b, r.Begun)
	}
	e.wantSuperseded(r, store.PutPublish)
}

func checkClearPersist(e *env) {
	e.publish(with(rec("a"), func(r *store.Record) { r.Policy = store.Persist }))
	e.clear(keyOf("a"))
	e.wantHidden("a")
}

func checkClearCount(e *env) {
	stamp := e.publish(e.lasting("expired", 1, 1000))
	e.publish(rec("hidden"))
	e.bump(store.All())
	e.pass(stamp.Expires)
	for _, name := range []string{"expired", "hidden", "hidden"} {
		if b := e.clear(keyOf(name)); b.Entries != 0 {
			e.Errorf("Clear of the %s entry says %d, want 0", name, b.Entries)
		}
	}
}

// wantKeyChange fails the check unless Changes since tells exactly one change
// of r's key, as given.
func (e *env) wantKeyChange(since uint64, want store.KeyChange) {
	e.Helper()
	var last *store.KeyChange
	c := e.changes(since)
	for i := range c.Keys {
		if k := &c.Keys[i]; k.Key != want.Key {
			e.Errorf("Changes(%d) tells of another key: %+v", since, *k)
		} else if last == nil || k.Seq > last.Seq {
			last = k
		}
	}
	if last == nil || c.Flush {
		e.Errorf("Changes(%d) = %+v, want a change of key %s", since, c, want.Key.Short())
		return
	}
	if d := cmp.Diff(want, *last, cmpopts.EquateEmpty()); d != "" {
		e.Errorf("Changes(%d) (-want +got):\n%s", since, d)
	}
}

func checkClearTold(e *env) {
	r := full("a")
	e.publish(r)
	since := e.seq()
	b := e.clear(r.Key)
	e.wantKeyChange(since, store.KeyChange{Key: r.Key, Seq: b.Seq, Labels: r.Labels, Gone: true})
	never := keyOf("never")
	since = e.seq()
	b = e.clear(never)
	e.wantKeyChange(since, store.KeyChange{Key: never, Seq: b.Seq, Gone: true})
}

func checkClearOutlives(e *env) {
	r := rec("a")
	r.Begun = e.seq()
	e.publish(rec("a"))
	e.clear(r.Key)
	e.sweep()
	e.wantSuperseded(r, store.PutPublish)
	e.purge(store.Query{Key: &r.Key})
	e.purge(store.Query{Function: &r.Labels.Function})
	e.sweep()
	e.wantSuperseded(r, store.PutPublish)
	e.wantHidden("a")
}
