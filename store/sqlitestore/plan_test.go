package sqlitestore

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
)

// TestPlans pins how SQLite answers the statements whose cost must not grow
// with the number of entries, or must come from the index alone.
func TestPlans(t *testing.T) {
	s, err := Open(context.Background(), filepath.Join(t.TempDir(), "reprise.db"), &Options{SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f, tag := "f", "t"
	count := func(q store.Query) string {
		w := selection(&q)
		w.add(live, int64(0))
		return countQuery(&q, &w)
	}
	bump := func(k store.LabelKind) string { return talliesSQL + "t.live > 0 AND " + setsWith[k] }
	list := func(q store.Query) string {
		w := selection(&q)
		w.add(live, int64(0))
		(&position{}).where(q.Order, &w)
		return listSQL + setsFrom + w.String() + orderBy[q.Order] + " LIMIT 10"
	}
	walk := func(q store.Query) string {
		w := selection(&q)
		w.add(live, int64(0))
		w.add("e.prefix >= ?", 0)
		return listSQL + walkFrom + w.String() + orderBy[q.Order] + " LIMIT 10"
	}
	for name, c := range map[string]struct {
		sql        string
		want, lack []string
	}{
		"get":             {getSQL, []string{"SEARCH m", "entries_prefix (prefix=?)"}, []string{"SCAN"}},
		"bump all":        {bump(store.LabelAll), []string{"SEARCH t USING PRIMARY KEY (set_id=?)"}, []string{"entries"}},
		"bump function":   {bump(store.LabelFunction), []string{"sets_function", "SEARCH t USING PRIMARY KEY (set_id=?)"}, []string{"SCAN"}},
		"bump dataset":    {bump(store.LabelDataset), []string{"sets_dataset", "SEARCH t USING PRIMARY KEY (set_id=?)"}, []string{"SCAN"}},
		"bump tag":        {bumpTagSQL, []string{"tags_label (label=?)"}, []string{"SCAN"}},
		"expiring":        {partialSQL, []string{"COVERING INDEX entries_set (set_id=? AND present=? AND expires>? AND expires<?)"}, []string{"SCAN"}},
		"tail":            {tailSQL + " WHERE e.id > ? AND e.present = 1", []string{"SEARCH e USING INTEGER PRIMARY KEY (rowid>?)"}, []string{"SCAN"}},
		"split":           {splitSQL, []string{"COVERING INDEX entries_set (set_id=? AND present=? AND expires>? AND expires<?)"}, []string{"SCAN", "TEMP B-TREE"}},
		"load":            {loadSQL, []string{"SEARCH entries", "SEARCH meta"}, nil},
		"dead":            {deadSQL, []string{"tallies_dead (dead>? AND dead<?)"}, []string{"SCAN"}},
		"dead of tally":   {deadOfSQL, []string{"COVERING INDEX entries_set (set_id=? AND present=? AND expires>? AND expires<?)"}, []string{"SCAN"}},
		"count created":   {count(store.Query{Function: &f, CreatedBefore: time.Unix(0, 1)}), []string{"COVERING INDEX entries_set"}, []string{"SCAN"}},
		"count tag":       {count(store.Query{Tag: &tag}), []string{"tags_label"}, []string{"SCAN e"}},
		"list by key":     {walk(store.Query{}), []string{"entries_prefix (prefix>?)", "LAST TERM OF ORDER BY"}, []string{"SCAN e"}},
		"list a function": {list(store.Query{Function: &f}), []string{"entries_set"}, []string{"SCAN e"}},
		"hidden":          {hiddenSQL, []string{"tallies_hidden", "COVERING INDEX entries_set (set_id=? AND present=? AND expires>? AND expires<?)"}, []string{"SCAN e"}},
		"hidden by tag":   {hiddenTagSQL, []string{"labels_seq", "tags_label"}, []string{"SCAN e", "SCAN t"}},
		"evict":           {evictSQL, []string{"COVERING INDEX entries_set"}, []string{"SCAN e"}},
		"label changes":   {labelChangesSQL, []string{"SEARCH m", "labels_seq (seq>?)"}, []string{"SCAN", "TEMP B-TREE"}},
		"last use":        {lastUseSQL, []string{"SEARCH e", "SEARCH u"}, []string{"SCAN"}},
		"changes":         {changesSQL, []string{"entries_changed (changed>?)"}, []string{"SCAN", "TEMP B-TREE"}},
	} {
		var plan strings.Builder
		w, err := s.writer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = w.each("EXPLAIN QUERY PLAN "+c.sql, func(r row) error {
			plan.WriteString(r.ColumnText(3) + "\n")
			return nil
		})
		if err != nil {
			t.Fatal(name, err)
		}
		for _, w := range c.want {
			if !strings.Contains(plan.String(), w) {
				t.Errorf("%s: the plan lacks %q:\n%s", name, w, &plan)
			}
		}
		for _, l := range c.lack {
			if strings.Contains(plan.String(), l) {
				t.Errorf("%s: the plan has %q:\n%s", name, l, &plan)
			}
		}
	}
}
