package inspect

import (
	"context"
	"errors"
	"time"
)

// Function is a cached function, a command, or an execution store, with its
// live entries.
type Function struct {
	Kind       string    `json:"kind"`
	Collection string    `json:"collection"`
	Name       string    `json:"name"`
	Entries    int       `json:"entries"`
	Bytes      int64     `json:"bytes"`        // sealed values
	Cost       Seconds   `json:"cost_seconds"` // what computing all of it took
	Versions   []Version `json:"versions,omitempty"`
	Newest     time.Time `json:"newest,omitzero"` // when its newest entry was made
	Oldest     time.Time `json:"oldest,omitzero"` // zero where finding out would cost too much
	Savings    *Line     `json:"savings,omitempty"`
}

// Version is a version of a function's code with its live entries.
type Version struct {
	Version string  `json:"version"`
	Entries int     `json:"entries"`
	Bytes   int64   `json:"bytes"`
	Cost    Seconds `json:"cost_seconds"`
}

// Functions lists the functions that have live entries matching f, or that the
// savings ledger knows, by collection, kind and name. Savings are those of the
// last 90 days. Where f names a dataset, a version or a tag, only functions with such entries
// are listed, and only these entries counted.
func (i *Inspector) Functions(ctx context.Context, f Filter) ([]Function, error) {
	return nil, errors.ErrUnsupported
}

// Group is what entries have in common, with those that are live.
type Group struct {
	Name    string  `json:"name"`
	Entries int     `json:"entries"`
	Bytes   int64   `json:"bytes"`
	Cost    Seconds `json:"cost_seconds"`
}

// Datasets lists the datasets that live entries matching f are linked to. It
// looks at each of these entries.
func (i *Inspector) Datasets(ctx context.Context, f Filter) ([]Group, error) {
	return nil, errors.ErrUnsupported
}

// Tags lists the tags of live entries matching f. An entry counts for each of
// its tags. It looks at each of these entries.
func (i *Inspector) Tags(ctx context.Context, f Filter) ([]Group, error) {
	return nil, errors.ErrUnsupported
}

// Usage says what takes up room.
type Usage struct {
	Driver    string     `json:"driver"`
	Entries   int        `json:"entries"`   // on the medium
	Bytes     int64      `json:"bytes"`     // of their sealed values
	Quota     int64      `json:"quota"`     // bytes; 0: none
	Live      Group      `json:"live"`      // entries that answer calls; Name is empty
	Dead      Group      `json:"dead"`      // expired and hidden ones, which a sweep frees
	Reserved  Group      `json:"reserved"`  // reprise's own
	Functions []Function `json:"functions"` // largest first
	Collected []Group    `json:"collected"` // by collection, largest first
	Now       time.Time  `json:"now"`       // the store's clock
}

// Usage sums up the room that entries take, by collection, function and
// version.
func (i *Inspector) Usage(ctx context.Context) (Usage, error) {
	return Usage{}, errors.ErrUnsupported
}
