package sqlitestore

import (
	"context"
	"fmt"
	"math"

	"github.com/reprise-go/reprise/store"
)

// maxKeyChanges is how many keys Changes lists; where more changed it asks for
// a flush, which costs the caller less than reading the list.
const maxKeyChanges = 1 << 16

// Changes tells what happened after since. Where that is nothing, or no keys
// are to be told, it is one statement without a transaction around it.
func (s *Store) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	var ch store.Changes
	more := false
	err := s.read(ctx, "changes", func(c *conn) (err error) {
		ch, more, err = labelChanges(c, since)
		return err
	})
	if err == nil && more {
		err = s.snapshot(ctx, "changes", func(c *conn) error {
			if ch, more, err = labelChanges(c, since); err != nil || !more {
				return err
			}
			ch.Keys, err = s.keyChanges(c, int64(since))
			if len(ch.Keys) > maxKeyChanges {
				ch.Keys, ch.Flush = nil, true
			}
			return err
		})
	}
	if err != nil {
		return store.Changes{}, err
	}
	return ch, nil
}

// labelChangesSQL has one row at least, and one snapshot. A since from another
// life of the store counts as 0.
const labelChangesSQL = `SELECT m.seq, m.floor, l.kind, l.value, l.seq FROM meta m
	LEFT JOIN labels l ON l.seq > 0 AND l.seq > iif(?1 > m.seq, 0, ?1) WHERE m.one = 1 ORDER BY l.seq`

// labelChanges is Changes without the keys. It reports whether there are keys
// to be told.
func labelChanges(c *conn, since uint64) (ch store.Changes, keys bool, err error) {
	since = min(since, math.MaxInt64)
	rows := false
	err = c.each(labelChangesSQL, func(r row) error {
		if !rows {
			rows, ch.Seq = true, uint64(r.ColumnInt64(0))
			floor := uint64(r.ColumnInt64(1))
			ch.Flush = since > ch.Seq || since > 0 && since < floor && since != ch.Seq
			keys = since > 0 && since < ch.Seq && !ch.Flush
		}
		seq := uint64(r.ColumnInt64(4))
		if seq == 0 {
			return nil // the row of a meta without labels
		}
		kind := r.ColumnInt64(2)
		if kind < int64(store.LabelAll) || kind > int64(store.LabelTag) {
			return fmt.Errorf("%w: label of kind %d", errDamaged, kind)
		}
		ch.Labels = append(ch.Labels, store.LabelChange{
			Label: store.Label{Kind: store.LabelKind(kind), Value: string(r.ColumnRawBlob(3))}, Seq: seq,
		})
		return nil
	}, int64(since))
	if err == nil && !rows {
		err = errDamaged
	}
	return ch, keys, err
}

const changesSQL = `SELECT changed, cleared, set_id, key, entry, tags FROM entries WHERE changed > 0 AND changed > ?
	ORDER BY changed LIMIT ?`

func (s *Store) keyChanges(c *conn, since int64) (out []store.KeyChange, err error) {
	err = c.each(changesSQL, func(r row) error {
		k := store.KeyChange{Seq: uint64(r.ColumnInt64(0)), Gone: r.ColumnInt64(0) == r.ColumnInt64(1)}
		if copy(k.Key[:], r.ColumnRawBlob(3)) != len(k.Key) {
			return fmt.Errorf("%w: key of an entry", errDamaged)
		}
		if set := r.ColumnInt64(2); set != 0 {
			ls, err := s.setByID(c, set)
			if err != nil {
				return err
			}
			if k.Labels, err = ls.labels(r.ColumnRawBlob(4), r.ColumnRawBlob(5)); err != nil {
				return err
			}
		}
		out = append(out, k)
		return nil
	}, since, maxKeyChanges+1)
	return out, err
}
