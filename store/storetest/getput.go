package storetest

import (
	"bytes"
	"errors"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reprise-go/reprise/store"
)

func getPutTopic() topic {
	return topic{"get and put", []check{
		{"an absent entry is not found", checkAbsent},
		{"what was put is read back", checkRoundTrip},
		{"the stamp is what readers see", checkStamp},
		{"a put replaces the entry", checkReplace},
		{"memory is not shared", checkCopies},
		{"a value over the limit is refused", checkTooLarge},
		{"empty values and labels are kept", checkEmpty},
		{"every lookup tells sequence and time", checkLookupHeader},
	}}
}

func checkAbsent(e *env) {
	if l := e.get(keyOf("nobody")); l.Found || l.Damaged {
		e.Errorf("Get of an absent key = %+v", l)
	}
}

// full is a record with something in every field that a caller fills in.
func full(name string) *store.Record {
	return with(rec(name), func(r *store.Record) {
		r.Labels = store.Labels{
			Kind: store.KindEntry, Collection: "col", Function: "fn", Dataset: "ds",
			Version: "v", Entry: "the entry", Tags: []string{"a", "b"},
		}
		r.Policy = store.Persist
		r.TTL, r.Grace = 48*time.Hour, time.Hour
		r.Cost = 1234567 * time.Microsecond
		r.Manifest = []byte("manifest of " + name)
	})
}

// diff compares what was put with what was read; the store's own fields and
// what the read leaves out have been evened out by the caller.
func diff(want, got store.Record) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

// asRead is r as Get returns it after stamp.
func asRead(r *store.Record, stamp store.Stamp) store.Record {
	want := *r
	want.TTL, want.Manifest = 0, nil
	want.Size = int64(len(r.Value))
	want.Created, want.Expires = stamp.Created, stamp.Expires
	return want
}

func checkRoundTrip(e *env) {
	r := full("a")
	stamp := e.publish(r)
	l := e.get(r.Key)
	if !l.Found {
		e.Fatal("not found after Put")
	}
	if d := diff(asRead(r, stamp), l.Record); d != "" {
		e.Errorf("read back (-put +got):\n%s", d)
	}
}

func checkStamp(e *env) {
	before := e.now()
	r := with(rec("a"), func(r *store.Record) { r.TTL = time.Hour })
	stamp := e.publish(r)
	after := e.now()
	const coarse = time.Millisecond // drivers may keep whole milliseconds
	if stamp.Created.Before(before.Add(-coarse)) || stamp.Created.After(after.Add(coarse)) {
		e.Errorf("Created %v is not between %v and %v", stamp.Created, before, after)
	}
	if d := stamp.Expires.Sub(stamp.Created) - r.TTL; d.Abs() > coarse {
		e.Errorf("Expires is %v after Created, want %v", stamp.Expires.Sub(stamp.Created), r.TTL)
	}
	if stamp.Seq != e.seq() {
		e.Errorf("Stamp.Seq = %d, Info.Seq = %d", stamp.Seq, e.seq())
	}
	if s := e.publish(rec("b")); !s.Expires.IsZero() {
		e.Errorf("without a TTL Expires = %v, want zero", s.Expires)
	}
}

func checkReplace(e *env) {
	e.publish(full("a"))
	r := with(rec("a"), func(r *store.Record) { r.Value = []byte("newer") })
	stamp := e.publish(r)
	if d := diff(asRead(r, stamp), e.get(r.Key).Record); d != "" {
		e.Errorf("after the second Put (-put +got):\n%s", d)
	}
	if n := e.count(store.Query{All: true}).Entries; n != 1 {
		e.Errorf("%d entries, want 1", n)
	}
}

func checkCopies(e *env) {
	r := full("a")
	stamp := e.publish(r)
	want := asRead(full("a"), stamp)
	want.Begun = r.Begun
	scribble := func(b []byte) { copy(b, bytes.Repeat([]byte{'!'}, len(b))) }
	scribble(r.Value)
	scribble(r.Manifest)
	r.Labels.Tags[0] = "!"
	got := e.get(r.Key).Record
	if d := diff(want, got); d != "" {
		e.Fatalf("the store kept the caller's memory (-want +got):\n%s", d)
	}
	scribble(got.Value)
	got.Labels.Tags[0] = "!"
	e.list(store.Query{}).Records[0].Labels.Tags[0] = "!"
	if d := diff(want, e.get(r.Key).Record); d != "" {
		e.Errorf("the store gave out its own memory (-want +got):\n%s", d)
	}
}

func checkTooLarge(e *env) {
	limit := e.info().MaxValue
	e.needs(limit > 0 && limit <= 64<<20, "a MaxValue of at most 64 MiB")
	r := with(rec("a"), func(r *store.Record) { r.Value = make([]byte, limit) })
	e.publish(r)
	r.Value = make([]byte, limit+1)
	if _, err := e.s.Put(e.ctx, r, store.PutSet); !errors.Is(err, store.ErrTooLarge) {
		e.Errorf("Put of %d bytes = %v, want ErrTooLarge", limit+1, err)
	}
	if l := e.get(r.Key); !l.Found || l.Record.Size != limit {
		e.Errorf("the refused Put changed the entry: found %t, size %d", l.Found, l.Record.Size)
	}
}

func checkEmpty(e *env) {
	r := &store.Record{Key: keyOf("a")}
	stamp := e.publish(r)
	l := e.get(r.Key)
	if !l.Found || l.Damaged {
		e.Fatalf("an empty value is not found: %+v", l)
	}
	if d := diff(asRead(r, stamp), l.Record); d != "" {
		e.Errorf("read back (-put +got):\n%s", d)
	}
}

func checkLookupHeader(e *env) {
	r := rec("a")
	e.publish(r)
	seq := e.bump(store.TagLabel("t")).Seq
	before := e.now()
	for _, key := range []store.Key{r.Key, keyOf("nobody")} {
		l := e.get(key)
		if l.Seq != seq {
			e.Errorf("found %t: Lookup.Seq = %d, want %d", l.Found, l.Seq, seq)
		}
		if l.Now.Before(before.Add(-time.Millisecond)) || l.Now.After(e.now().Add(time.Millisecond)) {
			e.Errorf("found %t: Lookup.Now = %v, before it was %v", l.Found, l.Now, before)
		}
	}
}
