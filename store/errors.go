package store

import "errors"

// Errors that drivers wrap. Compare with errors.Is.
var (
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("store: closed")
	// ErrSuperseded refuses a put of an execution that began before a clear,
	// or before the record already there.
	ErrSuperseded = errors.New("store: superseded by a clear or a newer record")
	// ErrTooLarge refuses a value over the store's limit.
	ErrTooLarge = errors.New("store: value too large")
	// ErrFull refuses a put for want of room on the medium or in the quota.
	ErrFull = errors.New("store: no room")
	// ErrLeaseLost refuses a renewal or a publish of a lease no longer held.
	ErrLeaseLost = errors.New("store: lease lost")
	// ErrCorrupt means that the database is damaged, truncated or not ours.
	ErrCorrupt = errors.New("store: corrupt")
	// ErrNewerSchema means that a newer version of reprise wrote the store. It
	// was left untouched.
	ErrNewerSchema = errors.New("store: written by a newer version")
	// ErrNoWatch means that nothing can be pushed from this store as it is
	// reached now: its changes have to be asked for.
	ErrNoWatch = errors.New("store: cannot push changes")
	// ErrBadQuery refuses a query that makes no sense, or a cursor that is not
	// from the same query.
	ErrBadQuery = errors.New("store: bad query")
)
