package inspect

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Selection says what Clear and Export act on: entries that have everything
// that it names. The zero Selection is refused by Clear, and is all live
// entries for Export.
type Selection struct {
	Key string `json:"key,omitempty"` // a key or the beginning of one, as for Entry; goes alone
	Filter
	// OlderThan selects entries that were made at least so long ago; 0: any age.
	OlderThan time.Duration `json:"-"`
	// Everything selects every entry that may be given up (policy "evict"); it
	// goes alone.
	Everything bool `json:"everything,omitempty"`
}

// plan is how a selection is cleared. The queries select disjoint entries.
type plan struct {
	key     *store.Key
	labels  []store.Label
	queries []store.Query
	each    bool // key by key, what the queries list
}

// defaultCollection is where functions are that name no collection.
const defaultCollection = "execution_store"

// plan says how to clear s.
func (i *Inspector) plan(ctx context.Context, s *Selection) (*plan, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	switch f := s.Filter; {
	case s.Key != "":
		return i.planKey(ctx, s.Key)
	case s.Everything:
		evict := store.Evict
		return &plan{labels: []store.Label{store.All()}, queries: []store.Query{{Policy: &evict}}}, nil
	case s.OlderThan == 0 && f == Filter{Dataset: f.Dataset}:
		return &plan{labels: []store.Label{store.DatasetLabel(f.Dataset)}, queries: []store.Query{{Dataset: &f.Dataset}}}, nil
	case s.OlderThan == 0 && f == Filter{Tag: f.Tag}:
		return &plan{labels: []store.Label{store.TagLabel(f.Tag)}, queries: []store.Query{{Tag: &f.Tag}}}, nil
	case s.OlderThan == 0 && f.Version == "" && f.Tag == "" && cmp.Or(f.Function, f.Collection) != "":
		return i.planFunctions(ctx, f)
	}
	q, err := i.query(ctx, s)
	return &plan{queries: []store.Query{q}, each: true}, err
}

func (s *Selection) check() error {
	switch named := s.Filter != (Filter{}) || s.OlderThan != 0; {
	case s.OlderThan < 0:
		return fmt.Errorf("%w: an age of %v is negative", ErrSelection, s.OlderThan)
	case s.Key != "" && (named || s.Everything), s.Everything && named:
		return fmt.Errorf("%w: a key, or everything, goes without anything else", ErrSelection)
	case s.Key == "" && !s.Everything && !named:
		return fmt.Errorf("%w: it is empty; name what to clear, or Everything", ErrSelection)
	}
	_, err := s.Filter.query()
	return err
}

func (i *Inspector) planKey(ctx context.Context, ref string) (*plan, error) {
	f, err := i.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &plan{key: &f.rec.Key, queries: []store.Query{{Key: &f.rec.Key}}}, nil
}

// planFunctions finds the functions that a filter means: the named one in
// every collection where it has entries, or all of a collection.
func (i *Inspector) planFunctions(ctx context.Context, f Filter) (*plan, error) {
	s, err := i.survey(ctx, Filter{Kind: f.Kind, Collection: f.Collection, Function: f.Function}, nil)
	if err != nil {
		return nil, err
	}
	for _, key := range likely(f) { // with entries or not: work may be under way
		s.function(key)
	}
	p := &plan{}
	for key := range s.fns {
		q := store.Query{Kind: &key.kind, Collection: &key.collection, Function: &key.name}
		label := store.FunctionLabel(key.kind, key.collection, key.name)
		if f.Dataset != "" {
			q.Dataset = &f.Dataset
			label = store.FunctionDatasetLabel(key.kind, key.collection, key.name, f.Dataset)
		}
		p.labels, p.queries = append(p.labels, label), append(p.queries, q)
	}
	return p, nil
}

// likely are the functions that a filter may mean though they have no entries.
func likely(f Filter) []functionKey {
	if f.Function == "" {
		return nil
	}
	kinds, collections := []store.Kind{store.KindFunction, store.KindEntry}, []string{defaultCollection, Commands}
	switch f.Kind {
	case FunctionKind:
		kinds = kinds[:1]
	case EntryKind:
		kinds = kinds[1:]
	}
	if f.Collection != "" {
		collections = []string{f.Collection}
	}
	var keys []functionKey
	for _, k := range kinds {
		for _, c := range collections {
			keys = append(keys, functionKey{k, c, f.Function})
		}
	}
	return keys
}

// query is s for the store, where it is no key. Ages are by the store's clock.
func (i *Inspector) query(ctx context.Context, s *Selection) (store.Query, error) {
	q, err := s.Filter.query()
	if err != nil {
		return q, err
	}
	if s.Everything {
		q.Policy = new(store.Evict)
	}
	if s.OlderThan > 0 {
		info, err := i.store.Info(ctx)
		if err != nil {
			return q, err
		}
		q.CreatedBefore = info.Now.Add(-s.OlderThan)
	}
	return q, nil
}

// sparesBlobs tells whether a selection leaves output files of commands alone:
// unless they are what it names, they go when nothing refers to them.
func sparesBlobs(q *store.Query) bool {
	return (q.Collection == nil || *q.Collection == Commands) && (q.Function == nil || *q.Function == Blobs) &&
		(q.Kind == nil || *q.Kind == store.KindEntry) && !(q.Collection != nil && q.Function != nil)
}

// onlyBlobs is q for pieces of output files.
func onlyBlobs(q store.Query) store.Query {
	kind, collection, function := store.KindEntry, Commands, Blobs
	q.Kind, q.Collection, q.Function = &kind, &collection, &function
	return q
}

// isBlob tells whether an entry is a piece of an output file of a command.
func isBlob(l *store.Labels) bool {
	return l.Kind == store.KindEntry && l.Collection == Commands && l.Function == Blobs
}
