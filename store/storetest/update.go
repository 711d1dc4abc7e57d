package storetest

import (
	"time"

	"github.com/reprise-go/reprise/store"
)

func updateTopic() topic {
	return topic{"update", []check{
		{"a ttl counts from now", checkUpdateTTL},
		{"a ttl of 0 means never", checkUpdateForever},
		{"a policy changes alone", checkUpdatePolicy},
		{"nothing else changes", checkUpdateKeepsRest},
		{"what is not visible is not updated", checkUpdateInvisible},
		{"an update is told", checkUpdateTold},
	}}
}

func checkUpdateTTL(e *env) {
	e.publish(e.lasting("a", 1000, 1000)) // the grace keeps it readable
	ttl := e.span(1)
	before := e.now()
	if !e.update(keyOf("a"), store.Change{TTL: &ttl}) {
		e.Fatal("Update found no entry")
	}
	expires := e.get(keyOf("a")).Record.Expires
	if early := before.Add(ttl).Add(-time.Millisecond); expires.Before(early) || expires.After(e.now().Add(ttl+time.Millisecond)) {
		e.Errorf("updated at about %v for %v, expires at %v", before, ttl, expires)
	}
	e.pass(expires)
	e.wantHidden("a")
}

func checkUpdateForever(e *env) {
	e.publish(e.lasting("a", 1000, 0))
	var never time.Duration
	e.update(keyOf("a"), store.Change{TTL: &never})
	if x := e.get(keyOf("a")).Record.Expires; !x.IsZero() {
		e.Errorf("Expires = %v, want never", x)
	}
}

func checkUpdatePolicy(e *env) {
	stamp := e.publish(e.lasting("a", 1000, 0))
	persist, evict := store.Persist, store.Evict
	e.update(keyOf("a"), store.Change{Policy: &persist})
	if r := e.get(keyOf("a")).Record; r.Policy != store.Persist || !r.Expires.Equal(stamp.Expires) {
		e.Errorf("policy %v, expiry %v, want persist and %v", r.Policy, r.Expires, stamp.Expires)
	}
	if n := e.count(store.Query{Policy: &persist}).Entries; n != 1 {
		e.Errorf("%d persistent entries, want 1", n)
	}
	e.bump(store.All())
	e.wantVisible("a")
	e.update(keyOf("a"), store.Change{Policy: &evict})
	e.bump(store.All())
	e.wantHidden("a")
}

func checkUpdateKeepsRest(e *env) {
	r := full("a")
	stamp := e.publish(r)
	ttl := 72 * time.Hour
	e.update(r.Key, store.Change{TTL: &ttl})
	got := e.get(r.Key).Record
	want := asRead(r, stamp)
	want.Expires = got.Expires
	if d := diff(want, got); d != "" {
		e.Errorf("after Update (-want +got):\n%s", d)
	}
}

func checkUpdateInvisible(e *env) {
	stamp := e.publish(e.lasting("expired", 1, 1000))
	e.publish(rec("cleared"))
	e.clear(keyOf("cleared"))
	e.publish(with(rec("hidden"), func(r *store.Record) { r.Labels.Tags = []string{"t"} }))
	e.bump(store.TagLabel("t"))
	e.pass(stamp.Expires)
	ttl, persist := time.Hour, store.Persist
	before := e.seq()
	for _, name := range []string{"absent", "expired", "cleared", "hidden"} {
		if e.update(keyOf(name), store.Change{TTL: &ttl, Policy: &persist}) {
			e.Errorf("Update says that it changed the %s entry", name)
		}
		if e.sees(keyOf(name)) {
			e.Errorf("Update brought the %s entry back", name)
		}
	}
	if e.seq() != before {
		e.Errorf("updates of nothing moved the sequence from %d to %d", before, e.seq())
	}
}

func checkUpdateTold(e *env) {
	r := full("a")
	e.publish(r)
	since := e.seq()
	ttl := time.Hour
	e.update(r.Key, store.Change{TTL: &ttl})
	if e.seq() <= since {
		e.Fatalf("an update left the sequence at %d", since)
	}
	e.wantKeyChange(since, store.KeyChange{Key: r.Key, Seq: e.seq(), Labels: r.Labels})
}
