package redisstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// A cursor is base64 of: 8 bytes that identify the query, the key of the last
// entry listed, when it was created in milliseconds, and its Entry.
const (
	cursorQuery   = 8
	cursorKey     = cursorQuery + len(store.Key{})
	cursorCreated = cursorKey + 8
)

// checkQuery refuses senseless paging, fills in q.Limit and returns where to
// go on; nil is the beginning.
func checkQuery(q *store.Query) (*place, error) {
	if q.Limit < 0 || q.Order > store.ByEntry {
		return nil, fmt.Errorf("redisstore: list: limit %d, order %d: %w", q.Limit, q.Order, store.ErrBadQuery)
	}
	if q.Limit == 0 || q.Limit > pageSize {
		q.Limit = pageSize
	}
	if q.Cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err != nil || len(b) < cursorCreated || !bytes.Equal(b[:cursorQuery], fingerprint(q)) {
		return nil, fmt.Errorf("redisstore: list: the cursor is not from this query: %w", store.ErrBadQuery)
	}
	ms := int64(binary.BigEndian.Uint64(b[cursorKey:]))
	return &place{store.Key(b[cursorQuery:cursorKey]), time.UnixMilli(ms), string(b[cursorCreated:])}, nil
}

func encodeCursor(q *store.Query, p place) string {
	b := append(fingerprint(q), p.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Created.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(b, p.Entry...))
}

// fingerprint identifies what q selects and how it sorts. Strings go in as
// bytes, for they need not be UTF-8.
func fingerprint(q *store.Query) []byte {
	raw := func(s *string) *[]byte {
		if s == nil {
			return nil
		}
		b := []byte(*s)
		return &b
	}
	text, err := json.Marshal([]any{
		q.Key, q.Kind, q.Policy, raw(q.Collection), raw(q.Function), raw(q.Dataset), raw(q.Version), raw(q.Tag),
		[]byte(q.EntryPrefix), q.CreatedBefore.UnixNano(), q.All, q.Order,
	})
	if err != nil {
		panic(err) // nothing in there can fail
	}
	sum := sha256.Sum256(text)
	return sum[:cursorQuery]
}
