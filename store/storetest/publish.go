package storetest

import (
	"errors"
	"time"

	"github.com/reprise-go/reprise/store"
)

func publishTopic() topic {
	return topic{"publishing under a lease", []check{
		{"stores the record and frees the key", checkPublish},
		{"a refresh is told", checkPublishRefresh},
		{"is refused without the lease", checkPublishLost},
		{"is refused after the end", checkPublishLate},
		{"is accepted twice, without effect", checkPublishTwice},
		{"does not undo a clear", checkPublishAfterClear},
		{"does not undo a clear when repeated", checkPublishRepeatedAfterClear},
	}}
}

func (e *env) tryPublish(r *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	e.Helper()
	return e.leaser().Publish(e.ctx, r, mode, owner, fence)
}

func checkPublish(e *env) {
	r := full("a")
	g := e.acquire(r.Key, us, time.Hour)
	r.Begun = e.seq()
	stamp, err := e.tryPublish(r, store.PutPublish, us, g.Fence)
	e.must("Publish", err)
	want := asRead(r, stamp)
	want.Fence = g.Fence
	if d := diff(want, e.get(r.Key).Record); d != "" {
		e.Errorf("read back (-published +got):\n%s", d)
	}
	e.wantLost("Renew after Publish", e.leaser().Renew(e.ctx, r.Key, us, g.Fence, time.Hour))
	if got := e.acquire(r.Key, them, time.Hour); got.Fence <= g.Fence {
		e.Errorf("fence %d after %d, want higher", got.Fence, g.Fence)
	}
}

func checkPublishRefresh(e *env) {
	r := full("a")
	g := e.acquire(r.Key, us, time.Hour)
	since := e.seq()
	r.Begun = since
	stamp, err := e.tryPublish(r, store.PutRefresh, us, g.Fence)
	e.must("Publish", err)
	e.wantKeyChange(since, store.KeyChange{Key: r.Key, Seq: stamp.Seq, Labels: r.Labels})
}

func checkPublishLost(e *env) {
	r := rec("a")
	r.Begun = e.seq()
	_, err := e.tryPublish(r, store.PutPublish, us, 1)
	e.wantLost("Publish without a lease", err)
	g := e.acquire(r.Key, us, time.Hour)
	_, err = e.tryPublish(r, store.PutPublish, us, g.Fence+1)
	e.wantLost("Publish under another fence", err)
	_, err = e.tryPublish(r, store.PutPublish, them, g.Fence)
	e.wantLost("Publish by another owner", err)
	e.must("Release", e.leaser().Release(e.ctx, r.Key, us, g.Fence, 0))
	_, err = e.tryPublish(r, store.PutPublish, us, g.Fence)
	e.wantLost("Publish after Release", err)
	e.wantHidden("a")
}

func checkPublishLate(e *env) {
	r := rec("a")
	r.Begun = e.seq()
	g := e.acquire(r.Key, us, e.span(1))
	e.pass(e.now().Add(e.span(1)))
	_, err := e.tryPublish(r, store.PutPublish, us, g.Fence)
	e.wantLost("Publish after the end", err)
	next := e.acquire(r.Key, them, time.Hour)
	_, err = e.tryPublish(r, store.PutPublish, us, g.Fence)
	e.wantLost("Publish after the takeover", err)
	e.wantHidden("a")
	_, err = e.tryPublish(r, store.PutPublish, them, next.Fence)
	e.must("the new owner's Publish", err)
	e.wantVisible("a")
}

func checkPublishTwice(e *env) {
	r := with(rec("a"), func(r *store.Record) { r.TTL = time.Hour })
	r.Begun = e.seq()
	g := e.acquire(r.Key, us, time.Hour)
	first, err := e.tryPublish(r, store.PutRefresh, us, g.Fence)
	e.must("Publish", err)
	before := e.get(r.Key).Record
	again, err := e.tryPublish(r, store.PutRefresh, us, g.Fence)
	e.must("the repeated Publish", err)
	if !again.Created.Equal(first.Created) || !again.Expires.Equal(first.Expires) || e.seq() != first.Seq {
		e.Errorf("stamps %+v and %+v, Info.Seq = %d: the second had an effect", first, again, e.seq())
	}
	if d := diff(before, e.get(r.Key).Record); d != "" {
		e.Errorf("the repeated Publish changed the entry (-before +after):\n%s", d)
	}
}

func checkPublishAfterClear(e *env) {
	r := rec("a")
	r.Begun = e.seq()
	g := e.acquire(r.Key, us, time.Hour)
	e.clear(r.Key)
	if _, err := e.tryPublish(r, store.PutPublish, us, g.Fence); !errors.Is(err, store.ErrSuperseded) {
		e.Errorf("Publish of work that a clear overtook = %v, want ErrSuperseded", err)
	}
	e.wantHidden("a")
	e.must("Renew after a refused Publish", e.leaser().Renew(e.ctx, r.Key, us, g.Fence, time.Hour))
}

func checkPublishRepeatedAfterClear(e *env) {
	r := rec("a")
	r.Begun = e.seq()
	g := e.acquire(r.Key, us, time.Hour)
	_, err := e.tryPublish(r, store.PutPublish, us, g.Fence)
	e.must("Publish", err)
	e.clear(r.Key)
	_, err = e.tryPublish(r, store.PutPublish, us, g.Fence)
	if err != nil && !errors.Is(err, store.ErrSuperseded) && !errors.Is(err, store.ErrLeaseLost) {
		e.Errorf("the repeated Publish = %v", err)
	}
	e.wantHidden("a")
}
