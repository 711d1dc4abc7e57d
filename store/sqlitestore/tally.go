package sqlitestore

import "math"

// tally sums up the entries of one label set whose expiry lies in one range,
// so that what a bump hides need not be counted one by one. The ranges of a set
// do not overlap, and reach from the one below, exclusive, to upto, inclusive;
// entries without expiry have a tally of their own, with upto 0. Only a tally
// whose entries are expiring just now has to be looked into, so it is split
// where it grows large.
//
// An entry is live in its tally while no bump hides it, whether it has expired
// or not: nothing has to be written when time passes.
//
// Entries with numbers above meta.counted are in no tally yet; see tail.
type tally struct {
	set, upto   int64
	first, last int64 // bounds of what is there, within the range
	dead        int64 // no entry is past its grace before; 0: never
	all, live   sums
	dirty       bool
}

// sums are of entries and what they hold. The cost may wrap around, as taking
// away undoes.
type sums struct{ entries, bytes, cost int64 }

func (s *sums) add(size, cost, sign int64) {
	s.entries += sign
	s.bytes += sign * size
	s.cost += sign * cost
}

// maxTally is the number of entries from which a tally is split, into tallies
// of half as many.
const maxTally = 1024

const tallyColumns = "t.set_id, t.upto, t.first, t.last, t.dead, t.entries, t.bytes, t.cost, t.live, t.live_bytes, t.live_cost"

func scanTally(r row) *tally {
	t := &tally{}
	int64s(r, &t.set, &t.upto, &t.first, &t.last, &t.dead, &t.all.entries, &t.all.bytes, &t.all.cost,
		&t.live.entries, &t.live.bytes, &t.live.cost)
	return t
}

const (
	insertTallySQL = `INSERT INTO tallies (first, last, dead, entries, bytes, cost, live, live_bytes, live_cost, set_id, upto)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateTallySQL = `UPDATE tallies SET first = ?, last = ?, dead = ?, entries = ?, bytes = ?, cost = ?, live = ?, live_bytes = ?, live_cost = ?
		WHERE set_id = ? AND upto = ?`
)

func (tx *txn) writeTally(sql string, t *tally) error {
	return tx.exec(sql, t.first, t.last, t.dead, t.all.entries, t.all.bytes, t.all.cost,
		t.live.entries, t.live.bytes, t.live.cost, t.set, t.upto)
}

// tallyOf returns the tally for entries of the set with that expiry, which is
// made if there is none. It stays in memory, with changes, until flushTallies.
func (tx *txn) tallyOf(set, expires int64) (*tally, error) {
	for _, t := range tx.tallies[set] {
		if t.first <= expires && expires <= t.upto {
			return t, nil
		}
	}
	var found *tally
	_, err := tx.one("SELECT "+tallyColumns+" FROM tallies t WHERE t.set_id = ? AND t.upto >= ? ORDER BY t.upto LIMIT 1",
		func(r row) error { found = scanTally(r); return nil }, set, expires)
	if err != nil {
		return nil, err
	}
	if found == nil || expires == 0 && found.upto != 0 {
		found = &tally{set: set, upto: math.MaxInt64, first: expires, last: expires}
		if expires == 0 {
			found.upto = 0
		}
		if err := tx.writeTally(insertTallySQL, found); err != nil {
			return nil, err
		}
	}
	for _, t := range tx.tallies[set] {
		if t.upto == found.upto { // and knows more than its row
			return t, nil
		}
	}
	if tx.tallies == nil {
		tx.tallies = map[int64][]*tally{}
	}
	tx.tallies[set] = append(tx.tallies[set], found)
	return found, nil
}

// count adds the entry to its tally, where sign is 1, or takes it away, where
// it is -1. At that moment the entry and its tags must be in the database.
func (tx *txn) count(h held, sign int64) error {
	t, err := tx.tallyOf(h.set, h.expires)
	if err != nil {
		return err
	}
	live, err := tx.visible(h)
	if err != nil {
		return err
	}
	t.dirty = true
	t.all.add(h.size, h.cost, sign)
	if live {
		t.live.add(h.size, h.cost, sign)
	}
	if sign > 0 {
		t.widen(h)
	}
	return nil
}

func (t *tally) widen(h held) {
	t.first, t.last = min(t.first, h.expires), max(t.last, h.expires)
	if dead := h.dead(); dead > 0 && (t.dead == 0 || dead < t.dead) {
		t.dead = dead
	}
}

// visible reports whether no bump hides the present entry.
func (tx *txn) visible(h held) (bool, error) {
	hidden, ok := tx.hidden[h.set]
	if !ok {
		var err error
		if hidden, err = tx.number("SELECT "+hiddenSeq+" FROM sets s WHERE s.id = ?", h.set); err != nil {
			return false, err
		}
		if tx.hidden == nil {
			tx.hidden = map[int64]int64{}
		}
		tx.hidden[h.set] = hidden
	}
	if h.begun < hidden || h.ntags == 0 {
		return h.begun >= hidden, nil
	}
	byTag, err := tx.one("SELECT 1 FROM tags t JOIN labels l ON l.id = t.label WHERE t.entry = ? AND l.seq > ?",
		func(row) error { return nil }, h.id, h.begun)
	return !byTag, err
}

// flushTallies writes down what count changed.
func (tx *txn) flushTallies() error {
	for _, tallies := range tx.tallies {
		for _, t := range tallies {
			if !t.dirty {
				continue
			}
			if err := tx.flushTally(t); err != nil {
				return err
			}
		}
	}
	tx.tallies, tx.hidden = nil, nil
	return nil
}

func (tx *txn) flushTally(t *tally) error {
	switch {
	case t.all.entries == 0:
		return tx.exec("DELETE FROM tallies WHERE set_id = ? AND upto = ?", t.set, t.upto)
	case t.all.entries > tx.s.maxTally && t.first < t.last:
		return tx.split(t)
	}
	return tx.writeTally(updateTallySQL, t)
}

const splitSQL = `SELECT id, set_id, begun, expires, grace, cost, size, ntags FROM entries
	WHERE set_id = ? AND present = 1 AND expires BETWEEN ? AND ? AND +id <= ? ORDER BY expires`

// split counts the entries of a tally anew, in tallies of half of maxTally. Entries
// that expire at the same time stay together.
func (tx *txn) split(t *tally) error {
	var parts []*tally
	err := tx.each(splitSQL, func(r row) error {
		var h held
		int64s(r, &h.id, &h.set, &h.begun, &h.expires, &h.grace, &h.cost, &h.size, &h.ntags)
		live, err := tx.visible(h)
		if err != nil {
			return err
		}
		var p *tally
		if n := len(parts); n > 0 {
			p = parts[n-1]
		}
		if p == nil || p.all.entries >= tx.s.maxTally/2 && h.expires > p.last {
			p = &tally{set: t.set, first: h.expires, last: h.expires}
			parts = append(parts, p)
		}
		p.all.add(h.size, h.cost, 1)
		if live {
			p.live.add(h.size, h.cost, 1)
		}
		p.widen(h)
		p.upto = p.last
		return nil
	}, t.set, t.first, t.last, tx.tail.counted)
	if err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM tallies WHERE set_id = ? AND upto = ?", t.set, t.upto); err != nil {
		return err
	}
	for i, p := range parts {
		if i == len(parts)-1 {
			p.upto = t.upto
		}
		if err := tx.writeTally(insertTallySQL, p); err != nil {
			return err
		}
	}
	return nil
}
