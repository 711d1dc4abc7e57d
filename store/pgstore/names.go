package pgstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// labelSet is what many entries share; each holds its number instead. Labels
// hide whole sets, so tags are part of it.
type labelSet struct {
	kind                                   store.Kind
	policy                                 store.Policy
	collection, function, dataset, version string
	tags                                   string // encoded
}

func setOf(l *store.Labels, p store.Policy) labelSet {
	return labelSet{l.Kind, p, l.Collection, l.Function, l.Dataset, l.Version, encodeTags(l.Tags)}
}

// digest identifies the set in the database: its strings are too long for an
// index.
func (ls *labelSet) digest() []byte {
	b := []byte{byte(ls.kind), byte(ls.policy)}
	for _, s := range []string{ls.collection, ls.function, ls.dataset, ls.version, ls.tags} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// labels are those of an entry in the set.
func (ls *labelSet) labels(entry string) (store.Labels, error) {
	tags, err := decodeTags(ls.tags)
	return store.Labels{
		Kind: ls.kind, Collection: ls.collection, Function: ls.function,
		Dataset: ls.dataset, Version: ls.version, Entry: entry, Tags: tags,
	}, err
}

// encodeTags writes each tag after its length.
func encodeTags(tags []string) string {
	var b []byte
	for _, t := range tags {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	return string(b)
}

func decodeTags(s string) ([]string, error) {
	var tags []string
	for len(s) > 0 {
		n, w := binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
		if w <= 0 || n > uint64(len(s)-w) {
			return nil, fmt.Errorf("%w: tags of an entry", errDamaged)
		}
		tags = append(tags, s[w:w+int(n)])
		s = s[w+int(n):]
	}
	return tags, nil
}

// names remembers label sets. A number is never given to another set, not even
// where the tables are made anew, and a set never changes.
type names struct {
	mu      sync.RWMutex
	digests map[labelSet][]byte // guarded by mu
	byID    map[int64]labelSet  // guarded by mu
}

// maxNames bounds the memory. Programs have far fewer functions and datasets.
const maxNames = 1 << 14

func (n *names) digest(ls labelSet) []byte {
	n.mu.RLock()
	d := n.digests[ls]
	n.mu.RUnlock()
	if d != nil {
		return d
	}
	d = ls.digest()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.digests == nil || len(n.digests) >= maxNames {
		n.digests = map[labelSet][]byte{}
	}
	n.digests[ls] = d
	return d
}

// setByID resolves the number that an entry holds.
func (s *Store) setByID(ctx context.Context, c *pgx.Conn, id int64) (labelSet, error) {
	n := &s.names
	n.mu.RLock()
	ls, ok := n.byID[id]
	n.mu.RUnlock()
	if ok {
		return ls, nil
	}
	var r labelRow
	if err := c.QueryRow(ctx, s.sql.set, id).Scan(r.targets()...); err != nil {
		return ls, err
	}
	ls, err := r.set()
	if err != nil {
		return ls, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byID == nil || len(n.byID) >= maxNames {
		n.byID = map[int64]labelSet{}
	}
	n.byID[id] = ls
	return ls, nil
}

// labelArrays are labels as our functions in the database take them: without
// duplicates and in the order of their digests, in which all lock them.
type labelArrays struct {
	kinds           []int16
	values, digests [][]byte
}

func arraysOf(labels []store.Label) labelArrays {
	type one struct {
		store.Label
		digest []byte
	}
	all := make([]one, len(labels))
	for i, l := range labels {
		all[i] = one{l, labelDigest(l)}
	}
	slices.SortFunc(all, func(a, b one) int { return bytes.Compare(a.digest, b.digest) })
	all = slices.CompactFunc(all, func(a, b one) bool { return bytes.Equal(a.digest, b.digest) })
	var out labelArrays
	for _, l := range all {
		out.kinds = append(out.kinds, int16(l.Kind))
		out.values = append(out.values, []byte(l.Value))
		out.digests = append(out.digests, l.digest)
	}
	return out
}

func labelDigest(l store.Label) []byte {
	sum := sha256.Sum256(append([]byte{byte(l.Kind)}, l.Value...))
	return sum[:]
}

// know makes the label set in the database.
func (s *Store) know(ctx context.Context, c *pgx.Conn, ls labelSet) error {
	labels, err := ls.labels("")
	if err != nil {
		return err
	}
	a := arraysOf(labels.Of(nil, ls.policy))
	_, err = c.Exec(ctx, s.sql.know, ls.digest(), int16(ls.kind), int16(ls.policy), []byte(ls.collection), []byte(ls.function),
		[]byte(ls.dataset), []byte(ls.version), []byte(ls.tags), a.kinds, a.values, a.digests)
	return err
}

// labelRow scans labelColumns. Where there is no set all are null.
type labelRow struct {
	kind, policy                                        *int16
	collection, function, dataset, version, tags, entry []byte
}

func (r *labelRow) targets() []any {
	return []any{&r.kind, &r.policy, &r.collection, &r.function, &r.dataset, &r.version, &r.tags, &r.entry}
}

func (r *labelRow) set() (labelSet, error) {
	if r.kind == nil || r.policy == nil || *r.kind>>8 != 0 || *r.policy>>8 != 0 {
		return labelSet{}, fmt.Errorf("%w: label set of an entry", errDamaged)
	}
	return labelSet{
		store.Kind(*r.kind), store.Policy(*r.policy), string(r.collection), string(r.function),
		string(r.dataset), string(r.version), string(r.tags),
	}, nil
}

// labels are the record's labels and policy.
func (r *labelRow) labels() (store.Labels, store.Policy, error) {
	ls, err := r.set()
	if err != nil {
		return store.Labels{}, 0, err
	}
	l, err := ls.labels(string(r.entry))
	return l, ls.policy, err
}
