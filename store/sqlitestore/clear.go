package sqlitestore

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

// hiddenSeq is, for a row s of sets, the newest bump of a label that all its
// entries carry.
const hiddenSeq = `max((SELECT seq FROM labels WHERE id = s.by_function),
	ifnull((SELECT seq FROM labels WHERE id = s.by_link), 0),
	ifnull((SELECT seq FROM labels WHERE id = s.by_dataset), 0),
	iif(s.policy = 0, (SELECT seq FROM labels WHERE id = 1), 0))`

// visible is true for a row e of entries, in the set s, that no bump hides.
const visible = `e.present = 1 AND e.begun >= ` + hiddenSeq + ` AND ` + untagged

// untagged is true for a row e of entries that no bump of a tag hides.
const untagged = `(e.ntags = 0 OR NOT EXISTS
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
			return tx.bury(key)
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

// bury makes the tombstone of a key that has no row.
func (tx *txn) bury(key store.Key) error {
	err := tx.exec(`INSERT INTO entries (id, prefix, present, set_id, begun, created, expires, grace, cost, size, fence, ntags,
		cleared, changed, key, entry, tags, file, value, manifest)
		VALUES (?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ?, ?, ?, x'', x'', x'', x'', x'')`, tx.tail.last+1, prefix(key), tx.seq, tx.seq, key[:])
	if err != nil {
		return err
	}
	return tx.added(0)
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

// Bump hides all entries with any of the labels. Its cost does not grow with
// the number of entries but with that of tallies, except for tags, whose
// entries it goes through.
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
		if err := tx.settleAll(); err != nil {
			return err
		}
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
	var n int64
	if l.Kind == store.LabelTag {
		n, err = tx.bumpTag(id)
	} else {
		n, err = tx.bumpSet(id, setsWith[l.Kind])
	}
	if err == nil {
		err = tx.exec("UPDATE labels SET seq = ? WHERE id = ?", tx.seq, id)
	}
	if err == nil {
		err = tx.flushTallies()
	}
	return int(n), err
}

// setsWith is the condition for the sets that carry a label, by its kind. The
// parameter is the label.
var setsWith = map[store.LabelKind]string{
	store.LabelAll:             "s.policy = 0 AND ? = 1",
	store.LabelFunction:        "s.by_function = ?",
	store.LabelFunctionDataset: "s.by_link = ?",
	store.LabelDataset:         "s.by_dataset = ?",
}

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

// update takes the entry out of its tally and puts it back as changed.
func (tx *txn) update(h held, c store.Change) error {
	if err := tx.settled(h.id); err != nil {
		return err
	}
	if err := tx.count(h, -1); err != nil {
		return err
	}
	if c.TTL != nil {
		h.expires = 0
		if *c.TTL > 0 {
			h.expires = after(tx.now, *c.TTL)
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
	err := tx.exec("UPDATE entries SET expires = ?, set_id = ?, changed = ? WHERE id = ?", h.expires, h.set, tx.next(), h.id)
	if err != nil {
		return err
	}
	return tx.count(h, 1)
}
