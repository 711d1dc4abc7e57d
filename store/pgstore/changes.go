package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// maxKeyChanges is how many keys Changes lists; where more changed it asks for
// a flush, which costs the caller less than reading the list.
const maxKeyChanges = 1 << 16

// Kinds of rows of the statement changes.
const (
	rowMeta = iota
	rowLabel
	rowKey
)

// Changes tells what happened after since. Where nothing did, one row is read.
func (s *Store) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	var ch store.Changes
	err := s.do(ctx, "changes", again, func(ctx context.Context, c *pgx.Conn) (err error) {
		ch, err = s.changes(ctx, c, int64(min(since, 1<<62)))
		if err == nil && since > ch.Seq { // from another life of the store
			ch, err = s.changes(ctx, c, 0)
			ch.Flush = true
		}
		return err
	})
	if err != nil {
		return store.Changes{}, err
	}
	return ch, nil
}

func (s *Store) changes(ctx context.Context, c *pgx.Conn, since int64) (ch store.Changes, err error) {
	rows, err := c.Query(ctx, s.sql.changes, since, maxKeyChanges+1)
	if err != nil {
		return ch, err
	}
	defer rows.Close()
	for rows.Next() {
		var r changeRow
		if err := rows.Scan(r.targets()...); err != nil {
			return ch, err
		}
		if err := r.add(&ch, since); err != nil {
			return ch, err
		}
	}
	if len(ch.Keys) > maxKeyChanges {
		ch.Flush = true
	}
	if ch.Flush {
		ch.Keys = nil
	}
	return ch, rows.Err()
}

// changeRow is a row of the statement changes.
type changeRow struct {
	what, kind int16
	seq, floor int64
	value      []byte
	gone       bool
	labels     labelRow
}

func (r *changeRow) targets() []any {
	l := &r.labels
	return []any{
		&r.what, &r.seq, &r.floor, &r.kind, &r.value, &r.gone,
		&l.kind, &l.collection, &l.function, &l.dataset, &l.version, &l.tags, &l.entry,
	}
}

func (r *changeRow) add(ch *store.Changes, since int64) error {
	switch r.what {
	case rowMeta:
		ch.Seq = uint64(r.seq)
		ch.Flush = since > 0 && since < r.floor
	case rowLabel:
		kind := store.LabelKind(r.kind)
		if kind < store.LabelAll || kind > store.LabelTag {
			return fmt.Errorf("%w: label of kind %d", errDamaged, r.kind)
		}
		ch.Labels = append(ch.Labels, store.LabelChange{Label: store.Label{Kind: kind, Value: string(r.value)}, Seq: uint64(r.seq)})
	case rowKey:
		k := store.KeyChange{Seq: uint64(r.seq), Gone: r.gone}
		if copy(k.Key[:], r.value) != len(k.Key) {
			return fmt.Errorf("%w: key of an entry", errDamaged)
		}
		var policy int16
		r.labels.policy = &policy
		var err error
		if k.Labels, _, err = r.labels.labels(); err != nil {
			return err
		}
		ch.Keys = append(ch.Keys, k)
	}
	return nil
}
