package sqlitestore

import (
	"bytes"
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
)

// getSQL is all of a Get. The join returns the sequence number of the same
// snapshot, with or without a row of entries. The key is compared in Go: to
// bind it would cost an allocation in SQLite's memory. ColumnX are its columns.
const getSQL = `SELECT m.seq, e.key, e.value, e.id, e.set_id, e.begun, e.created, e.expires, e.grace, e.cost, e.size,
	e.fence, e.entry, e.tags
	FROM meta m LEFT JOIN entries e ON e.prefix = ? AND e.present = 1 WHERE m.one = 1`

const (
	colSeq = iota
	colKey
	colValue
	colID
	colSet
	colBegun
	colCreated
	colExpires
	colGrace
	colCost
	colSize
	colFence
	colEntry
	colTags
)

// Get reads the entry under key with one prepared statement, and copies its
// value once.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	var l store.Lookup
	if err := s.enter(ctx); err != nil {
		return l, err
	}
	defer s.leave()
	c, err := s.readers.take(ctx)
	if err != nil {
		return l, s.fail(ctx, "get", err)
	}
	file, err := s.get(c, key, &l)
	if len(file) > 0 && err == nil {
		err = s.getFile(c, key, &l, file)
	}
	s.readers.give(c)
	if err != nil {
		return store.Lookup{}, s.fail(ctx, "get", err)
	}
	return l, nil
}

// get fills l from the database. It returns the name of the value's file where
// the value is in one.
func (s *Store) get(c *conn, key store.Key, l *store.Lookup) (file []byte, err error) {
	defer recoverTo(&err, c)
	st := c.get
	if st == nil {
		if st, _, err = c.db.PrepareFlags(getSQL, sqlite3.PREPARE_PERSISTENT); err != nil {
			return nil, missing(err)
		}
		c.get = st
	}
	if err := st.BindInt64(1, prefix(key)); err != nil {
		return nil, err
	}
	l.Now = s.o.Now()
	rows := false
	for st.Step() {
		rows = true
		l.Seq = uint64(st.ColumnInt64(colSeq))
		if bytes.Equal(st.ColumnRawBlob(colKey), key[:]) {
			file, err = s.scan(c, st, l)
			break
		}
	}
	stepped := st.Err()
	if reset := st.Reset(); stepped == nil {
		stepped = reset
	}
	switch {
	case stepped != nil:
		return nil, stepped
	case err != nil:
		return nil, err
	case !rows:
		return nil, errDamaged
	}
	if l.Found {
		l.Record.Key = key
	}
	return file, nil
}

// scan reads the current row.
func (s *Store) scan(c *conn, st row, l *store.Lookup) (file []byte, err error) {
	now := l.Now.UnixNano()
	expires, grace := st.ColumnInt64(colExpires), time.Duration(st.ColumnInt64(colGrace))
	if expires > 0 && now >= after(expires, grace) {
		l.Expired = true
		return nil, nil
	}
	r := &l.Record
	set, err := s.setByID(c, st.ColumnInt64(colSet))
	if err != nil {
		return nil, err
	}
	r.Labels = store.Labels{
		Kind: set.kind, Collection: set.collection, Function: set.function, Dataset: set.dataset, Version: set.version,
	}
	r.Policy = set.policy
	r.Begun = uint64(st.ColumnInt64(colBegun))
	r.Created = time.Unix(0, st.ColumnInt64(colCreated))
	r.Expires = asTime(expires)
	r.Grace = grace
	r.Cost = time.Duration(st.ColumnInt64(colCost))
	r.Size = st.ColumnInt64(colSize)
	r.Fence = uint64(st.ColumnInt64(colFence))
	r.Labels.Entry = string(st.ColumnRawBlob(colEntry))
	if r.Labels.Tags, err = decodeTags(st.ColumnRawBlob(colTags)); err != nil {
		return nil, err
	}
	id := st.ColumnInt64(colID)
	s.uses.note(id, now)
	value := st.ColumnRawBlob(colValue)
	if int64(len(value)) != r.Size {
		_, err = c.one("SELECT file FROM entries WHERE id = ?", func(r row) error { file = r.ColumnBlob(0, nil); return nil }, id)
		l.Damaged = len(file) == 0
		return file, err
	}
	r.Value = append(make([]byte, 0, len(value)), value...)
	l.Found = true
	return nil, nil
}

// getFile reads a value from its file. Where the file is gone the entry may
// have been replaced since, so it looks a second time.
func (s *Store) getFile(c *conn, key store.Key, l *store.Lookup, file []byte) error {
	for range 2 {
		value, err := s.files.read(file, l.Record.Size)
		if err == nil {
			l.Record.Key, l.Record.Value, l.Found = key, value, true
			return nil
		}
		*l = store.Lookup{}
		again, err := s.get(c, key, l)
		if err != nil || len(again) == 0 {
			return err
		}
		file = again
	}
	*l = store.Lookup{Damaged: true, Seq: l.Seq, Now: l.Now}
	return nil
}
