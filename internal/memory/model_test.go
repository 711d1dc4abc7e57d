package memory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
	"pgregory.net/rapid"
)

// TestModel runs random calls against two caches that share a budget and the
// generations, and against a model so simple that it is plainly right.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"":       w.check,
			"get":    w.get,
			"peek":   w.peek,
			"put":    w.put,
			"delete": w.delete,
			"clear":  w.clear,
			"wait":   w.wait,
			"change": w.change,
			"trust":  w.trust,
		})
	})
}

// world is the subject and the model, side by side.
type world struct {
	caches      []*Cache[int]
	models      []*model
	budget      *Budget
	generations *Generations
	clock       *Clock
	log         []change
	seq         uint64
	trusted     bool
	values      int
}

// model keeps the least recently used entry first.
type model struct {
	maxSize int
	local   bool
	entries []keyed
}

type keyed struct {
	key string
	Entry[int]
}

type change struct {
	label store.Label
	key   store.Key
	flush bool
	seq   uint64
}

var modelLabels = []store.Label{store.All(), store.TagLabel("a"), store.TagLabel("b"), store.DatasetLabel("a")}

func newWorld(t *rapid.T) *world {
	w := &world{generations: NewGenerations(), clock: NewClock(), seq: 5}
	w.generations.Apply(store.Changes{Seq: w.seq})
	if rapid.Bool().Draw(t, "budgeted") {
		w.budget = NewBudget(40)
	}
	for i := range 2 {
		m := &model{maxSize: rapid.IntRange(1, 6).Draw(t, "max size"), local: i == 1}
		w.models = append(w.models, m)
		w.caches = append(w.caches, New[int](Options{
			MaxSize: m.maxSize, Budget: w.budget, Generations: w.generations, Clock: w.clock, Local: m.local,
		}))
	}
	return w
}

// pick draws a cache, its model and a key that hits often.
func (w *world) pick(t *rapid.T) (*Cache[int], *model, string) {
	i := rapid.IntRange(0, 1).Draw(t, "cache")
	return w.caches[i], w.models[i], fmt.Sprint("key ", rapid.IntRange(0, 7).Draw(t, "key"))
}

func (w *world) get(t *rapid.T) {
	c, m, key := w.pick(t)
	wantValue, want := w.judge(m, key)
	switch i := m.find(key); {
	case want == Hit:
		used := m.entries[i]
		m.entries = append(slices.Delete(m.entries, i, i+1), used)
	case i >= 0 && want != Expired && (m.local || w.trusted):
		m.entries = slices.Delete(m.entries, i, i+1)
	}
	if v, status := c.Get([]byte(key)); v != wantValue || status != want {
		t.Fatalf("get %s: %d, status %d; want %d, status %d", key, v, status, wantValue, want)
	}
}

func (w *world) peek(t *rapid.T) {
	c, m, key := w.pick(t)
	wantValue, want := w.judge(m, key)
	if v, status := c.Peek([]byte(key)); v != wantValue || status != want {
		t.Fatalf("peek %s: %d, status %d; want %d, status %d", key, v, status, wantValue, want)
	}
}

func (w *world) judge(m *model, key string) (int, Status) {
	i := m.find(key)
	if i < 0 || !m.local && !w.trusted {
		return 0, Miss
	}
	e := m.entries[i].Entry
	switch now := w.clock.Now(); {
	case w.hidden(e):
		return 0, Hidden
	case e.Deadline == 0 || now < e.Deadline:
		return e.Value, Hit
	case now < e.GraceUntil:
		return e.Value, Expired
	}
	return 0, Miss
}

func (w *world) hidden(e Entry[int]) bool {
	return slices.ContainsFunc(w.log, func(c change) bool {
		concerns := c.flush || c.key == e.Key && c.label.Kind == 0 || slices.Contains(e.Labels, c.label)
		return concerns && c.seq > e.AsOf
	})
}

func (w *world) put(t *rapid.T) {
	c, m, key := w.pick(t)
	w.values++
	e := Entry[int]{
		Value:  w.values,
		Key:    store.Key{rapid.ByteRange(1, 4).Draw(t, "store key")},
		Labels: rapid.SliceOfNDistinct(rapid.SampledFrom(modelLabels), 0, 3, rapid.ID).Draw(t, "labels"),
		AsOf:   w.seq - min(w.seq, rapid.Uint64Range(0, 3).Draw(t, "age")),
		Bytes:  rapid.Int64Range(0, 25).Draw(t, "bytes"),
	}
	if hours := rapid.IntRange(-1, 4).Draw(t, "hours left"); hours != 0 {
		e.Deadline = w.clock.Now() + int64(time.Duration(hours)*time.Hour+30*time.Minute)
		e.GraceUntil = e.Deadline + int64(rapid.IntRange(0, 2).Draw(t, "grace"))*int64(time.Hour)
	}
	if rapid.IntRange(0, 20).Draw(t, "oversize") == 0 {
		e.Bytes = 41
	}
	want := w.modelPut(m, key, e)
	if got := c.Put([]byte(key), e); got != want {
		t.Fatalf("put %s %+v: %t, want %t", key, e, got, want)
	}
}

