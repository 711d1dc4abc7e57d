package store

import (
	"context"
	"time"
)

// Store is what every driver offers. All methods are safe for concurrent use
// by many goroutines; whether also by many processes or machines is the
// driver's to document (Info.Shared). A cancelled ctx makes a method return
// ctx.Err(), possibly wrapped, at the driver's next safe point; the operation
// may have taken effect. Drivers return raw errors (the sentinels of this
// package wrapped where they apply) and never panic on bad stored bytes. After
// Close every method returns ErrClosed.
type Store interface {
	// Get reads the entry under key, without its manifest, in one round trip.
	// An entry that is absent or cleared, or past Expires plus Grace, is not
	// found; that is no error. Get does return a record that expired within
	// its grace, or that a bumped label hides: the caller decides, for it
	// knows the generations. Value belongs to the caller. A record whose large
	// value is gone or unreadable is not found and Lookup.Damaged says so.
	Get(ctx context.Context, key Key) (Lookup, error)

	// Put stores rec as mode says and stamps Created and Expires from the
	// store's clock. The driver keeps nothing of rec's memory after return.
	// It returns ErrSuperseded, and changes nothing, where rec.Begun is older
	// than the newest clear of the key, than the record it would replace, or
	// than the generations that the store has forgotten, or is a number that
	// the store has not reached (it lost its data since); ErrTooLarge for a
	// value over Info.MaxValue; ErrFull where the medium or the quota has no
	// room and eviction cannot make any. A failed Put leaves what was there.
	Put(ctx context.Context, rec *Record, mode PutMode) (Stamp, error)

	// Update changes expiry or policy of a visible, unexpired entry, and tells
	// watchers. It reports whether there was one.
	Update(ctx context.Context, key Key, c Change) (bool, error)

	// Clear hides the entry under key from now on and refuses later puts of
	// executions that began before. It works, and takes a sequence number,
	// where there is no entry. Bumped.Entries is 1 where a live one was
	// hidden.
	Clear(ctx context.Context, key Key) (Bumped, error)

	// Bump hides every entry that carries any of the labels and began before,
	// in one short write. LabelAll spares entries with policy Persist; the
	// other labels spare none. No label, or an invalid one, is ErrBadQuery.
	Bump(ctx context.Context, labels ...Label) (Bumped, error)

	// Changes tells what was bumped, cleared, set, refreshed or updated after
	// the sequence number since. With since 0 it tells of labels only: the
	// caller has nothing of any key yet. A since that the store has not
	// reached means Flush, with all labels.
	Changes(ctx context.Context, since uint64) (Changes, error)

	// List returns entries that match q, live ones unless q.All, without
	// values, and with manifests only where q.Manifests.
	List(ctx context.Context, q Query) (Page, error)

	// Count counts the entries that List would return over all pages. Limit,
	// Cursor and Order do not matter.
	Count(ctx context.Context, q Query) (Totals, error)

	// Purge frees the space of entries that match q (live, expired and hidden
	// alike) and returns how many live ones were among them. It is no clear:
	// an execution under way may publish afterwards; callers Bump first. An
	// empty query matches everything and is refused with ErrBadQuery; All,
	// Manifests, Order, Limit and Cursor do not narrow it.
	Purge(ctx context.Context, q Query) (int, error)

	// Sweep frees the space of entries that nobody can see any more and then,
	// where a byte quota is set and exceeded, evicts the entries that save
	// least (Cost × recency ÷ Size, lowest first), sparing policy Persist. It
	// works in short transactions and ends early when ctx does.
	Sweep(ctx context.Context) (Swept, error)

	// Info describes the store and its present state.
	Info(ctx context.Context) (Info, error)

	// Close ends the driver's goroutines and frees its handles. A second
	// Close does nothing and returns nil.
	Close() error
}

// PutMode says how a Put relates to what came before.
type PutMode uint8

const (
	// PutPublish stores the result of an execution that began at rec.Begun.
	PutPublish PutMode = iota
	// PutRefresh is PutPublish, and tells every reader's memory that the entry
	// changed: the caller asked for a new value while an old one was valid.
	PutRefresh
	// PutSet stores a value that begins to be valid now: it takes the next
	// sequence number, ignores rec.Begun and supersedes every execution under
	// way.
	PutSet
)

// Lookup is the answer to a Get.
type Lookup struct {
	Found   bool
	Damaged bool      // there was an entry, but its value is lost or unreadable
	Expired bool      // not found because past its grace, where the driver can still tell
	Record  Record    // valid where Found
	Seq     uint64    // the store's sequence number at the moment of the read
	Now     time.Time // the store's clock at the moment of the read
}

// Stamp is what the store decided about an accepted record.
type Stamp struct {
	Created time.Time
	Expires time.Time // zero: never
	Seq     uint64    // the store's sequence number after the put; for PutSet the record's Begun
}

// Change is an Update. A nil field stays as it is.
type Change struct {
	TTL    *time.Duration // counted from now; 0 means never expires
	Policy *Policy
}

// Bumped is the result of a Clear or a Bump.
type Bumped struct {
	Seq     uint64 // the number it took
	Entries int    // live entries it hid
}

// Changes are the generations after a sequence number.
type Changes struct {
	Seq    uint64 // current; ask from here next time
	Labels []LabelChange
	Keys   []KeyChange
	// Flush is set where the store no longer remembers everything since the
	// number asked for: whoever keeps copies must drop them all.
	Flush bool
}

// LabelChange says that entries with Label that began before Seq are hidden.
type LabelChange struct {
	Label Label
	Seq   uint64
}

// KeyChange says that copies of the entry read before Seq are out of date.
type KeyChange struct {
	Key    Key
	Seq    uint64
	Labels Labels // as last stored; zero where the key never had an entry
	Gone   bool   // cleared, rather than set, refreshed or updated
}

// Totals are sums over entries.
type Totals struct {
	Entries int
	Bytes   int64 // sealed values
	Cost    time.Duration
}

// Swept says what a Sweep freed.
type Swept struct {
	Expired, Hidden, Evicted int
	Bytes                    int64
}

// Info describes a store.
type Info struct {
	Driver   string   // "sqlite", "memory", …
	ID       [32]byte // random, made when the store was; the same for all who share it
	Seq      uint64
	Now      time.Time
	Entries  int
	Bytes    int64
	Quota    int64 // bytes; 0 is none
	MaxValue int64 // largest value Put takes, bytes; 0 is unlimited
	Local    bool  // operations do no network I/O and return in microseconds
	Shared   bool  // other processes may use the same store now
}
