package sqlitestore

import (
	"fmt"
	"sync"

	"github.com/reprise-go/reprise/store"
)

// labelSet is what all rows with one set_id share. Rows hold its number
// instead of five strings, so their index is small.
type labelSet struct {
	kind                                   store.Kind
	policy                                 store.Policy
	collection, function, dataset, version string
}

// names maps label sets and labels to their numbers. A number is never given
// to anything else, so readers can rely on what they once learned; writers ask
// again after a sweep deleted some, which moves meta.epoch.
type names struct {
	// Guarded by the store's write lock.
	epoch  int64
	sets   map[labelSet]int64
	labels map[store.Label]int64

	mu   sync.RWMutex
	byID map[int64]*labelSet // guarded by mu; committed sets only
}

// maxNames bounds each map. Programs have far fewer functions and datasets.
const maxNames = 1 << 16

func newNames() *names {
	n := &names{byID: map[int64]*labelSet{}}
	n.forget()
	return n
}

// forget drops what writers know, for it may not have been committed.
func (n *names) forget() {
	n.sets, n.labels = map[labelSet]int64{}, map[store.Label]int64{}
}

func (n *names) at(epoch int64) {
	if epoch != n.epoch || len(n.sets) > maxNames || len(n.labels) > maxNames {
		n.forget()
		n.epoch = epoch
	}
}

// set returns the number of a label set, which is made if it is new.
func (tx *txn) set(ls labelSet) (int64, error) {
	if id, ok := tx.s.names.sets[ls]; ok {
		return id, nil
	}
	key := []any{ls.function, ls.dataset, ls.version, ls.collection, int(ls.kind), int(ls.policy)}
	id, err := tx.number(`SELECT id FROM sets WHERE function = ? AND dataset = ? AND version = ? AND collection = ?
		AND kind = ? AND policy = ?`, key...)
	if err == nil && id == 0 {
		id, err = tx.insertSet(ls, key)
	}
	if err == nil {
		tx.s.names.sets[ls] = id
	}
	return id, err
}

func (tx *txn) insertSet(ls labelSet, key []any) (int64, error) {
	byFunction, err := tx.label(store.FunctionLabel(ls.kind, ls.collection, ls.function))
	if err != nil {
		return 0, err
	}
	var byLink, byDataset any
	if ls.dataset != "" {
		if byLink, err = tx.label(store.FunctionDatasetLabel(ls.kind, ls.collection, ls.function, ls.dataset)); err != nil {
			return 0, err
		}
		if byDataset, err = tx.label(store.DatasetLabel(ls.dataset)); err != nil {
			return 0, err
		}
	}
	return tx.number(`INSERT INTO sets (function, dataset, version, collection, kind, policy, by_function, by_link, by_dataset)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`, append(key, byFunction, byLink, byDataset)...)
}

// label returns the number of a label, which is made if it is new.
func (tx *txn) label(l store.Label) (int64, error) {
	if l.Kind == store.LabelAll {
		return labelAllID, nil
	}
	if id, ok := tx.s.names.labels[l]; ok {
		return id, nil
	}
	id, err := tx.number("SELECT id FROM labels WHERE kind = ? AND value = ?", int(l.Kind), l.Value)
	if err == nil && id == 0 {
		id, err = tx.number("INSERT INTO labels (kind, value) VALUES (?, ?) RETURNING id", int(l.Kind), l.Value)
	}
	if err == nil {
		tx.s.names.labels[l] = id
	}
	return id, err
}

// setByID resolves a number that a row holds.
func (s *Store) setByID(c *conn, id int64) (*labelSet, error) {
	n := s.names
	n.mu.RLock()
	ls := n.byID[id]
	n.mu.RUnlock()
	if ls != nil {
		return ls, nil
	}
	ls, err := querySet(c, id)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.byID) > maxNames {
		clear(n.byID)
	}
	n.byID[id] = ls
	return ls, nil
}

// querySet is setByID without the memory: for use inside a transaction, whose
// sets may never be committed.
func querySet(c *conn, id int64) (ls *labelSet, err error) {
	found, err := c.one("SELECT kind, policy, collection, function, dataset, version FROM sets WHERE id = ?", func(r row) error {
		kind, policy := r.ColumnInt64(0), r.ColumnInt64(1)
		if kind>>8 != 0 || policy>>8 != 0 {
			return fmt.Errorf("%w: label set %d", errDamaged, id)
		}
		ls = &labelSet{
			kind: store.Kind(kind), policy: store.Policy(policy),
			collection: string(r.ColumnRawBlob(2)), function: string(r.ColumnRawBlob(3)),
			dataset: string(r.ColumnRawBlob(4)), version: string(r.ColumnRawBlob(5)),
		}
		return nil
	}, id)
	if err == nil && !found {
		err = fmt.Errorf("%w: no label set %d", errDamaged, id)
	}
	return ls, err
}

// labels are those of a row with this set, entry name and encoded tags.
func (ls *labelSet) labels(entry, tags []byte) (store.Labels, error) {
	t, err := decodeTags(tags)
	return store.Labels{
		Kind: ls.kind, Collection: ls.collection, Function: ls.function,
		Dataset: ls.dataset, Version: ls.version, Entry: string(entry), Tags: t,
	}, err
}
