package sqlitestore

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

// maxKeyChanges is how many keys Changes lists; where more changed it asks for
// a flush, which costs the caller less than reading the list.
const maxKeyChanges = 1 << 16

// Changes tells what happened after since. Where nothing did, it reads one row.
func (s *Store) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	var ch store.Changes
	err := s.snapshot(ctx, "changes", func(c *conn) error {
		var seq, floor int64
		_, err := c.one("SELECT seq, floor FROM meta WHERE one = 1", func(r row) error { int64s(r, &seq, &floor); return nil })
		if err != nil {
			return err
		}
		ch = store.Changes{Seq: uint64(seq)}
		if since == uint64(seq) {
			return nil
		}
		if since > uint64(seq) { // from another life of the store
			ch.Flush, since = true, 0
		}
		if ch.Labels, err = labelChanges(c, int64(since)); err != nil || since == 0 {
			return err
		}
		if since < uint64(floor) {
			ch.Flush = true
			return nil
		}
		ch.Keys, err = s.keyChanges(c, int64(since))
		if len(ch.Keys) > maxKeyChanges {
			ch.Keys, ch.Flush = nil, true
		}
		return err
	})
	if err != nil {
		return store.Changes{}, err
	}
	return ch, nil
}

func labelChanges(c *conn, since int64) (out []store.LabelChange, err error) {
	err = c.each("SELECT kind, value, seq FROM labels WHERE seq > 0 AND seq > ? ORDER BY seq", func(r row) error {
		kind := r.ColumnInt64(0)
		if kind < int64(store.LabelAll) || kind > int64(store.LabelTag) {
			return fmt.Errorf("%w: label of kind %d", errDamaged, kind)
		}
		out = append(out, store.LabelChange{
			Label: store.Label{Kind: store.LabelKind(kind), Value: string(r.ColumnRawBlob(1))},
			Seq:   uint64(r.ColumnInt64(2)),
		})
		return nil
	}, since)
	return out, err
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
