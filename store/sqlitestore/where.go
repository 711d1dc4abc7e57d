package sqlitestore

import (
	"fmt"
	"strings"

	"github.com/reprise-go/reprise/store"
)

// where collects the conditions of a query over entries e and sets s, with
// their parameters in order.
type where struct {
	conds []string
	args  []any
}

func (w *where) add(cond string, args ...any) {
	w.conds = append(w.conds, cond)
	w.args = append(w.args, args...)
}

// String is the WHERE clause; there is always a condition.
func (w *where) String() string { return " WHERE " + w.cond() }

func (w *where) cond() string { return strings.Join(w.conds, " AND ") }

// selection is the conditions of q. Labels that the database has never seen
// simply match nothing.
func selection(q *store.Query) where {
	w := where{conds: []string{"e.present = 1"}}
	w.sets(q)
	if q.Key != nil {
		w.add("e.prefix = ? AND e.key = ?", prefix(*q.Key), q.Key[:])
	}
	if q.Tag != nil {
		w.add(`e.ntags > 0 AND e.id IN (SELECT entry FROM tags WHERE label =
			(SELECT id FROM labels WHERE kind = ? AND value = ?))`, int(store.LabelTag), *q.Tag)
	}
	if q.EntryPrefix != "" {
		w.add("s.kind = ? AND e.entry >= ?", int(store.KindEntry), q.EntryPrefix)
		if end := prefixEnd(q.EntryPrefix); end != "" {
			w.add("e.entry < ?", end)
		}
	}
	if !q.CreatedBefore.IsZero() {
		w.add("e.created < ?", q.CreatedBefore.UnixNano())
	}
	return w
}

// sets adds the conditions that whole label sets meet or not.
func (w *where) sets(q *store.Query) {
	if q.Kind != nil {
		w.add("s.kind = ?", int(*q.Kind))
	}
	for _, c := range []struct {
		column string
		value  *string
	}{{"collection", q.Collection}, {"function", q.Function}, {"dataset", q.Dataset}, {"version", q.Version}} {
		if c.value != nil {
			w.add("s."+c.column+" = ?", *c.value)
		}
	}
	if q.Policy != nil {
		w.add("s.policy = ?", int(*q.Policy))
	}
}

// prefixEnd is the least string greater than all that begin with p; empty
// where there is none.
func prefixEnd(p string) string {
	b := []byte(p)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// bySet reports whether q selects whole label sets.
func bySet(q *store.Query) bool {
	return q.Key == nil && q.Tag == nil && q.EntryPrefix == "" && q.CreatedBefore.IsZero()
}

// narrows reports whether q selects less than everything.
func narrows(q *store.Query) bool {
	return q.Key != nil || q.Kind != nil || q.Collection != nil || q.Function != nil || q.Dataset != nil ||
		q.Version != nil || q.Tag != nil || q.EntryPrefix != "" || !q.CreatedBefore.IsZero() || q.Policy != nil
}

// checkQuery refuses limits and orders that make no sense.
func checkQuery(q *store.Query) error {
	if q.Limit < 0 {
		return fmt.Errorf("%w: limit %d", store.ErrBadQuery, q.Limit)
	}
	if q.Order > store.ByEntry {
		return fmt.Errorf("%w: order %d", store.ErrBadQuery, q.Order)
	}
	return nil
}
