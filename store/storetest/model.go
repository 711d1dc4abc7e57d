package storetest

import (
	"slices"
	"time"

	"github.com/reprise-go/reprise/store"
)

// model is the contract of package store in as few words as possible. It is
// written from the comments of that package and shares no code with any
// driver, nor does it use store's labels: a scope says itself what it covers.
type model struct {
	seq     uint64
	entries map[store.Key]store.Record
	cleared map[store.Key]uint64
	bumps   []bump
	changed map[store.Key]uint64 // last clear, set, refresh or update
	// ghosts are records that no longer matter, which a driver may or may not
	// remember when an older execution wants to publish.
	ghosts map[store.Key]uint64
}

// bump is a scope that was invalidated at a sequence number.
type bump struct {
	scope
	seq uint64
}

// scope is what a label stands for. Exactly one field is set; a dataset beside
// a function narrows it.
type scope struct {
	all      bool
	function string
	dataset  string
	tag      string
}

func (s scope) covers(r *store.Record) bool {
	switch {
	case s.all:
		return r.Policy == store.Evict
	case s.tag != "":
		return slices.Contains(r.Labels.Tags, s.tag)
	case s.function != "" && s.function != r.Labels.Function:
		return false
	}
	return s.dataset == "" || s.dataset == r.Labels.Dataset
}

// label is the scope as the store wants to hear it.
func (s scope) label() store.Label {
	switch {
	case s.all:
		return store.All()
	case s.tag != "":
		return store.TagLabel(s.tag)
	case s.function == "":
		return store.DatasetLabel(s.dataset)
	case s.dataset == "":
		return store.FunctionLabel(store.KindFunction, "c", s.function)
	}
	return store.FunctionDatasetLabel(store.KindFunction, "c", s.function, s.dataset)
}

func newModel(seq uint64) *model {
	return &model{
		seq:     seq,
		entries: make(map[store.Key]store.Record),
		cleared: make(map[store.Key]uint64),
		changed: make(map[store.Key]uint64),
		ghosts:  make(map[store.Key]uint64),
	}
}

func (m *model) hidden(r *store.Record) bool {
	return slices.ContainsFunc(m.bumps, func(b bump) bool { return b.seq > r.Begun && b.covers(r) })
}

func expired(r *store.Record, now time.Time) bool {
	return !r.Expires.IsZero() && now.After(r.Expires)
}

func (m *model) gone(r *store.Record, now time.Time) bool {
	return !r.Expires.IsZero() && now.After(r.Expires.Add(r.Grace))
}

// visible is the entry under key where a reader may use it, else nil.
func (m *model) visible(key store.Key, now time.Time) *store.Record {
	r, ok := m.entries[key]
	if !ok || m.hidden(&r) || expired(&r, now) {
		return nil
	}
	return &r
}

// countVisible counts the visible entries that f selects.
func (m *model) countVisible(now time.Time, f func(*store.Record) bool) int {
	n := 0
	for key := range m.entries {
		if r := m.visible(key, now); r != nil && f(r) {
			n++
		}
	}
	return n
}

// verdict says whether a put of r must be refused, or may be.
func (m *model) verdict(r *store.Record, now time.Time) (must, may bool) {
	old, ok := m.entries[r.Key]
	older := ok && r.Begun < old.Begun
	dead := ok && (m.hidden(&old) || m.gone(&old, now))
	must = r.Begun < m.cleared[r.Key] || r.Begun > m.seq || older && !dead
	may = must || older || r.Begun < m.ghosts[r.Key] || m.hidden(r)
	return must, may
}

// accept notes that the store took r.
func (m *model) accept(r *store.Record, mode store.PutMode, stamp store.Stamp) {
	c := *r
	c.Created, c.Expires, c.TTL = stamp.Created, stamp.Expires, 0
	m.seq = stamp.Seq
	if mode == store.PutSet {
		c.Begun = stamp.Seq
	}
	if mode != store.PutPublish {
		m.changed[r.Key] = stamp.Seq
	}
	m.entries[r.Key] = c
	delete(m.ghosts, r.Key)
}

// clear notes a clear that took seq.
func (m *model) clear(key store.Key, seq uint64) {
	m.seq = seq
	m.cleared[key], m.changed[key] = seq, seq
	delete(m.entries, key)
	delete(m.ghosts, key)
}

// drop removes what f selects without clearing it.
func (m *model) drop(f func(*store.Record) bool) {
	for key, r := range m.entries {
		if f(&r) {
			m.ghosts[key] = max(m.ghosts[key], r.Begun)
			delete(m.entries, key)
		}
	}
}
