package storetest

import (
	"errors"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise/store"
)

func generationsTopic() topic {
	return topic{"generations", []check{
		{"a bump hides what carries the label", checkBumpKinds},
		{"a bump of all spares persistent entries", checkBumpSparesPersist},
		{"work that began before stays hidden", checkBumpBeatsWorkUnderWay},
		{"work that began after is visible", checkAfterBump},
		{"a bump takes a number", checkBumpNumber},
		{"a bump counts live entries once", checkBumpCount},
		{"an invalid label is refused", checkBadLabels},
		{"changes tell labels", checkLabelChanges},
		{"changes since 0 tell no keys", checkChangesSinceZero},
		{"a number from the future means flush", checkFutureSince},
		{"a record from the future is refused", checkFutureBegun},
	}}
}

// family puts entries that differ in one label each.
func (e *env) family() (names []string) {
	for name, l := range map[string]store.Labels{
		"plain":      {Collection: "c", Function: "f"},
		"dataset":    {Collection: "c", Function: "f", Dataset: "d"},
		"other data": {Collection: "c", Function: "f", Dataset: "d2"},
		"other fn":   {Collection: "c", Function: "g", Dataset: "d"},
		"other coll": {Collection: "c2", Function: "f"},
		"entry":      {Kind: store.KindEntry, Collection: "c", Function: "f", Entry: "x"},
		"tagged":     {Collection: "c", Function: "h", Tags: []string{"s", "t"}},
	} {
		e.publish(with(rec(name), func(r *store.Record) { r.Labels = l }))
		names = append(names, name)
	}
	return names
}

func checkBumpKinds(e *env) {
	const fn = store.KindFunction
	for _, c := range []struct {
		label store.Label
		hides []string
	}{
		{store.FunctionLabel(fn, "c", "f"), []string{"plain", "dataset", "other data"}},
		{store.FunctionLabel(store.KindEntry, "c", "f"), []string{"entry"}},
		{store.FunctionDatasetLabel(fn, "c", "f", "d"), []string{"dataset"}},
		{store.DatasetLabel("d"), []string{"dataset", "other fn"}},
		{store.TagLabel("t"), []string{"tagged"}},
		{store.TagLabel("d"), nil},
		{store.All(), []string{"plain", "dataset", "other data", "other fn", "other coll", "entry", "tagged"}},
	} {
		all := e.family()
		b := e.bump(c.label)
		hidden := make(map[string]bool)
		for _, name := range c.hides {
			hidden[name] = true
		}
		for _, name := range all {
			if got := !e.sees(keyOf(name)); got != hidden[name] {
				e.Errorf("after the bump of %+v, entry %q hidden: %t, want %t", c.label, name, got, hidden[name])
			}
		}
		if b.Entries != len(c.hides) {
			e.Errorf("the bump of %+v says it hid %d entries, want %d", c.label, b.Entries, len(c.hides))
		}
		if n := e.count(store.Query{}).Entries; n != len(all)-len(c.hides) {
			e.Errorf("Count = %d after the bump of %+v, want %d", n, c.label, len(all)-len(c.hides))
		}
	}
}

func checkBumpSparesPersist(e *env) {
	r := with(rec("a"), func(r *store.Record) { r.Policy = store.Persist })
	e.publish(r)
	e.publish(rec("b"))
	if b := e.bump(store.All()); b.Entries != 1 {
		e.Errorf("hid %d entries, want 1", b.Entries)
	}
	e.wantVisible("a")
	e.wantHidden("b")
	e.bump(store.FunctionLabel(store.KindFunction, "c", "f"))
	e.wantHidden("a")
}

func checkBumpBeatsWorkUnderWay(e *env) {
	r := with(rec("a"), func(r *store.Record) { r.Labels.Tags = []string{"t"} })
	r.Begun = e.seq()
	e.bump(store.TagLabel("t"))
	if _, err := e.s.Put(e.ctx, r, store.PutPublish); err != nil && !errors.Is(err, store.ErrSuperseded) {
		e.Fatalf("Put: %v", err)
	}
	e.wantHidden("a")
	if n := e.count(store.Query{}).Entries; n != 0 {
		e.Errorf("Count = %d, want 0", n)
	}
}

