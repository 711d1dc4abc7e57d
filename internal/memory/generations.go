package memory

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/reprise-go/reprise/store"
)

const (
	// maxKeys bounds the key changes that are remembered: about 4 MiB.
	maxKeys = 1 << 16
	// maxLabels bounds the labels. It is larger because forgetting labels costs
	// more: records in the store that began earlier are no longer trusted.
	maxLabels = 1 << 18
)

// Generations is what this process knows of a store's sequence numbers. All
// caches in front of one store share one. Safe for concurrent use.
type Generations struct {
	seq     atomic.Uint64
	version atomic.Uint64 // grows whenever something was learned that may hide an entry
	trusted atomic.Bool

	mu         sync.RWMutex
	labels     map[store.Label]uint64
	keys       map[store.Key]uint64
	floor      uint64 // copies read before it are out of date
	labelFloor uint64 // nothing is known of labels bumped up to it, other than in labels
	maxKeys    int
	maxLabels  int
}

// NewGenerations knows nothing, at sequence number 0, and is not trusted.
func NewGenerations() *Generations {
	g := &Generations{
		labels:    make(map[store.Label]uint64),
		keys:      make(map[store.Key]uint64),
		maxKeys:   maxKeys,
		maxLabels: maxLabels,
	}
	g.version.Store(1) // entries start at 0: unchecked
	return g
}

// Seq is the latest sequence number that was applied. It costs one atomic read.
func (g *Generations) Seq() uint64 { return g.seq.Load() }

// Trusted reports whether memory may be trusted: see SetTrusted.
func (g *Generations) Trusted() bool { return g.trusted.Load() }

// SetTrusted says whether changes by others arrive, by a watch or by polling.
// While they do not, caches that are not Local answer Miss. Whoever restores
// the trust first applies what changed meanwhile.
func (g *Generations) SetTrusted(trusted bool) { g.trusted.Store(trusted) }

// Apply takes in changes. It may be given the same ones again, and in any
// order: what is known only grows. A Flush hides every copy read before c.Seq;
// it says nothing about labels, so whoever sees one and cannot be sure that
// c.Labels is complete asks the store for the changes since 0 and applies
// those too.
func (g *Generations) Apply(c store.Changes) {
	g.mu.Lock()
	defer g.mu.Unlock()
	learned := false
	for _, l := range c.Labels {
		learned = advance(g.labels, l.Label, l.Seq) || learned
	}
	for _, k := range c.Keys {
		if k.Seq > g.floor {
			learned = advance(g.keys, k.Key, k.Seq) || learned
		}
	}
	if c.Flush && c.Seq > g.floor {
		g.floor, learned = c.Seq, true
		maps.DeleteFunc(g.keys, func(_ store.Key, seq uint64) bool { return seq <= g.floor })
	}
	g.bound()
	if learned {
		g.version.Add(1)
	}
	if c.Seq > g.seq.Load() {
		g.seq.Store(c.Seq)
	}
}

// Restart forgets everything and begins with c, of a store that began anew.
// Numbers from before it mean nothing: whoever calls it sees to it that no
// entry is put that was read or begun before, and clears the caches.
func (g *Generations) Restart(c store.Changes) {
	g.mu.Lock()
	clear(g.labels)
	clear(g.keys)
	g.floor, g.labelFloor = 0, 0
	g.seq.Store(0)
	g.mu.Unlock()
	c.Flush = true
	g.Apply(c)
}

// Current reports whether nothing that concerns the key or the labels changed
// after asOf, as far as this process knows.
func (g *Generations) Current(key store.Key, labels []store.Label, asOf uint64) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return asOf >= g.floor && g.keys[key] <= asOf && g.labelsCurrent(labels, asOf)
}

// Changed reports whether this process has heard of a change of the key.
func (g *Generations) Changed(key store.Key) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.keys[key] > 0
}

// LabelsCurrent reports whether none of the labels was bumped after begun. It
// is for records fresh from the store, which has checked the key itself.
func (g *Generations) LabelsCurrent(labels []store.Label, begun uint64) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.labelsCurrent(labels, begun)
}

func (g *Generations) labelsCurrent(labels []store.Label, asOf uint64) bool {
	if asOf < g.labelFloor {
		return false
	}
	for _, l := range labels {
		if g.labels[l] > asOf {
			return false
		}
	}
	return true
}

// bound forgets the older half of what has grown too large, and raises the
// floor to make up for it: what began before that counts as out of date.
func (g *Generations) bound() {
	if len(g.keys) > g.maxKeys {
		g.floor = max(g.floor, forgetOlderHalf(g.keys))
	}
	if len(g.labels) > g.maxLabels {
		g.labelFloor = max(g.labelFloor, forgetOlderHalf(g.labels))
	}
}

// forgetOlderHalf returns the highest number that it forgot.
func forgetOlderHalf[K comparable](m map[K]uint64) uint64 {
	seqs := make([]uint64, 0, len(m))
	for _, seq := range m {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	median := seqs[len(seqs)/2]
	for k, seq := range m {
		if seq <= median {
			delete(m, k)
		}
	}
	return median
}

// advance raises m[k] to seq and reports whether that is news.
func advance[K comparable](m map[K]uint64, k K, seq uint64) bool {
	if seq <= m[k] {
		return false
	}
	m[k] = seq
	return true
}
