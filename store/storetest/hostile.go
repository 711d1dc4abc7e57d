package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/reprise-go/reprise/store"
)

func hostileTopic() topic {
	return topic{"hostile bytes", []check{
		{"any bytes make a value", checkHostileValues},
		{"any bytes make a label", checkHostileLabels},
		{"a label is never taken for another", checkNoConfusion},
		{"neighbouring labels are not joined", checkFraming},
		{"a prefix is bytes and no pattern", checkPrefixes},
		{"any bytes make a key", checkHostileKeys},
		{"many and long labels are kept", checkManyLabels},
	}}
}

// hostile are strings that stores have stumbled over.
var hostile = []string{
	"", "\x00", "a\x00b", "\x00\x00", "a", "A", "a ", " a", "'", `"`, "`", `\`, `\'`, "%", "_", "a%", "*", "?", "[a]",
	"\xff", "\xff\xfe", "a\xc3\x28", "\xed\xa0\x80", "é", "e\u0301", "İ", "i", "ß", "😀", "👩‍👩‍👧", "\u202egnp", "\ufeff",
	"\n", "\r\n", "\t", "1", "01", "1.0", "NULL", "null", "true", "{}", "{a}", "a:b", "a/b", "../a", "1:a", "0 1:a",
	"'; DROP TABLE entries; --", "$1", "?1", ":a", "${a}",
}

func checkHostileValues(e *env) {
	noise := make([]byte, 1<<20) // not compressible, like what is sealed
	x := uint32(1)
	for i := range noise {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		noise[i] = byte(x)
	}
	values := [][]byte{{}, {0}, bytes.Repeat([]byte{0}, 4096), noise, noise[:1<<16-1], noise[:1<<16], noise[:1<<16+1]}
	for _, h := range hostile {
		values = append(values, []byte(h))
	}
	for i, v := range values {
		r := with(rec(fmt.Sprint("v", i)), func(r *store.Record) { r.Value, r.Manifest = v, v })
		e.publish(r)
		if l := e.get(r.Key); !l.Found || !bytes.Equal(l.Record.Value, v) || l.Record.Size != int64(len(v)) {
			e.Errorf("value %d of %d bytes: found %t, size %d, equal %t",
				i, len(v), l.Found, l.Record.Size, bytes.Equal(l.Record.Value, v))
		}
		if m := e.list(store.Query{Key: &r.Key, Manifests: true}).Records[0].Manifest; !bytes.Equal(m, v) {
			e.Errorf("manifest %d of %d bytes reads back as %d bytes", i, len(v), len(m))
		}
	}
}

// hostileRecord carries h in every label.
func hostileRecord(h string) *store.Record {
	return with(rec("hostile "+h), func(r *store.Record) {
		r.Labels = store.Labels{
			Kind: store.KindEntry, Collection: h, Function: h, Dataset: h, Version: h, Entry: h, Tags: []string{h},
		}
	})
}

func checkHostileLabels(e *env) {
	for _, h := range hostile {
		r := hostileRecord(h)
		stamp := e.publish(r)
		if d := diff(asRead(r, stamp), e.get(r.Key).Record); d != "" {
			e.Errorf("labels %q read back (-put +got):\n%s", h, d)
		}
	}
	for _, h := range hostile {
		for what, q := range map[string]store.Query{
			"collection": {Collection: &h}, "function": {Function: &h}, "dataset": {Dataset: &h},
			"version": {Version: &h}, "tag": {Tag: &h},
		} {
			got := e.list(q).Records
			if len(got) != 1 || got[0].Labels.Entry != h {
				e.Errorf("List by %s %q = %d records, want the one", what, h, len(got))
			}
		}
	}
}

func checkNoConfusion(e *env) {
	labels := map[string]func(h string) store.Label{
		"tag":      store.TagLabel,
		"dataset":  store.DatasetLabel,
		"function": func(h string) store.Label { return store.FunctionLabel(store.KindEntry, h, h) },
		"both":     func(h string) store.Label { return store.FunctionDatasetLabel(store.KindEntry, h, h, h) },
	}
	for what, label := range labels {
		for _, h := range hostile {
			e.publish(hostileRecord(h))
		}
		for i, h := range hostile {
			want := 1
			if h == "" && (what == "dataset" || what == "both") {
				want = 0 // an empty dataset is none
			}
			if b := e.bump(label(h)); b.Entries != want {
				e.Errorf("the bump of %s %q hid %d entries, want %d", what, h, b.Entries, want)
			}
			if i+1 < len(hostile) && !e.sees(hostileRecord(hostile[i+1]).Key) {
				e.Errorf("the bump of %s %q hid the entry of %q", what, h, hostile[i+1])
			}
		}
	}
}

