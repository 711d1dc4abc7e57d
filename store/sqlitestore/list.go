package sqlitestore

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/reprise-go/reprise/store"
)

// maxPage is the most entries on a page of List, and in a transaction that
// deletes.
const maxPage = 1000

const listSQL = `SELECT e.key, e.set_id, e.begun, e.created, e.expires, e.grace, e.cost, e.size, e.fence, e.entry, e.tags`

// listFrom lets SQLite choose which table to begin with: it knows of keys and
// tags that few entries have them.
const listFrom = " FROM entries e JOIN sets s ON s.id = e.set_id"

// setsFrom begins with the sets that a query selects, of which there are few.
const setsFrom = " FROM sets s CROSS JOIN entries e ON e.set_id = s.id"

// walkFrom goes through the entries in the order of their keys, which ends as
// soon as the page is full.
const walkFrom = " FROM entries e INDEXED BY entries_prefix CROSS JOIN sets s ON s.id = e.set_id"

// walks decides how to find a page in the order of keys. To sort what matches
// costs its number m, however small the page; to walk through all n entries in
// order costs n/m for each that matches. Where m is at least √(n × limit), the
// walk is cheaper.
func walks(c *conn, q *store.Query, limit int) (bool, error) {
	if q.Order != store.ByKey || q.Key != nil || q.Tag != nil {
		return false, nil
	}
	if !narrows(q) {
		return true, nil
	}
	n, err := c.number("SELECT ifnull(max(id), 0) FROM entries")
	if err != nil {
		return false, err
	}
	even := int64(math.Sqrt(float64(n)*float64(limit))) + 1
	w := where{conds: []string{"e.present = 1"}}
	w.sets(q)
	m, err := c.number("SELECT count(*) FROM (SELECT 1 FROM sets s CROSS JOIN entries e ON e.set_id = s.id"+w.String()+" LIMIT ?)",
		append(w.args, even)...)
	return m >= even, err
}

// List reads a page of entries.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := checkQuery(&q); err != nil {
		return store.Page{}, fmt.Errorf("sqlitestore: list: %w", err)
	}
	after, err := decodeCursor(&q)
	if err != nil {
		return store.Page{}, fmt.Errorf("sqlitestore: list: %w", err)
	}
	limit := min(q.Limit, maxPage)
	if limit == 0 {
		limit = maxPage
	}
	var page store.Page
	err = s.snapshot(ctx, "list", func(c *conn) error {
		page, err = s.list(c, &q, after, limit)
		return err
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}

func (s *Store) list(c *conn, q *store.Query, after *position, limit int) (page store.Page, err error) {
	w := selection(q)
	if !q.All {
		w.add(live, s.now())
	}
	walk, err := walks(c, q, limit)
	if err != nil {
		return store.Page{}, err
	}
	from := listFrom
	if q.Key == nil && q.Tag == nil && narrows(q) {
		from = setsFrom
	}
	if walk {
		from = walkFrom
		w.add("e.prefix >= ?", after.prefix()) // or else SQLite does not see the order
	}
	after.where(q.Order, &w)
	sql := listSQL
	if q.Manifests {
		sql += ", e.manifest"
	}
	sql += from + w.String() + orderBy[q.Order] + " LIMIT ?"
	err = c.each(sql, func(r row) error {
		rec, err := s.listed(c, r, q.Manifests)
		page.Records = append(page.Records, rec)
		return err
	}, append(w.args, limit+1)...)
	if err != nil {
		return store.Page{}, err
	}
	if len(page.Records) > limit {
		page.Records = page.Records[:limit]
		page.Next = encodeCursor(q, &page.Records[limit-1])
	}
	return page, nil
}

// listed is the record of a row of listSQL.
func (s *Store) listed(c *conn, r row, manifest bool) (store.Record, error) {
	rec := store.Record{
		Begun:   uint64(r.ColumnInt64(2)),
		Created: time.Unix(0, r.ColumnInt64(3)),
		Expires: asTime(r.ColumnInt64(4)),
		Grace:   time.Duration(r.ColumnInt64(5)),
		Cost:    time.Duration(r.ColumnInt64(6)),
		Size:    r.ColumnInt64(7),
		Fence:   uint64(r.ColumnInt64(8)),
	}
	if copy(rec.Key[:], r.ColumnRawBlob(0)) != len(rec.Key) {
		return rec, fmt.Errorf("%w: key of an entry", errDamaged)
	}
	ls, err := s.setByID(c, r.ColumnInt64(1))
	if err != nil {
		return rec, err
	}
	rec.Policy = ls.policy
	if rec.Labels, err = ls.labels(r.ColumnRawBlob(9), r.ColumnRawBlob(10)); err != nil {
		return rec, err
	}
	if manifest {
		rec.Manifest = bytes.Clone(r.ColumnRawBlob(11))
	}
	return rec, nil
}

// Purge deletes the entries that match q, in transactions of at most 1,000.
// Where ctx ends it early, the number says how far it came.
func (s *Store) Purge(ctx context.Context, q store.Query) (int, error) {
	if !narrows(&q) {
		return 0, fmt.Errorf("sqlitestore: purge: %w: it would delete everything", store.ErrBadQuery)
	}
	w := selection(&q)
	w.add("e.id > ?")
	sql := "SELECT e.id" + listFrom + w.String() + " ORDER BY e.id LIMIT ?"
	total, last := 0, int64(-1)
	for {
		ids, n := []int64(nil), 0
		err := s.write(ctx, "purge", func(tx *txn) (err error) {
			if ids, err = tx.ids(sql, append(w.args[:len(w.args):len(w.args)], last, maxPage)...); err != nil {
				return err
			}
			n, err = tx.purge(ids)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if len(ids) < maxPage {
			return total, s.reap(ctx)
		}
		last = ids[len(ids)-1]
	}
}

// ids collects the first column.
func (tx *txn) ids(sql string, args ...any) (ids []int64, err error) {
	err = tx.each(sql, func(r row) error { ids = append(ids, r.ColumnInt64(0)); return nil }, args...)
	return ids, err
}

// purge drops the rows and returns how many were live.
func (tx *txn) purge(ids []int64) (live int, err error) {
	for _, id := range ids {
		ok, err := tx.isLive(id)
		if err != nil {
			return 0, err
		}
		h, err := tx.entry(id)
		if err != nil {
			return 0, err
		}
		if err := tx.drop(h); err != nil {
			return 0, err
		}
		if ok {
			live++
		}
	}
	return live, nil
}
