package storetest

import (
	"github.com/reprise-go/reprise/store"
)

// check compares everything that can be seen with the model.
func (m *machine) check() {
	m.Helper()
	if seq := m.seq(); seq != m.model.seq {
		m.Fatalf("Info.Seq = %d, want %d", seq, m.model.seq)
	}
	labels := m.changes(0).Labels
	listed := make(map[store.Key]bool)
	for _, r := range m.list(store.Query{}).Records {
		listed[r.Key] = true
	}
	now := m.now()
	for _, key := range modelKeys {
		m.checkKey(key, labels)
		if want := m.model.visible(key, now) != nil; listed[key] != want {
			m.Fatalf("key %s is listed: %t, want %t", key.Short(), listed[key], want)
		}
	}
	want := m.model.countVisible(now, func(*store.Record) bool { return true })
	if n := m.count(store.Query{}).Entries; n != want {
		m.Fatalf("Count = %d, want %d", n, want)
	}
}

// checkKey looks one key up, as a reader that knows which labels were bumped.
func (m *machine) checkKey(key store.Key, bumped []store.LabelChange) {
	m.Helper()
	l := m.get(key)
	got := l.Found && fresh(l) && !hiddenBy(bumped, &l.Record)
	want := m.model.visible(key, l.Now)
	switch {
	case got && want == nil:
		m.Fatalf("key %s shows %q, which began at %d; cleared at %d, bumps %+v",
			key.Short(), l.Record.Value, l.Record.Begun, m.model.cleared[key], m.model.bumps)
	case !got && want != nil:
		m.Fatalf("key %s does not show %q, which began at %d (found %t)", key.Short(), want.Value, want.Begun, l.Found)
	case got:
		full := *want
		full.Size = int64(len(full.Value))
		if d := diff(full, l.Record); d != "" {
			m.Fatalf("key %s (-want +got):\n%s", key.Short(), d)
		}
	}
	m.checkGrace(l, key)
}

// checkGrace holds that Get returns an entry in its grace, and none that is
// past it, cleared or purged.
func (m *machine) checkGrace(l store.Lookup, key store.Key) {
	m.Helper()
	r, ok := m.model.entries[key]
	switch {
	case l.Found && (!ok || m.model.gone(&r, l.Now)):
		m.Fatalf("Get found %q under key %s, which has no entry any more", l.Record.Value, key.Short())
	case !l.Found && ok && !m.model.gone(&r, l.Now) && !m.model.hidden(&r):
		m.Fatalf("Get did not find %q under key %s, which expires at %v with a grace of %v; it is %v",
			r.Value, key.Short(), r.Expires, r.Grace, l.Now)
	}
}

// reader keeps copies of entries, as a memory tier does, and learns from
// Changes which to drop.
type reader struct {
	copies map[store.Key]copied
	labels map[store.Label]uint64
	since  uint64
}

type copied struct {
	record store.Record
	seq    uint64 // Lookup.Seq
}

func newReader() *reader {
	return &reader{copies: make(map[store.Key]copied), labels: make(map[store.Label]uint64)}
}

func (r *reader) read(m *machine, key store.Key) {
	if l := m.get(key); l.Found {
		r.copies[key] = copied{l.Record, l.Seq}
	}
}

// poll drops what Changes says, and then looks for copies that should have
// been dropped.
func (r *reader) poll(m *machine) {
	c := m.changes(r.since)
	for _, l := range c.Labels {
		r.labels[l.Label] = l.Seq
	}
	if c.Flush || r.since == 0 {
		clear(r.copies) // a real reader asks before it reads
	}
	for _, k := range c.Keys {
		if held, ok := r.copies[k.Key]; ok && held.seq < k.Seq {
			delete(r.copies, k.Key)
		}
	}
	r.since = c.Seq
	for key, held := range r.copies {
		if r.knowsHidden(&held.record) {
			delete(r.copies, key)
		} else if why := m.model.outdated(key, held); why != "" {
			m.Fatalf("after Changes a reader still trusts %q, which began at %d and was read at %d: %s",
				held.record.Value, held.record.Begun, held.seq, why)
		}
	}
}

func (r *reader) knowsHidden(rec *store.Record) bool {
	for _, l := range rec.Labels.Of(nil, rec.Policy) {
		if r.labels[l] > rec.Begun {
			return true
		}
	}
	return false
}

// outdated says why a copy may not be used, apart from its expiry.
func (m *model) outdated(key store.Key, c copied) string {
	switch {
	case c.record.Begun < m.cleared[key]:
		return "it was cleared"
	case c.seq < m.changed[key]:
		return "it was set, refreshed or updated"
	case m.hidden(&c.record):
		return "a label of it was bumped"
	}
	return ""
}