func checkFraming(e *env) {
	pairs := [][2]string{{"ab", "c"}, {"a", "bc"}, {"", "abc"}, {"abc", ""}, {"a\x00", "b"}, {"a", "\x00b"}, {"a 1:b", "c"}, {"a", "1:b c"}}
	for i, p := range pairs {
		e.publish(with(rec(fmt.Sprint("pair", i)), func(r *store.Record) {
			r.Labels = store.Labels{Collection: p[0], Function: p[1], Dataset: "d"}
		}))
	}
	for i, p := range pairs {
		label := store.FunctionLabel(store.KindFunction, p[0], p[1])
		if i%2 == 1 {
			label = store.FunctionDatasetLabel(store.KindFunction, p[0], p[1], "d")
		}
		if b := e.bump(label); b.Entries != 1 {
			e.Errorf("the bump of %q hid %d entries, want 1", p, b.Entries)
		}
		if n := e.count(store.Query{}).Entries; n != len(pairs)-i-1 {
			e.Errorf("after the bump of %q %d entries are live, want %d", p, n, len(pairs)-i-1)
		}
	}
}

func checkPrefixes(e *env) {
	for _, h := range hostile {
		e.publish(with(hostileRecord(h), func(r *store.Record) { r.Labels.Entry = h + "tail" }))
	}
	e.publish(with(rec("function"), func(r *store.Record) { r.Labels.Function = "tail" }))
	for _, h := range hostile {
		want := 0
		for _, other := range hostile {
			if strings.HasPrefix(other+"tail", h+"t") {
				want++
			}
		}
		if n := e.count(store.Query{EntryPrefix: h + "t"}).Entries; n != want {
			e.Errorf("Count by prefix %q = %d, want %d", h+"t", n, want)
		}
	}
}

func checkHostileKeys(e *env) {
	keys := []store.Key{{}, {31: 1}, {0: 1}, {7: 1}, {8: 1}, {0: 0x80}, {0: 0x7f, 31: 0xff}}
	var ones store.Key
	for i := range ones {
		ones[i] = 0xff
	}
	keys = append(keys, ones)
	for i, key := range keys {
		e.publish(&store.Record{Key: key, Value: []byte{byte(i)}})
	}
	for i, key := range keys {
		if l := e.get(key); !l.Found || l.Record.Key != key || !bytes.Equal(l.Record.Value, []byte{byte(i)}) {
			e.Errorf("key %s: found %t, value %v, want %d", key, l.Found, l.Record.Value, i)
		}
	}
	listed := e.list(store.Query{}).Records
	sorted := slices.IsSortedFunc(listed, func(a, b store.Record) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	if len(listed) != len(keys) || !sorted {
		e.Errorf("listed %d of %d keys, sorted as bytes %t", len(listed), len(keys), sorted)
	}
	e.clear(keys[0])
	e.purge(store.Query{Key: &keys[1]})
	if n := e.count(store.Query{}).Entries; n != len(keys)-2 {
		e.Errorf("%d entries after a clear and a purge, want %d", n, len(keys)-2)
	}
}

func checkManyLabels(e *env) {
	long := strings.Repeat("long\x00", 1000)
	r := hostileRecord(long)
	r.Labels.Tags = []string{long}
	for i := range 200 {
		r.Labels.Tags = append(r.Labels.Tags, fmt.Sprintf("tag %03d", i))
	}
	slices.Sort(r.Labels.Tags)
	stamp := e.publish(r)
	if d := diff(asRead(r, stamp), e.get(r.Key).Record); d != "" {
		e.Errorf("read back (-put +got):\n%s", d)
	}
	if n := e.count(store.Query{Tag: ptr("tag 199")}).Entries; n != 1 {
		e.Errorf("Count by the last tag = %d, want 1", n)
	}
	for _, l := range r.Labels.Of(nil, r.Policy) {
		e.publish(r)
		if b := e.bump(l); b.Entries != 1 {
			e.Errorf("the bump of label %d %.20q hid %d entries, want 1", l.Kind, l.Value, b.Entries)
		}
	}
}
