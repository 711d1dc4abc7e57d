package storetest

import (
	"bytes"

	"github.com/reprise-go/reprise/store"
)

func putModesTopic() topic {
	return topic{"put modes", []check{
		{"a publish is not told", checkPublishNotTold},
		{"a publish older than the record is refused", checkOlderRefused},
		{"a publish as old as the record replaces it", checkEquallyOld},
		{"a refresh is told and keeps its beginning", checkRefresh},
		{"a set takes a number and begins then", checkSet},
		{"a set supersedes executions under way", checkSetSupersedes},
		{"a set is told", checkSetTold},
		{"a set beats an earlier clear and bump", checkSetAfterClear},
	}}
}

func checkPublishNotTold(e *env) {
	since := e.bump(store.TagLabel("t")).Seq
	stamp := e.publish(rec("a"))
	if c := e.changes(since); len(c.Keys) != 0 || stamp.Seq != since {
		e.Errorf("a plain publish moved the sequence from %d to %d and tells %+v", since, stamp.Seq, c.Keys)
	}
}

func checkOlderRefused(e *env) {
	old := with(rec("a"), func(r *store.Record) { r.Value = []byte("old") })
	old.Begun = e.seq()
	e.bump(store.TagLabel("t"))
	e.publish(rec("a"))
	e.wantSuperseded(old, store.PutPublish)
	e.wantSuperseded(old, store.PutRefresh)
	if v := e.get(old.Key).Record.Value; !bytes.Equal(v, rec("a").Value) {
		e.Errorf("the refused Put left %q", v)
	}
}

func checkEquallyOld(e *env) {
	r := rec("a")
	e.publish(r)
	r.Value = []byte("again")
	e.put(r, store.PutPublish)
	if v := e.get(r.Key).Record.Value; string(v) != "again" {
		e.Errorf("value %q, want the later of two that began alike", v)
	}
}

func checkRefresh(e *env) {
	r := full("a")
	e.publish(r)
	r.Begun = e.bump(store.TagLabel("elsewhere")).Seq
	since := e.seq()
	stamp := e.put(r, store.PutRefresh)
	if stamp.Seq <= since || stamp.Seq != e.seq() {
		e.Errorf("Stamp.Seq = %d after %d, Info.Seq = %d", stamp.Seq, since, e.seq())
	}
	if got := e.get(r.Key).Record.Begun; got != r.Begun {
		e.Errorf("Begun = %d, want %d: a refresh began when its execution did", got, r.Begun)
	}
	e.wantKeyChange(since, store.KeyChange{Key: r.Key, Seq: stamp.Seq, Labels: r.Labels})
}

func checkSet(e *env) {
	for _, begun := range []uint64{0, e.seq(), e.seq() + 1000} {
		before := e.seq()
		r := with(rec("a"), func(r *store.Record) { r.Begun = begun })
		stamp := e.put(r, store.PutSet)
		if stamp.Seq <= before || stamp.Seq != e.seq() {
			e.Errorf("Stamp.Seq = %d after %d, Info.Seq = %d", stamp.Seq, before, e.seq())
		}
		if got := e.get(r.Key).Record.Begun; got != stamp.Seq {
			e.Errorf("Begun = %d, want the number that the set took, %d", got, stamp.Seq)
		}
	}
}

func checkSetSupersedes(e *env) {
	underWay := rec("a")
	underWay.Begun = e.seq()
	set := with(rec("a"), func(r *store.Record) { r.Value = []byte("set") })
	e.put(set, store.PutSet)
	e.wantSuperseded(underWay, store.PutPublish)
	if v := e.get(set.Key).Record.Value; string(v) != "set" {
		e.Errorf("value %q, want the one that was set", v)
	}
}

func checkSetTold(e *env) {
	r := full("a")
	since := e.seq()
	stamp := e.put(r, store.PutSet)
	e.wantKeyChange(since, store.KeyChange{Key: r.Key, Seq: stamp.Seq, Labels: r.Labels})
	stamp = e.put(r, store.PutSet)
	e.wantKeyChange(since, store.KeyChange{Key: r.Key, Seq: stamp.Seq, Labels: r.Labels})
}

func checkSetAfterClear(e *env) {
	e.clear(keyOf("a"))
	e.bump(store.All())
	e.put(rec("a"), store.PutSet)
	e.wantVisible("a")
}
