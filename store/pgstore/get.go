package pgstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// Columns of the statement get. Those from colSet on are null where there is
// no entry.
const (
	colSeq = iota
	colNow
	colSet
	colBegun
	colCreated
	colExpires
	colGrace
	colDead
	colCost
	colSize
	colFence
	colEntry
	colValue
	numberColumns = colEntry
)

// found is a row of the statement get.
type found struct {
	number       [numberColumns]int64
	there        bool
	entry, value []byte
}

// Get reads the entry under key with one prepared statement. The first time
// that a process sees a combination of labels it asks for it with another.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	var l store.Lookup
	err := s.do(ctx, "get", again, func(ctx context.Context, c *pgx.Conn) (err error) {
		l, err = s.get(ctx, c, key)
		if errors.Is(err, pgx.ErrNoRows) { // replaced, and its label set forgotten, since
			l, err = s.get(ctx, c, key)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			l.Damaged, err = true, nil
		}
		return err
	})
	if err != nil {
		return store.Lookup{}, err
	}
	return l, nil
}

func (s *Store) get(ctx context.Context, c *pgx.Conn, key store.Key) (l store.Lookup, err error) {
	row, err := s.find(ctx, c, key)
	if err != nil {
		return l, err
	}
	l.Seq, l.Now = uint64(row.number[colSeq]), asTime(row.number[colNow])
	if dead := row.number[colDead]; !row.there || dead > 0 && row.number[colNow] >= dead {
		return l, nil
	}
	set, err := s.setByID(ctx, c, row.number[colSet])
	if err != nil && !errors.Is(err, errDamaged) {
		return l, err
	}
	s.uses.note(key, row.number[colNow])
	if err != nil || int64(len(row.value)) != row.number[colSize] {
		l.Damaged = true
		return l, nil
	}
	rec, err := row.record(key, set)
	if err != nil {
		l.Damaged = true
		return l, nil //nolint:nilerr // another put mends it
	}
	l.Found, l.Record = true, rec
	return l, nil
}

func (row *found) record(key store.Key, set labelSet) (r store.Record, err error) {
	n := &row.number
	r = store.Record{
		Key: key, Value: row.value, Policy: set.policy, Size: n[colSize], Begun: uint64(n[colBegun]), Fence: uint64(n[colFence]),
		Created: asTime(n[colCreated]), Expires: asTime(n[colExpires]),
		Grace: time.Duration(n[colGrace]), Cost: time.Duration(n[colCost]),
	}
	r.Labels, err = set.labels(string(row.entry))
	return r, err
}

// find runs the statement get. It reads the binary form of the row itself:
// pgx's Scan would cost a seventh of the whole lookup.
func (s *Store) find(ctx context.Context, c *pgx.Conn, key store.Key) (f found, err error) {
	rows, err := c.Query(ctx, s.sql.get, key[:])
	if err != nil {
		return f, err
	}
	defer rows.Close()
	if !rows.Next() {
		rows.Close()
		if err := rows.Err(); err != nil {
			return f, err
		}
		return f, fmt.Errorf("%w: the row of table meta is missing", errDamaged)
	}
	if isBinary(rows) {
		err = f.read(rows.RawValues())
	} else {
		err = f.scan(rows)
	}
	rows.Close()
	if err == nil {
		err = rows.Err()
	}
	return f, err
}

// isBinary reports whether all columns are; in the simple protocol none is.
func isBinary(rows pgx.Rows) bool {
	for _, d := range rows.FieldDescriptions() {
		if d.Format != pgx.BinaryFormatCode {
			return false
		}
	}
	return true
}

// postgresEpoch is 2000-01-01, from which the binary form of a timestamp counts,
// in microseconds since 1970. To have the server convert it costs microseconds.
const postgresEpoch = 946_684_800_000_000

func (row *found) read(raw [][]byte) error {
	if len(raw) != colValue+1 {
		return fmt.Errorf("%w: a row of %d columns", errDamaged, len(raw))
	}
	row.there = raw[colSet] != nil
	for i := range row.number {
		switch {
		case len(raw[i]) == 8:
			row.number[i] = int64(binary.BigEndian.Uint64(raw[i]))
		case raw[i] != nil || row.there || i < colSet:
			return fmt.Errorf("%w: column %d of an entry", errDamaged, i)
		}
	}
	row.number[colNow] += postgresEpoch
	row.entry = bytes.Clone(raw[colEntry])
	if row.value = bytes.Clone(raw[colValue]); row.value == nil {
		row.value = []byte{}
	}
	return nil
}

func (row *found) scan(rows pgx.Rows) error {
	var numbers [numberColumns]*int64
	targets := make([]any, 0, colValue+1)
	var now time.Time
	for i := range numbers {
		targets = append(targets, &numbers[i])
	}
	targets[colNow] = &now
	if err := rows.Scan(append(targets, &row.entry, &row.value)...); err != nil {
		return err
	}
	for i, n := range numbers {
		if n != nil {
			row.number[i] = *n
		}
	}
	row.number[colNow] = now.UnixMicro()
	row.there = numbers[colSet] != nil
	return nil
}

// asTime is a moment of the database; 0 is none.
func asTime(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}
