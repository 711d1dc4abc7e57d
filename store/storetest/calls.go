package storetest

import (
	"crypto/sha256"
	"slices"

	"github.com/reprise-go/reprise/store"
)

// The methods of the store, for checks in which they must succeed.

func keyOf(name string) store.Key { return sha256.Sum256([]byte(name)) }

// rec is a plain record of one function's entry. Checks alter what they are
// about.
func rec(name string) *store.Record {
	return &store.Record{
		Key:    keyOf(name),
		Labels: store.Labels{Collection: "c", Function: "f", Version: "v1"},
		Value:  []byte("value of " + name),
		Cost:   1_000_000_000,
	}
}

// with returns r after change was applied to it.
func with(r *store.Record, change func(*store.Record)) *store.Record {
	change(r)
	return r
}

func (e *env) info() store.Info {
	e.Helper()
	i, err := e.s.Info(e.ctx)
	e.must("Info", err)
	return i
}

func (e *env) must(what string, err error) {
	e.Helper()
	if err != nil {
		e.Fatalf("%s: %v", what, err)
	}
}

// seq is the current sequence number, as an execution that begins now notes it.
func (e *env) seq() uint64 {
	e.Helper()
	return e.info().Seq
}

// publish stores r as the result of an execution that began just now.
func (e *env) publish(r *store.Record) store.Stamp {
	e.Helper()
	r.Begun = e.seq()
	return e.put(r, store.PutPublish)
}

func (e *env) put(r *store.Record, mode store.PutMode) store.Stamp {
	e.Helper()
	stamp, err := e.s.Put(e.ctx, r, mode)
	e.must("Put", err)
	return stamp
}

func (e *env) get(key store.Key) store.Lookup {
	e.Helper()
	l, err := e.s.Get(e.ctx, key)
	e.must("Get", err)
	return l
}

func (e *env) clear(key store.Key) store.Bumped {
	e.Helper()
	b, err := e.s.Clear(e.ctx, key)
	e.must("Clear", err)
	return b
}

func (e *env) bump(labels ...store.Label) store.Bumped {
	e.Helper()
	b, err := e.s.Bump(e.ctx, labels...)
	e.must("Bump", err)
	return b
}

func (e *env) changes(since uint64) store.Changes {
	e.Helper()
	c, err := e.s.Changes(e.ctx, since)
	e.must("Changes", err)
	return c
}

func (e *env) update(key store.Key, c store.Change) bool {
	e.Helper()
	ok, err := e.s.Update(e.ctx, key, c)
	e.must("Update", err)
	return ok
}

func (e *env) list(q store.Query) store.Page {
	e.Helper()
	p, err := e.s.List(e.ctx, q)
	e.must("List", err)
	return p
}

func (e *env) count(q store.Query) store.Totals {
	e.Helper()
	t, err := e.s.Count(e.ctx, q)
	e.must("Count", err)
	return t
}

func (e *env) purge(q store.Query) int {
	e.Helper()
	n, err := e.s.Purge(e.ctx, q)
	e.must("Purge", err)
	return n
}

func (e *env) sweep() store.Swept {
	e.Helper()
	s, err := e.s.Sweep(e.ctx)
	e.must("Sweep", err)
	return s
}

// visible tells whether a reader that follows the contract may use what l
// holds: it is found, fresh, and no label of it was bumped since it began.
func (e *env) visible(l store.Lookup) bool {
	e.Helper()
	return l.Found && fresh(l) && !hiddenBy(e.changes(0).Labels, &l.Record)
}

// sees looks key up and tells whether the answer is visible.
func (e *env) sees(key store.Key) bool {
	e.Helper()
	return e.visible(e.get(key))
}

// wantVisible and wantHidden fail the check where an entry is not as expected.
func (e *env) wantVisible(names ...string) {
	e.Helper()
	for _, name := range names {
		if !e.sees(keyOf(name)) {
			e.Errorf("entry %q is not visible and should be", name)
		}
	}
}

func (e *env) wantHidden(names ...string) {
	e.Helper()
	for _, name := range names {
		if e.sees(keyOf(name)) {
			e.Errorf("entry %q is visible and should not be", name)
		}
	}
}

// fresh tells whether l's record has not expired in the store's clock.
func fresh(l store.Lookup) bool {
	return l.Record.Expires.IsZero() || l.Now.Before(l.Record.Expires)
}

// hiddenBy tells whether a label that r carries was bumped after r began.
func hiddenBy(bumped []store.LabelChange, r *store.Record) bool {
	carried := r.Labels.Of(nil, r.Policy)
	return slices.ContainsFunc(bumped, func(c store.LabelChange) bool {
		return c.Seq > r.Begun && slices.Contains(carried, c.Label)
	})
}
