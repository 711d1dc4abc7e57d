package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise/store"
)

func modelTopic() topic {
	return topic{"model", []check{{"random histories agree with the contract", checkModel}}}
}

// checkModel runs random sequences of operations against the store and the
// model. After every step each key is looked up, counted and listed, and a
// simulated reader that keeps copies must hold none that a later clear or bump
// made invalid.
func checkModel(e *env) {
	rapid.Check(e.T, func(t *rapid.T) {
		inner := *e
		inner.reporter = t
		inner.s = e.h.Open(e.T)
		m := &machine{env: &inner, reader: newReader()}
		defer func() { inner.s.Close() }() // m.reopen may have replaced it
		m.model = newModel(inner.seq())
		t.Repeat(m.actions())
	})
}

// machine drives the store and the model side by side.
type machine struct {
	*env
	model   *model
	reader  *reader
	running []*store.Record // executions that began and did not publish yet
	serial  int             // makes each value unlike all others
}

func (m *machine) actions() map[string]func(*rapid.T) {
	a := map[string]func(*rapid.T){
		"":        func(*rapid.T) { m.check() },
		"begin":   m.begin,
		"publish": m.publishOne,
		"set":     m.set,
		"clear":   func(t *rapid.T) { m.clearKey(drawKey(t)) },
		"bump":    m.bumpSome,
		"update":  m.updateKey,
		"purge":   m.purgeSome,
		"sweep":   func(*rapid.T) { m.sweepAll() },
		"read":    func(t *rapid.T) { m.reader.read(m, drawKey(t)) },
		"poll":    func(*rapid.T) { m.reader.poll(m) },
	}
	if m.h.Advance != nil {
		a["advance"] = func(t *rapid.T) {
			m.h.Advance(time.Duration(rapid.IntRange(1, 3).Draw(t, "minutes")) * time.Minute)
		}
	}
	if m.h.Reopen != nil {
		a["reopen"] = func(*rapid.T) { m.s = m.h.Reopen(m.T, m.s) }
	}
	return a
}

var modelKeys = []store.Key{keyOf("k0"), keyOf("k1"), keyOf("k2")}

func drawKey(t *rapid.T) store.Key { return rapid.SampledFrom(modelKeys).Draw(t, "key") }

// draw makes up a record. Durations end between whole minutes, so that no
// check falls on the moment of an expiry.
func (m *machine) draw(t *rapid.T) *store.Record {
	m.serial++
	r := &store.Record{
		Key:    drawKey(t),
		Value:  fmt.Appendf(nil, "value %d", m.serial),
		Policy: rapid.SampledFrom([]store.Policy{store.Evict, store.Persist}).Draw(t, "policy"),
		Cost:   time.Duration(m.serial) * time.Second,
		Labels: store.Labels{
			Collection: "c",
			Function:   rapid.SampledFrom([]string{"f", "g"}).Draw(t, "function"),
			Dataset:    rapid.SampledFrom([]string{"", "d"}).Draw(t, "dataset"),
			Tags:       rapid.SampledFrom([][]string{nil, {"x"}, {"x", "y"}}).Draw(t, "tags"),
		},
	}
	if m.h.Advance != nil && rapid.Bool().Draw(t, "expires") {
		r.TTL = time.Duration(rapid.IntRange(0, 1).Draw(t, "ttl"))*time.Minute + 30*time.Second
		r.Grace = time.Duration(rapid.IntRange(0, 2).Draw(t, "grace")) * 3 * time.Minute
	}
	return r
}

func drawScope(t *rapid.T) scope {
	return rapid.SampledFrom([]scope{
		{all: true}, {function: "f"}, {function: "g"}, {dataset: "d"}, {function: "f", dataset: "d"}, {tag: "x"}, {tag: "y"},
	}).Draw(t, "scope")
}

func (m *machine) begin(t *rapid.T) {
	r := m.draw(t)
	r.Begun = m.seq()
	m.running = append(m.running, r)
}

