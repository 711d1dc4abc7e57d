package memstore

import (
	"slices"

	"github.com/reprise-go/reprise/store"
)

// maxKeyChanges bounds the log of key changes, and with it the tombstones.
const maxKeyChanges = 65_536

// keyChange is a line of the log.
type keyChange struct {
	key    store.Key
	seq    uint64
	gone   bool
	labels store.Labels
}

// keyLog holds the latest changes of keys in a ring, oldest first.
type keyLog struct {
	ring []keyChange
	head int    // index of the oldest, once the ring is full
	lost uint64 // changes up to here may be missing
}

// add appends c and returns the line that had to leave for it.
func (l *keyLog) add(c keyChange) (old keyChange, full bool) {
	if len(l.ring) < maxKeyChanges {
		l.ring = append(l.ring, c)
		return keyChange{}, false
	}
	old = l.ring[l.head]
	l.ring[l.head] = c
	l.head = (l.head + 1) % len(l.ring)
	l.lost = max(l.lost, old.seq)
	return old, true
}

// since returns the newest change of each key after seq, oldest first.
func (l *keyLog) since(seq uint64) []store.KeyChange {
	var out []store.KeyChange
	seen := make(map[store.Key]bool)
	for i := len(l.ring) - 1; i >= 0; i-- {
		c := l.ring[(l.head+i)%len(l.ring)]
		if c.seq <= seq {
			break
		}
		if !seen[c.key] {
			seen[c.key] = true
			c.labels.Tags = slices.Clone(c.labels.Tags)
			out = append(out, store.KeyChange{Key: c.key, Seq: c.seq, Labels: c.labels, Gone: c.gone})
		}
	}
	slices.Reverse(out)
	return out
}

// logKey notes a change of c.key. A clear that leaves the log is forgotten.
func (s *Store) logKey(c keyChange, labels store.Labels) {
	c.labels = labels
	old, full := s.log.add(c)
	if full && old.gone && s.cleared[old.key].seq == old.seq {
		delete(s.cleared, old.key)
		s.forget(old.seq)
	}
}

// medianSeq is the number that half of the bumps do not exceed.
func medianSeq(bumped map[store.Label]uint64) uint64 {
	seqs := make([]uint64, 0, len(bumped))
	for _, seq := range bumped {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	return seqs[len(seqs)/2]
}
