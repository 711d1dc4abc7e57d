package sqlitestore

import (
	"context"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Count sums over the entries that List would return: from tallies where q
// selects whole label sets, and else from an index where it can.
func (s *Store) Count(ctx context.Context, q store.Query) (store.Totals, error) {
	var t sums
	err := s.snapshot(ctx, "count", func(c *conn) (err error) {
		if bySet(&q) {
			t, err = s.countSets(c, &q)
			return err
		}
		w := selection(&q)
		if !q.All {
			w.add(live, s.now())
		}
		t, err = c.sum(countQuery(&q, &w), w.args...)
		return err
	})
	if err != nil {
		return store.Totals{}, err
	}
	return t.totals(), nil
}

// countQuery sums up. Unless q points at few entries, it goes through the
// index set by set.
func countQuery(q *store.Query, w *where) string {
	from := " FROM sets s CROSS JOIN entries e ON e.set_id = s.id"
	if q.Key != nil || q.Tag != nil {
		from = listFrom
	}
	return "SELECT count(*), sum(e.size), sum(e.cost)" + from + w.String()
}

// tailSQL sums up the tail; conditions follow.
const tailSQL = "SELECT count(*), sum(e.size), sum(e.cost) FROM entries e CROSS JOIN sets s ON s.id = e.set_id"

// countSets sums up the tallies of the sets that q selects, and the tail.
func (s *Store) countSets(c *conn, q *store.Query) (total sums, err error) {
	counted, err := c.number("SELECT counted FROM meta WHERE one = 1")
	if err != nil {
		return sums{}, err
	}
	sets := where{conds: []string{"1"}}
	sets.sets(q)
	tail := where{}
	tail.add("e.id > ? AND e.present = 1", counted)
	tail.sets(q)
	now := s.now()
	if q.All {
		total, err = c.sumAll(sets.cond(), sets.args...)
	} else {
		tail.add(live, now)
		total, err = c.sumLive(now, counted, sets.cond(), sets.args...)
	}
	if err != nil {
		return sums{}, err
	}
	more, err := c.sum(tailSQL+tail.String(), tail.args...)
	return total.plus(more), err
}

// sum scans the one row of count, bytes and cost.
func (c *conn) sum(sql string, args ...any) (s sums, err error) {
	_, err = c.one(sql, func(r row) error { int64s(r, &s.entries, &s.bytes, &s.cost); return nil }, args...)
	return s, err
}

// partialSQL sums up the live entries of a tally that expire after a time. Its
// parameters are the set, that time, the end of the tally and meta.counted.
const partialSQL = `SELECT count(*), sum(e.size), sum(e.cost) FROM entries e
	WHERE e.set_id = ?1 AND e.present = 1 AND e.expires > ?2 AND e.expires <= ?3 AND +e.id <= ?4
	AND e.begun >= (SELECT ` + hiddenSeq + ` FROM sets s WHERE s.id = ?1) AND ` + untagged

// talliesSQL lists the tallies of sets; a condition on sets s follows.
const talliesSQL = "SELECT " + tallyColumns + " FROM sets s CROSS JOIN tallies t ON t.set_id = s.id WHERE "

// sumLive sums up the live, unexpired entries of the sets that meet the
// condition, up to number counted: those in tallies.
func (c *conn) sumLive(now, counted int64, where string, args ...any) (total sums, err error) {
	var partial []*tally
	err = c.each(talliesSQL+"t.live > 0 AND "+where, func(r row) error {
		t := scanTally(r)
		switch {
		case t.upto == 0 || t.first > now:
			total = total.plus(t.live)
		case t.last > now:
			partial = append(partial, t)
		}
		return nil
	}, args...)
	if err != nil {
		return sums{}, err
	}
	for _, p := range partial {
		s, err := c.sum(partialSQL, p.set, now, p.last, counted)
		if err != nil {
			return sums{}, err
		}
		total = total.plus(s)
	}
	return total, nil
}

// sumAll sums up everything in the tallies of the sets that meet the condition.
func (c *conn) sumAll(where string, args ...any) (total sums, err error) {
	err = c.each(talliesSQL+where, func(r row) error {
		total = total.plus(scanTally(r).all)
		return nil
	}, args...)
	return total, err
}

func (s sums) plus(o sums) sums {
	return sums{s.entries + o.entries, s.bytes + o.bytes, s.cost + o.cost}
}

func (s sums) totals() store.Totals {
	return store.Totals{Entries: int(s.entries), Bytes: s.bytes, Cost: time.Duration(s.cost)}
}

// bumpSet counts the live entries of the sets that meet the condition, which
// carry the label, and hides them.
func (tx *txn) bumpSet(label int64, where string) (int64, error) {
	total, err := tx.sumLive(tx.now, tx.tail.counted, where, label)
	if err != nil {
		return 0, err
	}
	err = tx.exec("UPDATE tallies SET live = 0, live_bytes = 0, live_cost = 0 WHERE live > 0 AND set_id IN (SELECT s.id FROM sets s WHERE "+where+")", label)
	return total.entries, err
}

// bumpTagSQL lists what a bump of a tag is going to hide.
const bumpTagSQL = `SELECT e.set_id, e.expires, e.size, e.cost FROM tags i CROSS JOIN entries e ON e.id = i.entry CROSS JOIN sets s ON s.id = e.set_id
	WHERE i.label = ? AND ` + visible

// bumpTag goes through the entries with the tag.
func (tx *txn) bumpTag(label int64) (n int64, err error) {
	err = tx.each(bumpTagSQL, func(r row) error {
		var set, expires, size, cost int64
		int64s(r, &set, &expires, &size, &cost)
		t, err := tx.tallyOf(set, expires)
		if err != nil {
			return err
		}
		t.live.add(size, cost, -1)
		t.dirty = true
		if expires == 0 || expires > tx.now {
			n++
		}
		return nil
	}, label)
	return n, err
}
