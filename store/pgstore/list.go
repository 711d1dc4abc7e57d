package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// maxPage is the most entries on a page of List, and in a transaction that
// deletes.
const maxPage = 1000

// listColumns are what List reads beside labels.
const listColumns = "SELECT e.key, e.begun, e.created, e.expires, e.grace, e.cost, e.size, e.fence, " + labelColumns

// List reads a page of entries with one statement.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := checkQuery(&q); err != nil {
		return store.Page{}, fmt.Errorf("pgstore: list: %w", err)
	}
	after, err := decodeCursor(&q)
	if err != nil {
		return store.Page{}, fmt.Errorf("pgstore: list: %w", err)
	}
	limit := min(q.Limit, maxPage)
	if limit == 0 {
		limit = maxPage
	}
	var page store.Page
	err = s.do(ctx, "list", again, func(ctx context.Context, c *pgx.Conn) error {
		page, err = s.list(ctx, c, &q, after, limit)
		return err
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}

func (s *Store) list(ctx context.Context, c *pgx.Conn, q *store.Query, after *position, limit int) (page store.Page, err error) {
	w := selection(q)
	after.where(q.Order, &w)
	sql := listColumns
	if q.Manifests {
		sql += ", e.manifest"
	}
	sql = s.sql.in(sql + joinHidden + w.String() + orderBy[q.Order] + " LIMIT " + w.arg(limit+1))
	rows, err := c.Query(ctx, sql, w.args...)
	if err != nil {
		return page, err
	}
	page.Records, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (store.Record, error) { return listed(r, q.Manifests) })
	if err != nil {
		return store.Page{}, err
	}
	if len(page.Records) > limit {
		page.Records = page.Records[:limit]
		page.Next = encodeCursor(q, &page.Records[limit-1])
	}
	return page, nil
}

// listed is the record of a row of listColumns.
func listed(row pgx.CollectableRow, manifest bool) (rec store.Record, err error) {
	var key []byte
	var created, expires int64
	var labels labelRow
	targets := append([]any{
		&key, &rec.Begun, &created, &expires, (*int64)(&rec.Grace), (*int64)(&rec.Cost), &rec.Size, &rec.Fence,
	}, labels.targets()...)
	if manifest {
		targets = append(targets, &rec.Manifest)
	}
	if err := row.Scan(targets...); err != nil {
		return rec, err
	}
	if copy(rec.Key[:], key) != len(rec.Key) {
		return rec, fmt.Errorf("%w: key of an entry", errDamaged)
	}
	rec.Created, rec.Expires = asTime(created), asTime(expires)
	rec.Labels, rec.Policy, err = labels.labels()
	return rec, err
}

// Count sums over the entries that List would return.
func (s *Store) Count(ctx context.Context, q store.Query) (store.Totals, error) {
	var t store.Totals
	w := selection(&q)
	sql := s.sql.in("SELECT count(*), coalesce(sum(e.size), 0)::bigint, coalesce(sum(e.cost), 0)::bigint" + joinHidden + w.String())
	err := s.do(ctx, "count", again, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, sql, w.args...).Scan(&t.Entries, &t.Bytes, (*int64)(&t.Cost))
	})
	if err != nil {
		return store.Totals{}, err
	}
	return t, nil
}

// Purge deletes the entries that match q, in transactions of at most 1,000.
// Where ctx ends it early, the number says how far it came.
func (s *Store) Purge(ctx context.Context, q store.Query) (int, error) {
	if !narrows(&q) {
		return 0, fmt.Errorf("pgstore: purge: %w: it would delete everything", store.ErrBadQuery)
	}
	q.All = true
	total := 0
	for last := []byte{}; ; {
		var b batch
		var n freed
		err := s.do(ctx, "purge", once, func(ctx context.Context, c *pgx.Conn) (err error) {
			if b, err = s.matching(ctx, c, &q, last); err == nil {
				n, err = s.free(ctx, c, b, true)
			}
			return err
		})
		if err != nil {
			return total, err
		}
		total += n.live
		if len(b.keys) < maxPage {
			return total, nil
		}
		last = b.keys[len(b.keys)-1]
	}
}

// matching is the batch of entries that match q, with keys over last.
func (s *Store) matching(ctx context.Context, c *pgx.Conn, q *store.Query, last []byte) (batch, error) {
	w := selection(q)
	w.add("e.key > ?", last)
	sql := "SELECT e.key, e.created, e.changed FROM {schema}.entries e JOIN {schema}.sets s ON s.id = e.set_id" +
		w.String() + " ORDER BY e.key LIMIT " + w.arg(maxPage)
	return collect(c.Query(ctx, s.sql.in(sql), w.args...))
}

// batch is entries to delete, as they were when they were chosen.
type batch struct {
	keys             [][]byte
	created, changed []int64
}

func collect(rows pgx.Rows, err error) (b batch, _ error) {
	if err != nil {
		return b, err
	}
	var key []byte
	var created, changed int64
	_, err = pgx.ForEachRow(rows, []any{&key, &created, &changed}, func() error {
		b.keys = append(b.keys, append([]byte(nil), key...))
		b.created, b.changed = append(b.created, created), append(b.changed, changed)
		return nil
	})
	return b, err
}

// freed counts what a batch freed.
type freed struct {
	entries int
	bytes   int64
	live    int
}

// free deletes a batch, but for what was replaced or changed since. wait says
// whether to wait for those who are writing an entry, or to leave it alone.
func (s *Store) free(ctx context.Context, c *pgx.Conn, b batch, wait bool) (n freed, err error) {
	if len(b.keys) == 0 {
		return n, nil
	}
	err = c.QueryRow(ctx, s.sql.free, b.keys, b.created, b.changed, wait).Scan(&n.entries, &n.bytes, &n.live)
	return n, err
}
