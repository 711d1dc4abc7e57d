package sqlitestore

import (
	"context"
	"fmt"
	"math"

	"github.com/reprise-go/reprise/store"
)

// maxSideBytes bounds the manifest and the labels of a record, which always
// live in the database: SQLite here works in 256 MiB of memory.
const maxSideBytes = 16 << 20

// Put stores rec. A value that goes to a file is written before the
// transaction begins and gets its name inside of it.
func (s *Store) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	return s.putWith(ctx, "put", rec, mode, func(_ *txn, put func() (store.Stamp, error)) (store.Stamp, error) { return put() })
}

// putWith has f decide, inside the transaction, whether to put.
func (s *Store) putWith(ctx context.Context, doing string, rec *store.Record, mode store.PutMode,
	f func(tx *txn, put func() (store.Stamp, error)) (store.Stamp, error),
) (store.Stamp, error) {
	if err := s.check(rec, mode); err != nil {
		return store.Stamp{}, err
	}
	var file *staged
	if len(rec.Value) >= s.o.InlineBelow {
		var err error
		if file, err = s.stage(ctx, rec.Value); err != nil {
			return store.Stamp{}, err
		}
		defer file.discard()
	}
	var stamp store.Stamp
	unused := int64(0)
	err := s.write(ctx, doing, func(tx *txn) (err error) {
		stamp, err = f(tx, func() (store.Stamp, error) { return tx.put(rec, mode, file) })
		unused = tx.unused
		return err
	})
	if err != nil {
		return store.Stamp{}, err
	}
	if s.unused.Add(unused) > s.o.maxUnused() {
		s.unused.Store(0)
		_ = s.reap(ctx) // the put is done; a sweep will try again
	}
	return stamp, nil
}

// check refuses records that make no sense or are too large.
func (s *Store) check(rec *store.Record, mode store.PutMode) error {
	switch {
	case mode > store.PutSet:
		return fmt.Errorf("sqlitestore: put %s: unknown mode %d", rec.Key.Short(), mode)
	case rec.TTL < 0 || rec.Grace < 0:
		return fmt.Errorf("sqlitestore: put %s: negative TTL (%v) or grace (%v)", rec.Key.Short(), rec.TTL, rec.Grace)
	case rec.Begun > math.MaxInt64 || rec.Fence > math.MaxInt64:
		return fmt.Errorf("sqlitestore: put %s: sequence number %d or fence %d was never given out", rec.Key.Short(), rec.Begun, rec.Fence)
	case s.o.MaxValue > 0 && int64(len(rec.Value)) > s.o.MaxValue:
		return fmt.Errorf("sqlitestore: put %s: %w: %d bytes, the most is %d", rec.Key.Short(), store.ErrTooLarge, len(rec.Value), s.o.MaxValue)
	case sideBytes(rec) > maxSideBytes:
		return fmt.Errorf("sqlitestore: put %s: %w: manifest and labels have %d bytes, the most is %d",
			rec.Key.Short(), store.ErrTooLarge, sideBytes(rec), maxSideBytes)
	}
	return nil
}

func sideBytes(rec *store.Record) int {
	l := &rec.Labels
	n := len(rec.Manifest) + len(l.Collection) + len(l.Function) + len(l.Dataset) + len(l.Version) + len(l.Entry)
	for _, t := range l.Tags {
		n += len(t) + 8
	}
	return n
}

// put is Put inside a transaction.
func (tx *txn) put(rec *store.Record, mode store.PutMode, file *staged) (store.Stamp, error) {
	old, err := tx.find(rec.Key)
	if err != nil {
		return store.Stamp{}, err
	}
	begun := int64(rec.Begun)
	if mode != store.PutSet && tx.superseded(old, begun) {
		return store.Stamp{}, store.ErrSuperseded
	}
	changed := old.changed
	if mode != store.PutPublish {
		changed = tx.next()
	}
	if mode == store.PutSet {
		begun = tx.seq
	}
	if err := tx.settled(old.id); err != nil {
		return store.Stamp{}, err
	}
	if err := tx.makeRoom(int64(len(rec.Value))-old.size, old.id); err != nil {
		return store.Stamp{}, err
	}
	stamp := store.Stamp{Created: asTime(tx.now), Seq: uint64(tx.seq)}
	var expires int64
	if rec.TTL > 0 {
		expires = after(tx.now, rec.TTL)
		stamp.Expires = asTime(expires)
	}
	if old.present == 1 {
		if err := tx.release(old); err != nil {
			return store.Stamp{}, err
		}
	}
	return stamp, tx.store(old.id, rec, begun, expires, changed, file)
}

// superseded reports whether an execution that began at begun comes too late
// to be stored over old. One from the future is from another life of the
// store, and the next clear would not hide it.
func (tx *txn) superseded(old held, begun int64) bool {
	return begun < tx.floor || begun > tx.seq || begun < old.cleared || old.present == 1 && begun < old.begun
}

const insertSQL = `INSERT INTO entries (present, cleared, set_id, begun, created, expires, grace, cost, size, fence, ntags, changed,
	entry, tags, file, value, manifest, id, prefix, key) VALUES (1, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const replaceSQL = `UPDATE entries SET present = 1, set_id = ?, begun = ?, created = ?, expires = ?, grace = ?, cost = ?,
	size = ?, fence = ?, ntags = ?, changed = ?, entry = ?, tags = ?, file = ?, value = ?, manifest = ? WHERE id = ?`

// store writes the row: over the row id, which is settled, or a new one at the
// end of the tail where id is 0.
func (tx *txn) store(id int64, rec *store.Record, begun, expires, changed int64, file *staged) error {
	l := &rec.Labels
	set, err := tx.set(labelSet{l.Kind, rec.Policy, l.Collection, l.Function, l.Dataset, l.Version})
	if err != nil {
		return err
	}
	if file != nil {
		if err := tx.link(file); err != nil {
			return err
		}
	}
	h := held{
		id: id, set: set, begun: begun, expires: expires, grace: int64(rec.Grace), cost: int64(rec.Cost),
		size: int64(len(rec.Value)), ntags: int64(len(l.Tags)), changed: changed,
	}
	if id == 0 {
		h.id = tx.tail.last + 1
	}
	if err := tx.writeRow(&h, rec, file, id == 0); err != nil {
		return err
	}
	if err := tx.tag(h.id, l.Tags); err != nil {
		return err
	}
	if id == 0 {
		return tx.added(h.size)
	}
	tx.addBytes(h.size)
	return tx.count(h, 1)
}

func (tx *txn) writeRow(h *held, rec *store.Record, file *staged, isNew bool) (err error) {
	defer recoverTo(&err, tx.conn)
	value, hash := rec.Value, []byte(nil)
	if file != nil {
		value, hash = nil, file.hash[:]
	}
	sql := replaceSQL
	if isNew {
		sql = insertSQL
	}
	b := binder{}
	if b.st, err = tx.prepare(sql); err != nil {
		return err
	}
	b.ints(h.set, h.begun, tx.now, h.expires, h.grace, h.cost, h.size, int64(rec.Fence), h.ntags, h.changed)
	b.blobs([]byte(rec.Labels.Entry), encodeTags(rec.Labels.Tags), hash, value, rec.Manifest)
	b.ints(h.id)
	if isNew {
		b.ints(prefix(rec.Key))
		b.blobs(rec.Key[:])
	}
	return b.run()
}