func checkAfterBump(e *env) {
	e.bump(store.All(), store.TagLabel("t"))
	e.publish(with(rec("a"), func(r *store.Record) { r.Labels.Tags = []string{"t"} }))
	e.wantVisible("a")
	e.bump(store.TagLabel("u"))
	e.wantVisible("a")
}

func checkBumpNumber(e *env) {
	before := e.seq()
	one := e.bump(store.TagLabel("t"), store.DatasetLabel("d")).Seq
	two := e.bump(store.TagLabel("t")).Seq
	if one <= before || two <= one || e.seq() != two {
		e.Errorf("numbers %d, %d, %d, then Info.Seq = %d", before, one, two, e.seq())
	}
}

func checkBumpCount(e *env) {
	for _, name := range []string{"a", "b"} {
		e.publish(with(rec(name), func(r *store.Record) { r.Labels.Tags = []string{"t", "u"} }))
	}
	short := with(e.lasting("expired", 1, 1000), func(r *store.Record) { r.Labels.Tags = []string{"t"} })
	e.pass(e.publish(short).Expires)
	if b := e.bump(store.TagLabel("t"), store.TagLabel("u")); b.Entries != 2 {
		e.Errorf("hid %d entries, want 2", b.Entries)
	}
	if b := e.bump(store.TagLabel("t")); b.Entries != 0 {
		e.Errorf("the second bump hid %d entries, want 0", b.Entries)
	}
}

func checkBadLabels(e *env) {
	e.publish(rec("a"))
	before := e.seq()
	for _, labels := range [][]store.Label{nil, {{}}, {store.All(), {}}, {{Kind: 99}}} {
		if _, err := e.s.Bump(e.ctx, labels...); !errors.Is(err, store.ErrBadQuery) {
			e.Errorf("Bump(%v) = %v, want ErrBadQuery", labels, err)
		}
	}
	e.wantVisible("a")
	if e.seq() != before {
		e.Errorf("a refused bump moved the sequence from %d to %d", before, e.seq())
	}
}

// labelSeqs is what c tells about labels.
func labelSeqs(t rapid.TB, c store.Changes) map[store.Label]uint64 {
	m := make(map[store.Label]uint64)
	for _, l := range c.Labels {
		if _, twice := m[l.Label]; twice {
			t.Errorf("Changes tells label %+v twice", l.Label)
		}
		m[l.Label] = l.Seq
	}
	return m
}

func checkLabelChanges(e *env) {
	t, u := store.TagLabel("t"), store.TagLabel("u")
	e.bump(t)
	first := e.bump(u).Seq
	second := e.bump(t).Seq
	if c := e.changes(0); c.Seq != second || labelSeqs(e, c)[t] != second || labelSeqs(e, c)[u] != first {
		e.Errorf("Changes(0) = %+v, want t:%d u:%d", c, second, first)
	}
	c := e.changes(first)
	if got := labelSeqs(e, c); len(got) != 1 || got[t] != second || c.Seq != second || c.Flush {
		e.Errorf("Changes(%d) = %+v, want only t:%d", first, c, second)
	}
	if c := e.changes(second); len(c.Labels)+len(c.Keys) != 0 || c.Flush || c.Seq != second {
		e.Errorf("Changes(%d) = %+v, want nothing", second, c)
	}
}

func checkChangesSinceZero(e *env) {
	e.put(rec("a"), store.PutSet)
	e.clear(keyOf("b"))
	e.bump(store.All())
	if c := e.changes(0); len(c.Keys) != 0 || len(c.Labels) != 1 || c.Flush {
		e.Errorf("Changes(0) = %+v, want one label, no keys and no flush", c)
	}
}

func checkFutureSince(e *env) {
	e.bump(store.TagLabel("t"))
	c := e.changes(e.seq() + 1000)
	if !c.Flush || c.Seq != e.seq() {
		e.Errorf("Changes of a number the store never reached = %+v, want a flush and Seq %d", c, e.seq())
	}
}

func checkFutureBegun(e *env) {
	r := rec("a")
	r.Begun = e.seq() + 5
	if _, err := e.s.Put(e.ctx, r, store.PutPublish); !errors.Is(err, store.ErrSuperseded) {
		e.Errorf("Put of a record that began at %d while the sequence is at %d = %v, want ErrSuperseded: "+
			"the next clear would not hide it", r.Begun, e.seq(), err)
	}
}
