package inspect

import (
	"context"
	"errors"
	"time"
)

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	Stored    EventKind = "stored"    // a result was published
	Changed   EventKind = "changed"   // an entry was set, refreshed or updated
	Cleared   EventKind = "cleared"   // an entry was cleared
	Bumped    EventKind = "bumped"    // everything with a label was cleared
	Forgotten EventKind = "forgotten" // more happened than the store remembers
)

// Event is something that happened to a store.
type Event struct {
	Kind       EventKind `json:"kind"`
	Time       time.Time `json:"time"` // when it was noticed, by this machine's clock
	Seq        uint64    `json:"seq,omitempty"`
	Key        string    `json:"key,omitempty"`
	Label      string    `json:"label,omitempty"` // of Bumped: "all", "function", "function-dataset", "dataset", "tag"
	EntryKind  string    `json:"entry_kind,omitempty"`
	Collection string    `json:"collection,omitempty"`
	Function   string    `json:"function,omitempty"`
	Dataset    string    `json:"dataset,omitempty"`
	Tag        string    `json:"tag,omitempty"`
	Entry      string    `json:"entry,omitempty"`
	Size       int64     `json:"size,omitempty"`         // of Stored and Changed
	Cost       Seconds   `json:"cost_seconds,omitempty"` // of Stored and Changed
}

// Watch calls f for what happens to the store, by anyone, until ctx ends, whose
// error it returns; one call at a time. Where the store cannot push, it asks
// every second and does not see plain results being stored. What happens
// faster than f returns may be folded together.
func (i *Inspector) Watch(ctx context.Context, f func(Event)) error {
	return errors.ErrUnsupported
}
