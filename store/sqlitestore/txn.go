package sqlitestore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/reprise-go/reprise/store"
)

// txn is an immediate transaction with the meta row, which save writes back.
type txn struct {
	*conn
	s     *Store
	now   int64 // the store's clock, Unix nanoseconds
	dirty bool

	unused int64 // bytes of value files that nothing refers to any more

	seq, floor, epoch, fence int64

	bytes   int64 // of the entries up to tail.counted
	tail    tail
	tallies map[int64][]*tally // by set; those that flushTallies must write
	hidden  map[int64]int64    // by set: its newest bump
}

const loadSQL = `SELECT seq, floor, epoch, fence, bytes, counted, (SELECT max(id) FROM entries) FROM meta WHERE one = 1`

func (tx *txn) load() error {
	var counted, last int64
	ok, err := tx.one(loadSQL, func(r row) error {
		int64s(r, &tx.seq, &tx.floor, &tx.epoch, &tx.fence, &tx.bytes, &counted, &last)
		return nil
	})
	if err == nil && !ok {
		err = errDamaged
	}
	if err != nil {
		return err
	}
	tx.now = tx.s.now()
	tx.s.names.at(tx.epoch)
	return tx.loadTail(counted, max(counted, last))
}

func (tx *txn) save() error {
	if err := tx.flushTallies(); err != nil || !tx.dirty {
		return err
	}
	return tx.exec("UPDATE meta SET seq = ?, floor = ?, epoch = ?, fence = ?, bytes = ?, counted = ? WHERE one = 1",
		tx.seq, tx.floor, tx.epoch, tx.fence, tx.bytes, tx.tail.counted)
}

// next takes the next sequence number.
func (tx *txn) next() int64 {
	tx.seq++
	tx.dirty = true
	return tx.seq
}

func (tx *txn) addBytes(n int64) {
	if n != 0 {
		tx.bytes += n
		tx.dirty = true
	}
}

// prefix is the part of the key that is indexed, in an order that is the
// order of keys. Different keys may share it.
func prefix(k store.Key) int64 {
	return int64(binary.BigEndian.Uint64(k[:8]) ^ 1<<63)
}

// held is what a transaction needs to know of a row of entries.
type held struct {
	id, present, set, begun, expires, grace, cost, size, ntags, cleared, changed int64
	file                                                                         []byte
}

// dead is when the entry is past its grace; 0: never.
func (h *held) dead() int64 {
	if h.expires == 0 {
		return 0
	}
	return after(h.expires, time.Duration(h.grace))
}

const heldColumns = "id, present, set_id, begun, expires, grace, cost, size, ntags, cleared, changed, file"

func scanHeld(r row) held {
	var h held
	int64s(r, &h.id, &h.present, &h.set, &h.begun, &h.expires, &h.grace, &h.cost, &h.size, &h.ntags, &h.cleared, &h.changed)
	h.file = bytes.Clone(r.ColumnRawBlob(11))
	return h
}

// find returns the row of key; id 0 where there is none.
func (tx *txn) find(key store.Key) (h held, err error) {
	err = tx.each("SELECT "+heldColumns+", key FROM entries WHERE prefix = ?", func(r row) error {
		if bytes.Equal(r.ColumnRawBlob(12), key[:]) {
			h = scanHeld(r)
			return errStop
		}
		return nil
	}, prefix(key))
	return h, err
}

// entry returns the present row with id, which an index has named: a row that
// is not there means that the index is damaged, and a loop over it would never end.
func (tx *txn) entry(id int64) (h held, err error) {
	_, err = tx.one("SELECT "+heldColumns+" FROM entries WHERE id = ?", func(r row) error { h = scanHeld(r); return nil }, id)
	if err == nil && h.present != 1 {
		err = fmt.Errorf("%w: an index names entry %d, which is not there", errDamaged, id)
	}
	return h, err
}

// remembered reports whether the row must outlive its value, because it says
// when its key was cleared or changed.
func (tx *txn) remembered(h held) bool { return h.cleared > tx.floor || h.changed > tx.floor }

// drop frees the value of a row, and the row too unless it is remembered.
func (tx *txn) drop(h held) error {
	if err := tx.release(h); err != nil {
		return err
	}
	if tx.remembered(h) {
		return tx.entomb(h.id, h.cleared, h.changed)
	}
	if err := tx.exec("DELETE FROM uses WHERE entry = ?", h.id); err != nil {
		return err
	}
	return tx.exec("DELETE FROM entries WHERE id = ?", h.id)
}

// release gives back what a present row holds outside of itself.
func (tx *txn) release(h held) error {
	if err := tx.settled(h.id); err != nil {
		return err
	}
	if err := tx.count(h, -1); err != nil {
		return err
	}
	tx.addBytes(-h.size)
	if h.ntags > 0 {
		if err := tx.exec("DELETE FROM tags WHERE entry = ?", h.id); err != nil {
			return err
		}
	}
	return tx.unref(h.file)
}

// entomb leaves of a row its key, its labels and when it was cleared and
// changed: what Changes tells, and what refuses late puts.
func (tx *txn) entomb(id, cleared, changed int64) error {
	return tx.exec(`UPDATE entries SET present = 0, cleared = ?, changed = ?, begun = 0, created = 0, expires = 0,
		grace = 0, cost = 0, size = 0, ntags = 0, file = x'', value = x'', manifest = x'' WHERE id = ?`,
		cleared, changed, id)
}

// unref gives up one reference to a value file. A reap removes the file.
func (tx *txn) unref(hash []byte) error {
	if len(hash) == 0 {
		return nil
	}
	_, err := tx.one("UPDATE files SET refs = refs - 1 WHERE hash = ? AND refs > 0 RETURNING iif(refs = 0, size, 0)", func(r row) error {
		tx.unused += r.ColumnInt64(0)
		return nil
	}, hash)
	return err
}

// after is t nanoseconds plus d, without overflow.
func after(t int64, d time.Duration) int64 {
	if d > 0 && t > math.MaxInt64-int64(d) {
		return math.MaxInt64
	}
	return t + int64(d)
}

func asTime(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
