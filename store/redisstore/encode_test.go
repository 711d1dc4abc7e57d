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

// TestEstimateKnowsItsLimits holds that the server's time is estimated from a
// recent and precise look at it only.
func TestEstimateKnowsItsLimits(t *testing.T) {
	var tr tracker
	now := time.Now()
	server := now.Add(-time.Hour)
	if _, ok := tr.estimate(now); ok {
		t.Error("an estimate of a clock that was never seen")
	}
	tr.observe(now, now.Add(time.Second), server)
	if _, ok := tr.estimate(now); ok {
		t.Error("an estimate from a question that took a second")
	}
	tr.observe(now, now.Add(200*time.Microsecond), server)
	if got, ok := tr.estimate(now.Add(time.Millisecond)); !ok || got.Sub(server) != 900*time.Microsecond {
		t.Errorf("estimate = %v after the look, %t", got.Sub(server), ok)
	}
	if _, ok := tr.estimate(now.Add(2 * sampleLasts)); ok {
		t.Error("an estimate from an old look")
	}
	slept := now.Round(0).Add(time.Hour) // the wall clock only
	if _, ok := tr.estimate(slept); ok {
		t.Error("an estimate across an hour's sleep")
	}
}
