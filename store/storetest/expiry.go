package storetest

import (
	"math"
	"time"

	"github.com/reprise-go/reprise/store"
)

func expiryTopic() topic {
	return topic{"expiry", []check{
		{"an entry ends at its expiry", checkExpires},
		{"within its grace Get still returns it", checkGrace},
		{"past its grace it is not found", checkGraceEnds},
		{"without a ttl it stays", checkNeverExpires},
		{"reading does not prolong it", checkReadsDoNotProlong},
		{"the longest durations do not overflow", checkLongest},
		{"an expired entry can be replaced", checkReplaceExpired},
	}}
}

// lasting is a record with a ttl and a grace.
func (e *env) lasting(name string, ttl, grace int) *store.Record {
	return with(rec(name), func(r *store.Record) { r.TTL, r.Grace = e.span(ttl), e.span(grace) })
}

func checkExpires(e *env) {
	stamp := e.publish(e.lasting("a", 2, 0))
	if l := e.get(keyOf("a")); l.Now.Before(stamp.Expires) && !l.Found {
		e.Error("not found before its expiry")
	}
	e.pass(stamp.Expires)
	if l := e.get(keyOf("a")); l.Found {
		e.Errorf("found at %v, expired at %v", l.Now, stamp.Expires)
	}
	if n := e.count(store.Query{}).Entries; n != 0 {
		e.Errorf("Count = %d after the expiry, want 0", n)
	}
	if p := e.list(store.Query{}); len(p.Records) != 0 {
		e.Errorf("List = %d records after the expiry, want 0", len(p.Records))
	}
}

func checkGrace(e *env) {
	stamp := e.publish(e.lasting("a", 1, 1000))
	e.pass(stamp.Expires)
	l := e.get(keyOf("a"))
	if !l.Found {
		e.Fatalf("not found at %v, expired at %v with a grace of %v", l.Now, stamp.Expires, e.span(1000))
	}
	if l.Record.Grace != e.span(1000) || !l.Record.Expires.Equal(stamp.Expires) {
		e.Errorf("read back grace %v, expiry %v", l.Record.Grace, l.Record.Expires)
	}
	if n := e.count(store.Query{}).Entries; n != 0 {
		e.Errorf("Count = %d of an entry in its grace, want 0: it is not live", n)
	}
	if n := e.count(store.Query{All: true}).Entries; n != 1 {
		e.Errorf("Count with All = %d, want 1", n)
	}
}

func checkGraceEnds(e *env) {
	r := e.lasting("a", 1, 1)
	stamp := e.publish(r)
	e.pass(stamp.Expires.Add(r.Grace))
	if l := e.get(r.Key); l.Found || l.Damaged {
		e.Errorf("found %t, damaged %t past the grace", l.Found, l.Damaged)
	}
}

func checkNeverExpires(e *env) {
	e.needs(e.h.Advance != nil, "a clock that can be moved")
	e.publish(rec("a"))
	e.h.Advance(20 * 365 * 24 * time.Hour)
	e.wantVisible("a")
	e.sweep()
	e.wantVisible("a")
}

func checkReadsDoNotProlong(e *env) {
	stamp := e.publish(e.lasting("a", 2, 0))
	e.pass(stamp.Created.Add(e.span(1)))
	if l := e.get(keyOf("a")); l.Found && !l.Record.Expires.Equal(stamp.Expires) {
		e.Errorf("Expires moved from %v to %v", stamp.Expires, l.Record.Expires)
	}
	e.pass(stamp.Expires)
	e.wantHidden("a")
}

func checkLongest(e *env) {
	r := with(rec("a"), func(r *store.Record) { r.TTL, r.Grace, r.Cost = math.MaxInt64, math.MaxInt64, math.MaxInt64 })
	stamp := e.publish(r)
	e.wantVisible("a")
	if got := e.get(r.Key).Record; !got.Expires.Equal(stamp.Expires) || got.Cost != r.Cost {
		e.Errorf("read back expiry %v (stamped %v), cost %v", got.Expires, stamp.Expires, got.Cost)
	}
	if min := stamp.Created.AddDate(200, 0, 0); stamp.Expires.Before(min) {
		e.Errorf("a ttl of 292 years ends at %v", stamp.Expires)
	}
	e.sweep()
	e.wantVisible("a")
}

func checkReplaceExpired(e *env) {
	stamp := e.publish(e.lasting("a", 1, 0))
	e.pass(stamp.Expires)
	e.publish(rec("a"))
	e.wantVisible("a")
}
