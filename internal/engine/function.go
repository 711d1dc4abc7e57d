package engine

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/internal/memory"
	"github.com/reprise-go/reprise/store"
)

// Function is a cached function as the engine sees it: its rules, not its
// types. It does not change once calls are made with it.
type Function struct {
	Name       string
	Collection string
	Ephemeral  bool // keep in memory only
	FailClosed bool
	Serialize  bool
	LeaseTTL   time.Duration
	MaxRun     time.Duration // 0: unlimited

	// TTL gives a value's time to live, 0 for ever, and whether to keep it.
	TTL          func(v any) (ttl time.Duration, keep bool)
	RefreshAfter time.Duration // 0: never
	StaleOnError time.Duration // past expiry; 0: never
	ErrorTTL     func(error) time.Duration

	Codec    Codec
	Counters Counters

	memory *memory.Cache[*Entry] // nil: keeps nothing in memory; see Equip
}

// Call is one call of a Function.
type Call struct {
	Mode   Mode
	Key    store.Key
	Memory []byte // key in the memory tier; not altered, not kept unless copied
	Labels store.Labels
	// Hides are the labels that hide the result, apart from tags.
	Hides []store.Label

	Work Work
}

// Work is what a Call is about. An execution may use it after the call has
// returned.
type Work interface {
	// Run calls the function.
	Run(context.Context) (any, error)
	// Tags are those of a result.
	Tags(v any) []string
	// Manifest describes the key for people, as far as it can.
	Manifest(context.Context) []byte
	// Unchanged is asked after the run whether the key still describes the
	// inputs: files may have changed meanwhile.
	Unchanged(context.Context) (bool, error)
}

// Mode is how a call uses the cache.
type Mode uint8

// The modes.
const (
	// Use looks up, runs where it must, and stores.
	Use Mode = iota
	// Off neither reads nor writes.
	Off
	// Refresh runs and overwrites.
	Refresh
	// ReadOnly looks up, runs where it must, and stores nothing.
	ReadOnly
	// WriteOnly runs and stores, and never answers from the cache.
	WriteOnly
)

func (m Mode) reads() bool  { return m == Use || m == ReadOnly }
func (m Mode) writes() bool { return m == Use || m == Refresh || m == WriteOnly }

// overwrites holds where a valid value may be there already, which others
// remember.
func (m Mode) overwrites() bool { return m.writes() && !m.reads() }

// Entry is a result in the memory tier. Value is never handed out unless it is
// immutable or shared by choice; callers get copies.
type Entry struct {
	Value   any
	Err     error // a remembered failure instead of a Value
	Key     store.Key
	Created time.Time // in the store's clock
	Expires time.Time // in the store's clock; zero: never
	Cost    time.Duration

	tags    []string     // of Value
	made    int64        // Created on the process's clock
	refresh atomic.Int64 // when a refresh is due on the process's clock; 0: never
}

// Age is how long ago the value of an entry was made, by the process's clock.
func (e *Engine) Age(ent *Entry) time.Duration { return time.Duration(e.clock.Now() - ent.made) }

// RefreshDue reports whether a refresh of an entry should begin, and lets only
// one caller in a while begin it.
func (e *Engine) RefreshDue(ent *Entry) bool {
	due := ent.refresh.Load()
	if due == 0 {
		return false
	}
	now := e.clock.Now()
	return now >= due && ent.refresh.CompareAndSwap(due, now+int64(refreshRetry))
}

// refreshRetry is how long a refresh may take, or how long ago it must have
// failed, before another hit begins the next one. Hits within that time give
// the old value and leave the function in peace.
const refreshRetry = 10 * time.Second

// Result is what became of a call.
type Result struct {
	Value   any  // to be copied, unless Owned
	Owned   bool // Value is this caller's alone
	Outcome Outcome
	Reason  Reason
	Tier    Tier
	Created time.Time
	Expires time.Time
	Age     time.Duration
	Cost    time.Duration
	Err     error // what went wrong with the cache, not with the function
	Failure error // the function's error, as it returned it

	ran      bool  // by an execution of this flight
	own      any   // what the function returned, for the flight's leader
	unshared error // why Value is nothing to share

	asOf uint64   // number as of which Value is known to be valid
	tags []string // of Value
}