func (m *machine) publishOne(t *rapid.T) {
	if len(m.running) == 0 {
		t.Skip("nothing is running")
	}
	i := rapid.IntRange(0, len(m.running)-1).Draw(t, "execution")
	mode := rapid.SampledFrom([]store.PutMode{store.PutPublish, store.PutPublish, store.PutRefresh}).Draw(t, "mode")
	r := m.running[i]
	m.running = slices.Delete(m.running, i, i+1)
	must, may := m.model.verdict(r, m.now())
	stamp, err := m.s.Put(m.ctx, r, mode)
	switch {
	case err == nil && must:
		m.Fatalf("Put accepted an execution that began at %d; cleared at %d, sequence %d",
			r.Begun, m.model.cleared[r.Key], m.model.seq)
	case err == nil:
		m.accept(r, mode, stamp)
	case !may || !errors.Is(err, store.ErrSuperseded):
		m.Fatalf("Put of an execution that began at %d: %v", r.Begun, err)
	}
}

func (m *machine) set(t *rapid.T) {
	r := m.draw(t)
	m.accept(r, store.PutSet, m.put(r, store.PutSet))
}

// accept tells the model of a put that succeeded.
func (m *machine) accept(r *store.Record, mode store.PutMode, stamp store.Stamp) {
	if moved := stamp.Seq > m.model.seq; moved != (mode != store.PutPublish) {
		m.Fatalf("a Put of mode %d took the sequence from %d to %d", mode, m.model.seq, stamp.Seq)
	}
	m.model.accept(r, mode, stamp)
}

func (m *machine) clearKey(key store.Key) {
	want := 0
	if m.model.visible(key, m.now()) != nil {
		want = 1
	}
	b := m.clear(key)
	if b.Entries != want || b.Seq <= m.model.seq {
		m.Fatalf("Clear = %+v, want %d entries and a number over %d", b, want, m.model.seq)
	}
	m.model.clear(key, b.Seq)
}

func (m *machine) bumpSome(t *rapid.T) {
	scopes := []scope{drawScope(t), drawScope(t)}
	want := m.model.countVisible(m.now(), func(r *store.Record) bool { return scopes[0].covers(r) || scopes[1].covers(r) })
	b := m.bump(scopes[0].label(), scopes[1].label())
	if b.Entries != want || b.Seq <= m.model.seq {
		m.Fatalf("Bump(%+v) = %+v, want %d entries and a number over %d", scopes, b, want, m.model.seq)
	}
	m.model.seq = b.Seq
	m.model.bumps = append(m.model.bumps, bump{scopes[0], b.Seq}, bump{scopes[1], b.Seq})
}

func (m *machine) updateKey(t *rapid.T) {
	key := drawKey(t)
	var c store.Change
	if rapid.Bool().Draw(t, "change ttl") {
		c.TTL = ptr(rapid.SampledFrom([]time.Duration{0, 90 * time.Second, 1000*time.Hour + 30*time.Second}).Draw(t, "ttl"))
	}
	if c.TTL == nil || rapid.Bool().Draw(t, "change policy") {
		c.Policy = ptr(rapid.SampledFrom([]store.Policy{store.Evict, store.Persist}).Draw(t, "policy"))
	}
	old := m.model.visible(key, m.now())
	if got := m.update(key, c); got != (old != nil) {
		m.Fatalf("Update = %t, visible %t", got, old != nil)
	}
	if old == nil {
		return
	}
	if c.Policy != nil {
		old.Policy = *c.Policy
	}
	if c.TTL != nil {
		old.Expires = m.list(store.Query{Key: &key, All: true}).Records[0].Expires
	}
	m.model.entries[key] = *old
	m.model.seq = m.seq()
	m.model.changed[key] = m.model.seq
}

func (m *machine) purgeSome(t *rapid.T) {
	f := rapid.SampledFrom([]string{"f", "g"}).Draw(t, "function")
	selected := func(r *store.Record) bool { return r.Labels.Function == f }
	want := m.model.countVisible(m.now(), selected)
	if n := m.purge(store.Query{Function: &f}); n != want {
		m.Fatalf("Purge = %d, want %d", n, want)
	}
	m.model.drop(selected)
}

func (m *machine) sweepAll() {
	m.sweep()
	now := m.now()
	m.model.drop(func(r *store.Record) bool { return m.model.hidden(r) || m.model.gone(r, now) })
	if n := m.count(store.Query{All: true}).Entries; n != len(m.model.entries) {
		m.Fatalf("%d entries after a Sweep, want %d", n, len(m.model.entries))
	}
}
