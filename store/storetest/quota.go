package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

func quotaTopic() topic {
	return topic{"quota", []check{
		{"the store stays within it", checkQuotaHolds},
		{"what costs least to compute leaves first", checkEvictsCheap},
		{"what takes most room leaves first", checkEvictsLarge},
		{"what is oldest leaves first", checkEvictsOld},
		{"persistent entries stay", checkQuotaSparesPersist},
		{"a put that cannot fit is refused and changes nothing", checkFull},
		{"replacing an entry needs room for the difference only", checkQuotaReplace},
	}}
}

// quotaBytes is the quota of these checks: large beside what drivers add to a
// value.
const quotaBytes = 1 << 20

// withQuota replaces the check's store by one with a quota.
func (e *env) withQuota() {
	e.Helper()
	e.needs(e.h.Quota != nil, "a byte quota")
	s := e.h.Quota(e.T, quotaBytes)
	e.Cleanup(func() {
		if err := s.Close(); err != nil {
			e.Errorf("Close: %v", err)
		}
	})
	e.s = s
	if q := e.info().Quota; q != quotaBytes {
		e.Errorf("Info.Quota = %d, want %d", q, quotaBytes)
	}
}

// part is a record of a share of the quota.
func part(name string, percent int, cost time.Duration) *store.Record {
	return with(rec(name), func(r *store.Record) {
		r.Value = make([]byte, quotaBytes/100*percent)
		r.Cost = cost
	})
}

func checkQuotaHolds(e *env) {
	e.withQuota()
	for i := range 50 {
		e.publish(part(fmt.Sprint("n", i), 10, time.Second))
	}
	e.sweep()
	if i := e.info(); i.Bytes > quotaBytes {
		e.Errorf("Info.Bytes = %d, over the quota of %d", i.Bytes, quotaBytes)
	}
	if n := e.count(store.Query{}).Entries; n < 5 || n > 10 {
		e.Errorf("%d entries of a tenth of the quota each are left, want 5 to 10", n)
	}
}

func checkEvictsCheap(e *env) {
	e.withQuota()
	e.publish(part("dear", 40, time.Hour))
	e.publish(part("cheap", 40, time.Millisecond))
	e.publish(part("more", 40, time.Hour))
	e.sweep()
	e.wantVisible("dear", "more")
	e.wantHidden("cheap")
}

func checkEvictsLarge(e *env) {
	e.withQuota()
	e.publish(part("small", 1, time.Minute))
	e.publish(part("large", 80, time.Minute))
	e.publish(part("more", 40, time.Hour))
	e.sweep()
	e.wantVisible("small", "more")
	e.wantHidden("large")
}

func checkEvictsOld(e *env) {
	e.withQuota()
	e.needs(e.h.Advance != nil, "a clock that can be moved")
	e.publish(part("old", 40, time.Minute))
	e.h.Advance(30 * 24 * time.Hour)
	e.publish(part("young", 40, time.Minute))
	e.publish(part("more", 40, time.Minute))
	e.sweep()
	e.wantVisible("young", "more")
	e.wantHidden("old")
}

func checkQuotaSparesPersist(e *env) {
	e.withQuota()
	e.publish(with(part("kept", 40, 0), func(r *store.Record) { r.Policy = store.Persist }))
	e.publish(part("dear", 40, time.Hour))
	e.publish(part("more", 40, 2*time.Hour))
	e.sweep()
	e.wantVisible("kept", "more")
	e.wantHidden("dear")
}

func checkFull(e *env) {
	e.withQuota()
	kept := with(part("kept", 80, time.Second), func(r *store.Record) { r.Policy = store.Persist })
	e.publish(kept)
	e.publish(part("other", 10, time.Second))
	for _, r := range []*store.Record{part("fresh", 40, time.Hour), part("other", 40, time.Hour), part("fresh", 200, time.Hour)} {
		if _, err := e.s.Put(e.ctx, r, store.PutSet); !errors.Is(err, store.ErrFull) {
			e.Errorf("Put of %d bytes beside %d persistent ones = %v, want ErrFull", len(r.Value), len(kept.Value), err)
		}
	}
	e.wantVisible("kept", "other")
	e.wantHidden("fresh")
	if size := e.get(keyOf("other")).Record.Size; size != int64(len(part("", 10, 0).Value)) {
		e.Errorf("the refused Put left a value of %d bytes", size)
	}
}

func checkQuotaReplace(e *env) {
	e.withQuota()
	r := with(part("a", 80, time.Second), func(r *store.Record) { r.Policy = store.Persist })
	e.publish(r)
	e.publish(r)
	e.wantVisible("a")
}
