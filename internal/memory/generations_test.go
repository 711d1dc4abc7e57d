package memory

import (
	"testing"

	"github.com/reprise-go/reprise/store"
	"pgregory.net/rapid"
)

// TestApplyInAnyOrder: however changes arrive, in parts, twice or backwards,
// what is known in the end is the same.
func TestApplyInAnyOrder(t *testing.T) {
	labels := []store.Label{store.All(), store.TagLabel("a"), store.TagLabel("b")}
	rapid.Check(t, func(t *rapid.T) {
		var all []store.Changes
		for seq := range uint64(rapid.IntRange(1, 12).Draw(t, "changes")) {
			c := store.Changes{Seq: seq + 1}
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				c.Flush = true
			case 1, 2:
				c.Labels = []store.LabelChange{{Label: rapid.SampledFrom(labels).Draw(t, "label"), Seq: c.Seq}}
			default:
				c.Keys = []store.KeyChange{{Key: store.Key{rapid.ByteMax(2).Draw(t, "key")}, Seq: c.Seq}}
			}
			all = append(all, c)
		}
		straight, mixed := NewGenerations(), NewGenerations()
		for _, c := range all {
			straight.Apply(c)
		}
		for _, c := range rapid.Permutation(append(all, all...)).Draw(t, "order") {
			mixed.Apply(c)
		}
		if straight.Seq() != mixed.Seq() {
			t.Fatalf("seq %d and %d", straight.Seq(), mixed.Seq())
		}
		for asOf := range uint64(len(all) + 2) {
			for k := range byte(3) {
				for i := range labels {
					key, l := store.Key{k}, labels[:i]
					if straight.Current(key, l, asOf) != mixed.Current(key, l, asOf) {
						t.Fatalf("key %d labels %v as of %d: the order matters", k, l, asOf)
					}
					if straight.LabelsCurrent(l, asOf) != mixed.LabelsCurrent(l, asOf) {
						t.Fatalf("labels %v as of %d: the order matters", l, asOf)
					}
				}
			}
		}
	})
}

// TestLateNews: a change that arrives after one with a higher number hides
// entries that were found current in between.
func TestLateNews(t *testing.T) {
	c := New[int](Options{Generations: trusted()})
	key := []byte("k")
	c.Put(key, Entry[int]{AsOf: 3, Labels: []store.Label{store.TagLabel("a")}})
	c.generations.Apply(store.Changes{Seq: 9})
	if _, status := c.Get(key); status != Hit {
		t.Fatalf("status %d before the change", status)
	}
	c.generations.Apply(store.Changes{Seq: 5, Labels: []store.LabelChange{{Label: store.TagLabel("a"), Seq: 5}}})
	if _, status := c.Get(key); status != Hidden {
		t.Fatalf("status %d after the change", status)
	}
	if c.generations.Seq() != 9 || c.Len() != 0 {
		t.Fatalf("seq %d, %d entries", c.generations.Seq(), c.Len())
	}
}

// TestOverflow: what is forgotten hides too much, never too little.
func TestOverflow(t *testing.T) {
	g := NewGenerations()
	g.maxKeys, g.maxLabels = 10, 10
	key := func(seq uint64) store.Key { return store.Key{byte(seq)} }
	label := func(seq uint64) store.Label { return store.TagLabel(string(rune(seq))) }
	for seq := uint64(1); seq <= 100; seq += 2 {
		g.Apply(store.Changes{
			Seq:    seq + 1,
			Keys:   []store.KeyChange{{Key: key(seq), Seq: seq}},
			Labels: []store.LabelChange{{Label: label(seq), Seq: seq + 1}},
		})
		for past := uint64(1); past <= seq; past += 2 {
			if g.Current(key(past), nil, past-1) {
				t.Fatalf("at %d the change %d of a key is lost", seq, past)
			}
			if g.LabelsCurrent([]store.Label{label(past)}, past) {
				t.Fatalf("at %d the bump %d of a label is lost", seq, past+1)
			}
		}
		if !g.Current(key(seq), []store.Label{label(seq)}, seq+1) {
			t.Fatalf("an entry as of %d is hidden by what came before", seq+1)
		}
		if len(g.keys) > 10 || len(g.labels) > 10 {
			t.Fatalf("%d keys and %d labels are remembered", len(g.keys), len(g.labels))
		}
	}
	if !g.Current(key(1), nil, 95) {
		t.Fatal("an overflow forgot the newer half too")
	}
}

// TestKeyOverflowSparesRecords: forgetting key changes says nothing about
// records fresh from the store.
func TestKeyOverflowSparesRecords(t *testing.T) {
	g := NewGenerations()
	g.maxKeys = 4
	for seq := range uint64(20) {
		g.Apply(store.Changes{Seq: seq, Keys: []store.KeyChange{{Key: store.Key{byte(seq)}, Seq: seq}}})
	}
	g.Apply(store.Changes{Seq: 21, Flush: true})
	if !g.LabelsCurrent([]store.Label{store.All()}, 1) {
		t.Fatal("a record from the store is hidden, though no label of it was bumped")
	}
	if g.Current(store.Key{99}, nil, 1) {
		t.Fatal("a copy outlived a flush")
	}
}
