package pgstore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/reprise-go/reprise/store"
)

// where collects the conditions of a query over entries e, their sets s and
// what hides them, h, with their parameters.
type where struct {
	conds []string
	args  []any
}

// add appends a condition; each ? in it takes one of args.
func (w *where) add(cond string, args ...any) {
	for _, arg := range args {
		cond = strings.Replace(cond, "?", w.arg(arg), 1)
	}
	w.conds = append(w.conds, cond)
}

// arg adds a parameter and returns how a statement names it.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

// String is the WHERE clause; there is always a condition.
func (w *where) String() string { return " WHERE " + strings.Join(w.conds, " AND ") }

// selection is the conditions of q. Labels that the database has
// never seen simply match nothing.
func selection(q *store.Query) where {
	w := where{conds: []string{"e.present"}}
	w.sets(q)
	if q.Key != nil {
		w.add("e.key = ?", q.Key[:])
	}
	if q.Tag != nil {
		w.add(`s.id IN (SELECT sl.set_id FROM {schema}.set_labels sl JOIN {schema}.labels l ON l.id = sl.label_id
			WHERE l.digest = ?)`, labelDigest(store.TagLabel(*q.Tag)))
	}
	if q.EntryPrefix != "" {
		w.add("s.kind = ? AND e.entry >= ?", int16(store.KindEntry), []byte(q.EntryPrefix))
		if end := prefixEnd(q.EntryPrefix); end != "" {
			w.add("e.entry < ?", []byte(end))
		}
	}
	if !q.CreatedBefore.IsZero() {
		w.add("e.created < ?", q.CreatedBefore.UnixMicro())
	}
	if !q.All {
		w.add("e.begun >= h.hidden AND (e.expires = 0 OR e.expires > " + nowSQL + ")")
	}
	return w
}

// sets adds the conditions that whole label sets meet or not.
func (w *where) sets(q *store.Query) {
	if q.Kind != nil {
		w.add("s.kind = ?", int16(*q.Kind))
	}
	for _, c := range []struct {
		column string
		value  *string
	}{{"collection", q.Collection}, {"function", q.Function}, {"dataset", q.Dataset}, {"version", q.Version}} {
		if c.value != nil {
			w.add("s."+c.column+" = ?", []byte(*c.value))
		}
	}
	if q.Policy != nil {
		w.add("s.policy = ?", int16(*q.Policy))
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
