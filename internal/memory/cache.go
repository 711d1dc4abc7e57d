package memory

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/reprise-go/reprise/store"
)

// DefaultMaxSize is the number of entries a cache holds where Options.MaxSize
// is 0.
const DefaultMaxSize = 1024

// Options of a cache.
type Options struct {
	MaxSize     int          // entries; 0 or less means DefaultMaxSize
	Budget      *Budget      // bytes, shared with other caches; nil: none
	Generations *Generations // required
	Clock       *Clock       // nil: the process's
	// Local marks a cache whose entries no other process can change. It is
	// trusted also while Generations is not.
	Local bool
}

// Entry is a result in memory. The cache reads it and never changes it.
type Entry[V any] struct {
	Value    V     // returned as stored
	Deadline int64 // when it expires, on Options.Clock; 0: never
	// GraceUntil is until when the expired value may stand in for a failing
	// function, on Options.Clock; 0: not beyond Deadline.
	GraceUntil int64
	// AsOf is the sequence number at which the result was known to be valid:
	// that at which its execution began, or, for a record from the store, that
	// of the lookup. For the latter the caller first brings Generations up to
	// that number and asks LabelsCurrent: a change before AsOf does not hide
	// the entry any more.
	AsOf   uint64
	Bytes  int64         // what it counts towards the budget; less than 0 counts as 0
	Key    store.Key     // by which the store tells of changes
	Labels []store.Label // what hides it; may be shared between entries
}

// Status is the answer to a lookup.
type Status uint8

const (
	// Miss means that there is no entry, or none that may be used.
	Miss Status = iota
	// Hit means that the value is valid.
	Hit
	// Expired means that the value is past its deadline but within its grace.
	Expired
	// Hidden means that there was an entry, but a clear or a change of the key
	// has passed it. The value is not returned.
	Hidden
)

// Cache holds the results of one cached function in this process: the MaxSize
// most recently used ones. Safe for concurrent use.
type Cache[V any] struct {
	generations *Generations
	clock       *Clock
	local       bool
	maxSize     int
	budget      *Budget
	table       atomic.Pointer[table[V]]

	_ [64]byte      // the counter changes at every hit; keep it off the line that every lookup reads
	n atomic.Uint64 // number of the latest use
	_ [56]byte

	mu      sync.Mutex // protects all writes, and recency
	recency recency[V]
	bytes   atomic.Int64 // written with mu held
}

// New makes an empty cache. It panics without Options.Generations, which is a
// mistake in the calling package.
func New[V any](o Options) *Cache[V] {
	if o.Generations == nil {
		panic("memory: New needs Options.Generations")
	}
	c := &Cache[V]{
		generations: o.Generations,
		clock:       o.Clock,
		local:       o.Local,
		maxSize:     o.MaxSize,
		budget:      o.Budget,
	}
	if c.maxSize <= 0 {
		c.maxSize = DefaultMaxSize
	}
	if c.clock == nil {
		c.clock = processClock
	}
	c.table.Store(newTable[V](minChains))
	if c.budget != nil {
		c.budget.register(c)
	}
	return c
}

// Len is the number of entries, including ones that are no longer valid and
// that no lookup has come across since.
func (c *Cache[V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.recency.heap)
}

// Bytes is the sum of the entries' Bytes.
func (c *Cache[V]) Bytes() int64 { return c.bytes.Load() }

func hashOf(key []byte) uint64 { return maphash.Bytes(seed, key) }
