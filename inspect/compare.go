package inspect

import (
	"context"
	"errors"
)

// Difference is a part in which two keys differ.
type Difference struct {
	Part    string `json:"part"`
	Old     string `json:"old,omitempty"` // preview; empty where private or absent
	New     string `json:"new,omitempty"`
	Private bool   `json:"private,omitempty"`
	Absent  string `json:"absent,omitempty"` // "old" or "new": that one lacks the part
}

// Neighbor is another entry of the same function.
type Neighbor struct {
	Entry       Entry        `json:"entry"`
	Differences []Difference `json:"differences"` // from the neighbor to the entry
}

// Compare lists the parts in which the keys of two entries differ, from a to
// b. References are as for Entry. Entries without a manifest, and of execution
// stores, differ in their labels only.
func (i *Inspector) Compare(ctx context.Context, a, b string) ([]Difference, error) {
	return nil, errors.ErrUnsupported
}

// Nearest finds the entry of the same function whose key differs in the fewest
// parts, among the newest 200; of equals the newest. ErrNotFound where the
// function has no other entry.
func (i *Inspector) Nearest(ctx context.Context, ref string) (Neighbor, error) {
	return Neighbor{}, errors.ErrUnsupported
}