func (w *world) modelPut(m *model, key string, e Entry[int]) bool {
	i := m.find(key)
	if w.hidden(e) || i >= 0 && m.entries[i].AsOf > e.AsOf {
		return false
	}
	if i >= 0 {
		m.entries = slices.Delete(m.entries, i, i+1)
	}
	now := w.clock.Now()
	if w.budget != nil && e.Bytes > 40 || e.Deadline != 0 && now >= e.Deadline && now >= e.GraceUntil {
		return false
	}
	if len(m.entries) == m.maxSize {
		m.entries = m.entries[1:]
	}
	m.entries = append(m.entries, keyed{key, e})
	for w.budget != nil && w.models[0].bytes()+w.models[1].bytes() > 40 {
		largest := w.models[0]
		if w.models[1].bytes() > largest.bytes() {
			largest = w.models[1]
		}
		largest.entries = largest.entries[1:]
	}
	i = m.find(key)
	return i >= 0 && m.entries[i].Value == e.Value
}

func (w *world) delete(t *rapid.T) {
	c, m, key := w.pick(t)
	m.entries = slices.DeleteFunc(m.entries, func(e keyed) bool { return e.key == key })
	c.Delete([]byte(key))
}

func (w *world) clear(t *rapid.T) {
	if rapid.IntRange(0, 5).Draw(t, "really") > 0 {
		return
	}
	c, m, _ := w.pick(t)
	m.entries = nil
	c.Clear()
}

// wait moves the beginning of time back, which is the same as waiting.
func (w *world) wait(t *rapid.T) {
	w.clock.base = w.clock.base.Add(-time.Duration(rapid.IntRange(1, 3).Draw(t, "hours")) * time.Hour)
}

func (w *world) change(t *rapid.T) {
	w.seq++
	changes := store.Changes{Seq: w.seq}
	switch rapid.IntRange(0, 6).Draw(t, "what") {
	case 0:
		changes.Flush = true
		w.log = append(w.log, change{flush: true, seq: w.seq})
	case 1, 2, 3:
		l := rapid.SampledFrom(modelLabels).Draw(t, "label")
		changes.Labels = []store.LabelChange{{Label: l, Seq: w.seq}}
		w.log = append(w.log, change{label: l, seq: w.seq})
	default:
		k := store.Key{rapid.ByteRange(1, 4).Draw(t, "store key")}
		changes.Keys = []store.KeyChange{{Key: k, Seq: w.seq}}
		w.log = append(w.log, change{key: k, seq: w.seq})
	}
	w.generations.Apply(changes)
}

func (w *world) trust(t *rapid.T) {
	w.trusted = rapid.IntRange(0, 3).Draw(t, "trusted") > 0
	w.generations.SetTrusted(w.trusted)
}

func (w *world) check(t *rapid.T) {
	for i, c := range w.caches {
		if c.Len() != len(w.models[i].entries) || c.Bytes() != w.models[i].bytes() {
			t.Fatalf("cache %d: %d entries of %d bytes, want %d of %d",
				i, c.Len(), c.Bytes(), len(w.models[i].entries), w.models[i].bytes())
		}
		if err := consistent(c); err != nil {
			t.Fatalf("cache %d: %v", i, err)
		}
	}
	if total := w.models[0].bytes() + w.models[1].bytes(); w.budget != nil && w.budget.Used() != total {
		t.Fatalf("budget: %d bytes used, want %d", w.budget.Used(), total)
	}
	if w.generations.Seq() != w.seq || w.generations.Trusted() != w.trusted {
		t.Fatalf("seq %d, trusted %t", w.generations.Seq(), w.generations.Trusted())
	}
}

func (m *model) find(key string) int {
	return slices.IndexFunc(m.entries, func(e keyed) bool { return e.key == key })
}

func (m *model) bytes() (sum int64) {
	for _, e := range m.entries {
		sum += e.Bytes
	}
	return sum
}

// consistent compares the table with the heap. Nobody may use c meanwhile.
func consistent[V any](c *Cache[V]) error {
	t := c.table.Load()
	linked := 0
	for i := range t.chains {
		for n := t.chains[i].Load(); n != nil; n = n.next.Load() {
			linked++
			if n.place < 0 || c.recency.heap[n.place] != n {
				return fmt.Errorf("%q is in the table and not in the heap", n.key)
			}
			if n.stamp.Load() == dead {
				return fmt.Errorf("%q is in the table and dead", n.key)
			}
		}
	}
	if linked != len(c.recency.heap) {
		return fmt.Errorf("%d nodes in the table, %d in the heap", linked, len(c.recency.heap))
	}
	for i, n := range c.recency.heap {
		if n.placed > n.stamp.Load() {
			return fmt.Errorf("%q was placed by %d, which is after its stamp %d", n.key, n.placed, n.stamp.Load())
		}
		if parent := c.recency.heap[max(i-1, 0)/fanout]; i > 0 && parent.placed > n.placed {
			return fmt.Errorf("heap: parent %d after child %d", parent.placed, n.placed)
		}
	}
	return nil
}
