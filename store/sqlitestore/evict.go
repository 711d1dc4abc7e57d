package sqlitestore

import (
	"fmt"

	"github.com/reprise-go/reprise/store"
)

// makeRoom frees what a put of more bytes needs under the quota, sparing the
// row keep, which it replaces. Garbage goes first, then what saves least.
func (tx *txn) makeRoom(more, keep int64) error {
	quota := tx.s.o.Quota
	if quota == 0 || more <= 0 || tx.used()+more <= quota+tx.s.o.slack() {
		return nil
	}
	want := quota - more
	if want < 0 {
		return fmt.Errorf("%w: the quota is %d bytes, the value needs %d more", store.ErrFull, quota, more)
	}
	for _, free := range []func(int64, int64) (swept, error){tx.dropDead, tx.dropHidden, tx.evict} {
		for tx.used() > want {
			n, err := free(want, keep)
			if err != nil {
				return err
			}
			if n.entries == 0 {
				break
			}
		}
	}
	if tx.used() > want {
		return fmt.Errorf("%w: the quota is %d bytes, %d are in use by entries that may not be evicted", store.ErrFull, quota, tx.used())
	}
	return nil
}

// swept counts what one step freed.
type swept struct {
	entries int
	bytes   int64
}

// evictSQL lists what a quota may take, least useful first: the seconds that
// an entry saves for each byte, fading with the time since it was last used
// (to a half after an hour, a third after two). The parameters are the time,
// the row to spare and how many.
const evictSQL = `SELECT e.id FROM sets s CROSS JOIN entries e ON e.set_id = s.id AND e.present = 1 LEFT JOIN uses u ON u.entry = e.id
	WHERE s.policy = 0
	ORDER BY max(e.cost, 1000) / (max(e.size, 1) * (1 + max(?1 - max(e.created, ifnull(u.at, 0)), 0) / 3.6e12)), e.created
	LIMIT ?2`

// evict drops entries until no more than want bytes are left, at most one
// page. It ranks all of them, which takes a second for some millions; the
// slack of the quota makes that rare.
func (tx *txn) evict(want, keep int64) (swept, error) {
	ids, err := tx.ids(evictSQL, tx.now, maxPage)
	if err != nil {
		return swept{}, err
	}
	return tx.dropUntil(ids, want, keep)
}

// dropUntil drops rows until no more than want bytes are in use.
func (tx *txn) dropUntil(ids []int64, want, keep int64) (n swept, err error) {
	for _, id := range ids {
		if tx.used() <= want {
			break
		}
		if id == keep {
			continue
		}
		h, err := tx.entry(id)
		if err != nil {
			return n, err
		}
		if err := tx.drop(h); err != nil {
			return n, err
		}
		n.entries++
		n.bytes += h.size
	}
	return n, nil
}

// dropDead drops a page of entries past expiry and grace. Tallies say where to
// look for them.
func (tx *txn) dropDead(want, keep int64) (n swept, err error) {
	if err := tx.settleAll(); err != nil {
		return swept{}, err
	}
	for n.entries == 0 && tx.used() > want {
		var t *tally
		_, err := tx.one(deadSQL, func(r row) error { t = scanTally(r); return nil }, tx.now)
		if err != nil || t == nil {
			return n, err
		}
		if n, err = tx.dropDeadOf(t, want, keep); err != nil {
			return n, err
		}
	}
	return n, nil
}

const (
	deadSQL   = "SELECT " + tallyColumns + " FROM tallies t WHERE t.dead > 0 AND t.dead <= ? LIMIT 1"
	deadOfSQL = `SELECT id, expires, grace FROM entries WHERE set_id = ? AND present = 1 AND expires BETWEEN ? AND ?`
)

// dropDeadOf drops a page of dead entries of the tally. Where it has none but
// keep, it notes when the next one dies.
func (tx *txn) dropDeadOf(t *tally, want, keep int64) (swept, error) {
	var ids []int64
	next := int64(0)
	err := tx.each(deadOfSQL, func(r row) error {
		var h held
		int64s(r, &h.id, &h.expires, &h.grace)
		switch dead := h.dead(); {
		case h.id == keep:
		case dead > tx.now:
			if next == 0 || dead < next {
				next = dead
			}
		case len(ids) < maxPage:
			ids = append(ids, h.id)
		}
		return nil
	}, t.set, t.first, t.last)
	if err != nil {
		return swept{}, err
	}
	if len(ids) == 0 {
		return swept{}, tx.exec("UPDATE tallies SET dead = ? WHERE set_id = ? AND upto = ?", next, t.set, t.upto)
	}
	return tx.dropUntil(ids, want, keep)
}

// hiddenSQL and hiddenTagSQL list entries that a bumped label hides. The first
// is for when the second finds none: then, where a tally has entries that are
// not live, it is for the labels of the whole set.
const (
	hiddenSQL = `SELECT e.id FROM tallies t CROSS JOIN sets s ON s.id = t.set_id CROSS JOIN entries e
		ON e.set_id = t.set_id AND e.present = 1 AND e.expires BETWEEN t.first AND t.last
		WHERE t.live < t.entries AND e.begun < ` + hiddenSeq + ` LIMIT ?`
	hiddenTagSQL = `SELECT DISTINCT e.id FROM labels l CROSS JOIN tags t ON t.label = l.id CROSS JOIN entries e ON e.id = t.entry
		WHERE l.seq > 0 AND e.present = 1 AND e.begun < l.seq LIMIT ?`
)

// dropHidden drops a page of entries that a bumped label hides.
func (tx *txn) dropHidden(want, keep int64) (swept, error) {
	if err := tx.settleAll(); err != nil {
		return swept{}, err
	}
	ids, err := tx.ids(hiddenTagSQL, maxPage)
	if err == nil && len(ids) == 0 {
		ids, err = tx.ids(hiddenSQL, maxPage)
	}
	if err != nil {
		return swept{}, err
	}
	return tx.dropUntil(ids, want, keep)
}
