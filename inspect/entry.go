package inspect

import (
	"context"
	"errors"
	"time"

	"github.com/reprise-go/reprise/store"
)

// State says whether an entry answers calls.
type State string

// The states.
const (
	// Live entries answer calls.
	Live State = "live"
	// Expired entries are past their time to live. Within their grace they may
	// stand in for a failing function.
	Expired State = "expired"
	// Hidden entries were cleared, by function, dataset or tag, and take up room
	// until a sweep.
	Hidden State = "hidden"
)

// The kinds of entries.
const (
	// FunctionKind marks results of cached functions and commands.
	FunctionKind = "function"
	// EntryKind marks keys of execution stores.
	EntryKind = "entry"
)

// Entry describes an entry of a store.
type Entry struct {
	Key        string    `json:"key"`  // 64 hexadecimal digits
	Kind       string    `json:"kind"` // FunctionKind or EntryKind
	Collection string    `json:"collection"`
	Function   string    `json:"function"`          // the function's name, or the execution store's
	Dataset    string    `json:"dataset,omitempty"` // empty: not linked to one
	Version    string    `json:"version,omitempty"`
	Entry      string    `json:"entry,omitempty"` // the key inside an execution store
	Tags       []string  `json:"tags,omitempty"`
	State      State     `json:"state"`
	Policy     string    `json:"policy"` // "evict" or "persist"
	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires,omitzero"` // zero: never
	Grace      Seconds   `json:"grace_seconds,omitempty"`
	Age        Seconds   `json:"age_seconds"`
	Cost       Seconds   `json:"cost_seconds"` // what computing the value took
	Size       int64     `json:"size"`         // bytes, as sealed
	Begun      uint64    `json:"begun"`        // sequence number when the execution began
	Fence      uint64    `json:"fence,omitempty"`

	// What follows is filled in by Inspector.Entry only.

	Now    time.Time  `json:"now,omitzero"`    // the store's clock at the reading
	Parts  []Part     `json:"parts,omitempty"` // what went into the key
	Scoped bool       `json:"scoped,omitempty"`
	Value  *ValueInfo `json:"value,omitempty"` // nil where the value is gone
	// Problem says what is wrong with the value or the manifest; empty: nothing.
	Problem string `json:"problem,omitempty"`
}

// Part is a named part of what went into a key.
type Part struct {
	Name    string `json:"name"`
	Digest  string `json:"digest"`            // 16 hexadecimal digits
	Preview string `json:"preview,omitempty"` // at most 80 printable characters; empty where private
	Private bool   `json:"private,omitempty"`
}

// ValueInfo describes a stored value without showing it.
type ValueInfo struct {
	Codec      string `json:"codec"`
	Plain      int    `json:"plain"` // bytes, not compressed
	Compressed bool   `json:"compressed"`
	Signed     bool   `json:"signed"`
}

// AmbiguousError lists keys that begin with a prefix.
type AmbiguousError struct {
	Prefix string
	Keys   []string // some of them, at least two
	More   bool     // there are others
}

// Entry describes the entry whose key is ref, 64 hexadecimal digits, or the
// only one whose key begins so, of at least 4. It also finds entries that are
// expired or hidden, as long as they are on the medium. ErrBadKey, ErrNotFound
// and ErrAmbiguous say what is wrong with ref. A prefix costs a look at the
// keys up to it.
func (i *Inspector) Entry(ctx context.Context, ref string) (Entry, error) {
	f, err := i.find(ctx, ref)
	if err != nil {
		return Entry{}, wrap("entry", err)
	}
	e := entryOf(&f.rec, f.state, f.now)
	e.Now = f.now
	if e.Parts, err = partsOf(&f.rec); err != nil {
		e.Problem = err.Error()
	}
	e.Scoped = scoped(e.Parts)
	_, info, err := i.open(ctx, f)
	switch {
	case err == nil:
		e.Value = &info
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrNotFound):
		e.Problem = err.Error()
	default:
		return Entry{}, wrap("entry", err)
	}
	return e, nil
}

// entryOf is rec for people.
func entryOf(rec *store.Record, s State, now time.Time) Entry {
	l := &rec.Labels
	return Entry{
		Key: rec.Key.String(), Kind: kindName(l.Kind), Collection: l.Collection, Function: l.Function, Dataset: l.Dataset,
		Version: l.Version, Entry: l.Entry, Tags: l.Tags, State: s, Policy: rec.Policy.String(),
		Created: rec.Created, Expires: rec.Expires, Grace: Seconds(rec.Grace), Age: Seconds(max(0, now.Sub(rec.Created))),
		Cost: Seconds(rec.Cost), Size: rec.Size, Begun: rec.Begun, Fence: rec.Fence,
	}
}

func kindName(k store.Kind) string {
	if k == store.KindEntry {
		return EntryKind
	}
	return FunctionKind
}
