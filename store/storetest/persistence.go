package storetest

import (
	"bytes"
	"time"

	"github.com/reprise-go/reprise/store"
)

func persistenceTopic() topic {
	return topic{"persistence", []check{
		{"entries outlive a reopening", checkReopenEntries},
		{"generations outlive a reopening", checkReopenGenerations},
		{"leases and fences outlive a reopening", checkReopenLeases},
		{"a second handle sees the same", checkSecondSees},
		{"a second handle's clears count here", checkSecondClears},
		{"a second handle's leases count here", checkSecondLeases},
		{"a second handle's changes are watched here", checkSecondWatched},
	}}
}

func (e *env) reopen() {
	e.Helper()
	e.needs(e.h.Reopen != nil, "data that outlives the store (Reopen)")
	e.s = e.h.Reopen(e.T, e.s)
}

// second is e on another handle to the same data.
func (e *env) second() *env {
	e.Helper()
	e.needs(e.h.Second != nil, "a second handle to the same data (Second)")
	other := *e
	other.s = e.h.Second(e.T, e.s)
	e.Cleanup(func() {
		if err := other.s.Close(); err != nil {
			e.Errorf("Close of the second handle: %v", err)
		}
	})
	return &other
}

func checkReopenEntries(e *env) {
	r := full("a")
	stamp := e.publish(r)
	large := with(rec("large"), func(r *store.Record) { r.Value = bytes.Repeat([]byte{7}, 1<<18) })
	e.publish(large)
	before := e.info()
	e.reopen()
	if d := diff(asRead(r, stamp), e.get(r.Key).Record); d != "" {
		e.Errorf("after the reopening (-put +got):\n%s", d)
	}
	if v := e.get(large.Key).Record.Value; !bytes.Equal(v, large.Value) {
		e.Errorf("the large value came back with %d bytes", len(v))
	}
	after := e.info()
	if after.ID != before.ID || after.Seq != before.Seq || after.Entries != 2 {
		e.Errorf("Info before %+v, after %+v", before, after)
	}
}

func checkReopenGenerations(e *env) {
	r := rec("a")
	r.Begun = e.seq()
	e.clear(r.Key)
	label := store.TagLabel("t")
	seq := e.bump(label).Seq
	e.reopen()
	e.wantSuperseded(r, store.PutPublish)
	c := e.changes(0)
	if c.Seq != seq || labelSeqs(e, c)[label] != seq {
		e.Errorf("Changes(0) = %+v, want the bump at %d", c, seq)
	}
	if got := e.changes(r.Begun); !got.Flush && len(got.Keys) != 1 {
		e.Errorf("Changes(%d) = %+v, want the clear or a flush", r.Begun, got)
	}
	if next := e.bump(label).Seq; next <= seq {
		e.Errorf("the next number is %d after %d", next, seq)
	}
}

func checkReopenLeases(e *env) {
	e.leaser()
	key, owner, other := keyOf("a"), store.Owner{1}, store.Owner{2}
	g := e.acquire(key, owner, time.Hour)
	e.reopen()
	if got := e.tryAcquire(key, other, time.Hour); got.Granted || got.Fence != g.Fence {
		e.Errorf("another owner's Acquire after the reopening = %+v, want it held under fence %d", got, g.Fence)
	}
	e.must("Renew", e.leaser().Renew(e.ctx, key, owner, g.Fence, time.Hour))
	e.must("Release", e.leaser().Release(e.ctx, key, owner, g.Fence, 0))
	e.reopen()
	if got := e.acquire(key, other, time.Hour); got.Fence <= g.Fence {
		e.Errorf("fence %d after %d: it must only grow", got.Fence, g.Fence)
	}
}

func checkSecondSees(e *env) {
	other := e.second()
	r := full("a")
	stamp := e.publish(r)
	if d := diff(asRead(r, stamp), other.get(r.Key).Record); d != "" {
		e.Errorf("at the second handle (-put +got):\n%s", d)
	}
	if a, b := e.info(), other.info(); a.ID != b.ID || a.Seq != b.Seq || !a.Shared {
		e.Errorf("Info %+v and %+v, want one shared store", a, b)
	}
	other.put(rec("b"), store.PutSet)
	e.wantVisible("a", "b")
}

func checkSecondClears(e *env) {
	other := e.second()
	r := rec("a")
	e.publish(r)
	e.publish(rec("b"))
	since := e.seq()
	b := other.clear(r.Key)
	e.wantKeyChange(since, store.KeyChange{Key: r.Key, Seq: b.Seq, Labels: r.Labels, Gone: true})
	e.wantSuperseded(r, store.PutPublish)
	other.bump(store.All())
	e.wantHidden("a", "b")
}

func checkSecondLeases(e *env) {
	e.leaser()
	other := e.second()
	key := keyOf("a")
	g := e.acquire(key, store.Owner{1}, time.Hour)
	if got := other.tryAcquire(key, store.Owner{2}, time.Hour); got.Granted || got.Fence != g.Fence {
		e.Errorf("at the second handle Acquire = %+v, want it held under fence %d", got, g.Fence)
	}
	e.must("Release", e.leaser().Release(e.ctx, key, store.Owner{1}, g.Fence, 0))
	if got := other.acquire(key, store.Owner{2}, time.Hour); got.Fence <= g.Fence {
		e.Errorf("fence %d after %d: it must only grow", got.Fence, g.Fence)
	}
}

func checkSecondWatched(e *env) {
	e.watcher()
	other := e.second()
	w := e.watch()
	defer w.stop()
	seq := other.bump(store.All()).Seq
	w.awaitSeq(seq)
	other.publish(rec("a"))
	w.awaitKey(keyOf("a"))
}
