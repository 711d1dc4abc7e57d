package sqlitestore

import (
	"context"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// hiddenSeq is, for a row s of sets, the newest bump of a label that all its
// entries carry.
const hiddenSeq = `max((SELECT seq FROM labels WHERE id = s.by_function),
	ifnull((SELECT seq FROM labels WHERE id = s.by_link), 0),
	ifnull((SELECT seq FROM labels WHERE id = s.by_dataset), 0),
	iif(s.policy = 0, (SELECT seq FROM labels WHERE id = 1), 0))`

// visible is true for a row e of entries, in the set s, that no bump hides.
const visible = `e.present = 1 AND e.begun >= ` + hiddenSeq + ` AND (e.ntags = 0 OR NOT EXISTS
	(SELECT 1 FROM tags t JOIN labels l ON l.id = t.label WHERE t.entry = e.id AND l.seq > e.begun))`

// live is visible and unexpired; its parameter is the time.
const live = visible + ` AND (e.expires = 0 OR e.expires > ?)`

// isLive reports whether the row is live.
func (tx *txn) isLive(id int64) (bool, error) {
	return tx.one("SELECT 1 FROM entries e JOIN sets s ON s.id = e.set_id WHERE e.id = ? AND "+live,
		func(row) error { return nil }, id, tx.now)
}

// Clear hides the entry under key.
func (s *Store) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	var b store.Bumped
	err := s.write(ctx, "clear", func(tx *txn) error {
		h, err := tx.find(key)
		if err != nil {
			return err
		}
		b = store.Bumped{Seq: uint64(tx.next())}
		if h.id == 0 {
			return tx.exec(`INSERT INTO entries (prefix, present, set_id, begun, created, expires, grace, dead, cost, size, fence, ntags,
				cleared, changed, key, entry, tags, file, value, manifest)
				VALUES (?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ?, ?, ?, x'', x'', x'', x'', x'')`, prefix(key), tx.seq, tx.seq, key[:])
		}
		if h.present == 1 {
			if b.Entries, err = tx.clearPresent(h); err != nil {
				return err
			}
		}
		return tx.entomb(h.id, tx.seq, tx.seq)
	})
	if err != nil {
		return store.Bumped{}, err
	}
	return b, nil
}

// clearPresent lets go of the row and returns how many live entries it was.
func (tx *txn) clearPresent(h held) (int, error) {
	live, err := tx.isLive(h.id)
	if err != nil {
		return 0, err
	}
	if err := tx.release(h); err != nil {
		return 0, err
	}
	if live {
		return 1, nil
	}
	return 0, nil
}

// Bump hides all entries with any of the labels. It writes one row a label;
// counting the entries it hides reads an index.
func (s *Store) Bump(ctx context.Context, labels ...store.Label) (store.Bumped, error) {
	if len(labels) == 0 {
		return store.Bumped{}, fmt.Errorf("sqlitestore: bump: %w: no label", store.ErrBadQuery)
	}
	for _, l := range labels {
		if l.Kind < store.LabelAll || l.Kind > store.LabelTag {
			return store.Bumped{}, fmt.Errorf("sqlitestore: bump: %w: label of kind %d", store.ErrBadQuery, l.Kind)
		}
	}
	var b store.Bumped
	err := s.write(ctx, "bump", func(tx *txn) error {
		b = store.Bumped{Seq: uint64(tx.next())}
		for _, l := range labels {
			n, err := tx.bump(l)
			if err != nil {
				return err
			}
			b.Entries += n
		}
		return nil
	})
	if err != nil {
		return store.Bumped{}, err
	}
	return b, nil
}

// bump counts the live entries with the label, and hides them: an entry with
// two of the labels is not live any more when the second is counted.
func (tx *txn) bump(l store.Label) (int, error) {
	id, err := tx.label(l)
	if err != nil {
		return 0, err
	}
	n, err := tx.number(countSQL[l.Kind], tx.now, id)
	if err != nil {
		return 0, err
	}
	return int(n), tx.exec("UPDATE labels SET seq = ? WHERE id = ?", tx.seq, id)
}

// countSQL counts the live entries with a label. The parameters are the time
// and the label.
var countSQL = map[store.LabelKind]string{
	store.LabelAll:             countWhere + "s.policy = 0 AND ? = 1",
	store.LabelFunction:        countWhere + "s.by_function = ?",
	store.LabelFunctionDataset: countWhere + "s.by_link = ?",
	store.LabelDataset:         countWhere + "s.by_dataset = ?",
	store.LabelTag: `SELECT count(*) FROM tags i CROSS JOIN entries e ON e.id = i.entry CROSS JOIN sets s ON s.id = e.set_id
		WHERE ` + live + ` AND i.label = ?`,
}

const countWhere = "SELECT count(*) FROM sets s CROSS JOIN entries e ON e.set_id = s.id WHERE " + live + " AND "

// Update changes expiry or policy of a live entry.
func (s *Store) Update(ctx context.Context, key store.Key, c store.Change) (bool, error) {
	if c.TTL != nil && *c.TTL < 0 {
		return false, fmt.Errorf("sqlitestore: update %s: negative TTL %v", key.Short(), *c.TTL)
	}
	var done bool
	err := s.write(ctx, "update", func(tx *txn) error {
		h, err := tx.find(key)
		if err != nil || h.present == 0 {
			return err
		}
		if done, err = tx.isLive(h.id); err != nil || !done {
			return err
		}
		return tx.update(h, c)
	})
	return done && err == nil, err
}

func (tx *txn) update(h held, c store.Change) error {
	if c.TTL != nil {
		var dead int64
		h.expires = 0
		if *c.TTL > 0 {
			h.expires = after(tx.now, *c.TTL)
			dead = after(h.expires, time.Duration(h.grace))
		}
		if err := tx.exec("UPDATE entries SET expires = ?, dead = ? WHERE id = ?", h.expires, dead, h.id); err != nil {
			return err
		}
	}
	if c.Policy != nil {
		ls, err := querySet(tx.conn, h.set)
		if err != nil {
			return err
		}
		ls.policy = *c.Policy
		if h.set, err = tx.set(*ls); err != nil {
			return err
		}
	}
	return tx.exec("UPDATE entries SET set_id = ?, changed = ? WHERE id = ?", h.set, tx.next(), h.id)
}
