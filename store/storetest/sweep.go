package storetest

import (
	"context"
	"errors"

	"github.com/reprise-go/reprise/store"
)

func sweepTopic() topic {
	return topic{"sweep", []check{
		{"frees what nobody can see", checkSweepFrees},
		{"spares what somebody can see", checkSweepSpares},
		{"keeps the generations", checkSweepKeepsGenerations},
		{"ends with its context", checkSweepCancelled},
	}}
}

func checkSweepFrees(e *env) {
	size := func(n int) func(*store.Record) { return func(r *store.Record) { r.Value = make([]byte, n) } }
	r := with(e.lasting("expired", 1, 1), size(1000))
	stamp := e.publish(r)
	e.publish(with(with(rec("hidden"), size(500)), func(r *store.Record) { r.Labels.Tags = []string{"t"} }))
	e.publish(rec("live"))
	e.bump(store.TagLabel("t"))
	e.pass(stamp.Expires.Add(r.Grace))
	if got := e.sweep(); got.Expired != 1 || got.Hidden != 1 || got.Evicted != 0 || got.Bytes < 1500 {
		e.Errorf("Sweep = %+v, want 1 expired, 1 hidden and at least 1500 bytes", got)
	}
	if n := e.count(store.Query{All: true}).Entries; n != 1 {
		e.Errorf("%d entries left, want 1", n)
	}
	if got := e.sweep(); got != (store.Swept{}) {
		e.Errorf("the second Sweep = %+v, want nothing", got)
	}
	e.wantVisible("live")
}

func checkSweepSpares(e *env) {
	e.publish(with(rec("persist"), func(r *store.Record) { r.Policy = store.Persist }))
	e.bump(store.All())
	e.publish(rec("young"))
	e.publish(e.lasting("fresh", 1000, 0))
	stamp := e.publish(e.lasting("grace", 1, 1000))
	e.pass(stamp.Expires)
	e.sweep()
	e.wantVisible("persist", "young", "fresh")
	if !e.get(keyOf("grace")).Found {
		e.Error("Sweep took an entry within its grace")
	}
}

func checkSweepKeepsGenerations(e *env) {
	r := with(rec("a"), func(r *store.Record) { r.Labels.Tags = []string{"t"} })
	r.Begun = e.seq()
	seq := e.bump(store.TagLabel("t")).Seq
	e.sweep()
	if _, err := e.s.Put(e.ctx, r, store.PutPublish); err != nil && !errors.Is(err, store.ErrSuperseded) {
		e.Fatalf("Put: %v", err)
	}
	e.wantHidden("a")
	if e.seq() < seq {
		e.Errorf("the sequence fell from %d to %d", seq, e.seq())
	}
}

func checkSweepCancelled(e *env) {
	e.publish(rec("a"))
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	if _, err := e.s.Sweep(ctx); !errors.Is(err, context.Canceled) {
		e.Errorf("Sweep = %v, want context.Canceled", err)
	}
	e.wantVisible("a")
}
