package redisstore

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reprise-go/reprise/store"
)

// FuzzEntry holds that no bytes at rest do harm: an entry reads as whole or as
// damaged, and what reads as whole encodes to the same labels again.
func FuzzEntry(f *testing.F) {
	r := &store.Record{Value: []byte("value"), Grace: time.Hour, Cost: -1, Labels: store.Labels{
		Kind: store.KindEntry, Collection: "c", Function: "\x00", Entry: "e", Tags: []string{"", "t"},
	}}
	entry := append(make([]byte, headerLength), encodeLabels(r)...)
	entry[55], entry[57] = byte(len(entry)-headerLength), 1
	f.Add(append(entry, r.Value...))
	f.Add(entry)
	f.Add(entry[:headerLength])
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r store.Record
		found, whole := fill(&r, b, 0, time.Unix(0, 0))
		if !found || !whole {
			return
		}
		if r.Size != int64(len(r.Value)) || r.Grace < 0 {
			t.Errorf("read %+v", r)
		}
		var again store.Record
		if err := decodeLabels(string(encodeLabels(&r)), &again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r.Labels, again.Labels, cmpopts.EquateEmpty()); d != "" || again.Cost != r.Cost {
			t.Errorf("again (-first +second):\n%s", d)
		}
	})
}

// FuzzSet holds that two records share a set only where labels and policy are
// the same.
func FuzzSet(f *testing.F) {
	f.Add("ab", "c", "", "", uint8(0), "a", "bc", "", "", uint8(0))
	f.Add("", "", "d", "t", uint8(1), "", "", "t", "d", uint8(1))
	f.Fuzz(func(t *testing.T, c1, f1, d1, t1 string, p1 uint8, c2, f2, d2, t2 string, p2 uint8) {
		a := store.Labels{Collection: c1, Function: f1, Dataset: d1, Tags: []string{t1}}
		b := store.Labels{Collection: c2, Function: f2, Dataset: d2, Tags: []string{t2}}
		one, two := setOf(&a, store.Policy(p1)), setOf(&b, store.Policy(p2))
		if same := cmp.Equal(a, b) && p1 == p2; (one.desc == two.desc) != same || (one.id == two.id) != same {
			t.Errorf("sets of %+v and %+v equal: %t", a, b, !same)
		}
		if l, p, err := parseSet(one.desc); err != nil || p != store.Policy(p1) || !cmp.Equal(l, a) {
			t.Errorf("parseSet = %+v, %v, %v", l, p, err)
		}
	})
}

// FuzzHostileText holds that other texts of the server do no harm.
func FuzzHostileText(f *testing.F) {
	f.Add("5:"+string(make([]byte, 32)), "")
	f.Add("", "\x01")
	f.Add("99999999999999999999:", "\x00\x00\x01a")
	f.Fuzz(func(t *testing.T, event, desc string) {
		if e, ok := parseEvent(event); ok && e.Key == nil && e.Seq == 0 && len(event) < 2 {
			t.Errorf("event %q = %+v", event, e)
		}
		_, _, _ = parseSet(desc)
		_, _ = parseLabel(event)
		_ = parseInfo(event)
		_ = occupiedShards(event)
		_ = redacted(event)
	})
}

func TestMillisRoundUp(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Hour: 3_600_000, math.MaxInt64: math.MaxInt64/1_000_000 + 1,
	} {
		if got := millis(d); got != want && d != math.MaxInt64 {
			t.Errorf("millis(%v) = %d, want %d", d, got, want)
		}
	}
	if got := millis(math.MaxInt64); got < math.MaxInt64/1_000_000 {
		t.Errorf("millis of the longest duration = %d", got)
	}
}

// TestEstimateKnowsItsLimits holds that the server's time is estimated from
// recent and precise looks at it only.
func TestEstimateKnowsItsLimits(t *testing.T) {
	var tr tracker
	now := time.Now()
	const behind = time.Hour
	server := func(at time.Time) time.Time { return at.Round(0).Add(-behind) }
	look := func(asked, made, answered time.Duration) {
		tr.observe(now.Add(asked), now.Add(answered), server(now.Add(made)))
	}
	wantNone := func(at time.Time, why string) {
		t.Helper()
		if got, ok := tr.estimate(at); ok {
			t.Errorf("an estimate %v of a clock %s", got, why)
		}
	}
	const ms = time.Millisecond
	wantNone(now, "that was never seen")
	look(0, 9*ms, 10*ms)
	wantNone(now.Add(10*ms), "known to 5 ms only")
	look(10*ms, 10*ms+ms/5, 20*ms) // together they bound it by 1.2 ms
	wantNone(now.Add(20*ms), "known to 0.6 ms only")
	look(20*ms, 20*ms+ms/10, 20*ms+ms/2)
	at := now.Add(30 * ms)
	if got, ok := tr.estimate(at); !ok || got.Sub(server(at)).Abs() > mostError {
		t.Errorf("estimate = %v, %t; it is %v", got, ok, server(at))
	}
	wantNone(now.Add(2*lookLasts), "not looked at for long")
	wantNone(at.Round(0).Add(time.Hour), "while this machine slept")
	tr.observe(at, at.Add(ms/2), server(at).Add(-time.Minute))
	if got, ok := tr.estimate(at.Add(ms)); !ok || got.Sub(server(at).Add(-time.Minute)).Abs() > 2*ms {
		t.Errorf("after the server's clock was set back estimate = %v, %t", got, ok)
	}
}
