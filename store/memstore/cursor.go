package memstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// A cursor is base64 of: 8 bytes that identify the query, the key, Created in
// nanoseconds since 1970 as 8 bytes, and Entry.
const (
	cursorQuery   = 8
	cursorKey     = cursorQuery + 32
	cursorCreated = cursorKey + 8
)

// checkQuery refuses senseless paging, fills in q.Limit and returns where to
// go on; nil is the beginning.
func checkQuery(q *store.Query) (*place, error) {
	if q.Limit < 0 || q.Order > store.ByEntry {
		return nil, fmt.Errorf("memstore: list: limit %d, order %d: %w", q.Limit, q.Order, store.ErrBadQuery)
	}
	if q.Limit == 0 || q.Limit > pageSize {
		q.Limit = pageSize
	}
	if q.Cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err != nil || len(b) < cursorCreated || !bytes.Equal(b[:cursorQuery], fingerprint(q)) {
		return nil, fmt.Errorf("memstore: list: the cursor is not from this query: %w", store.ErrBadQuery)
	}
	nanos := int64(binary.BigEndian.Uint64(b[cursorKey:]))
	p := place{Created: time.Unix(0, nanos), Entry: string(b[cursorCreated:])}
	copy(p.Key[:], b[cursorQuery:])
	return &p, nil
}

func encodeCursor(q *store.Query, p place) string {
	b := append(fingerprint(q), p.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Created.UnixNano()))
	return base64.RawURLEncoding.EncodeToString(append(b, p.Entry...))
}

// fingerprint identifies what q selects and how it sorts.
func fingerprint(q *store.Query) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %s %s ", part(q.Key), part(q.Kind), part(q.Policy), part(q.Collection))
	fmt.Fprintf(h, "%s %s %s %s ", part(q.Function), part(q.Dataset), part(q.Version), part(q.Tag))
	fmt.Fprintf(h, "%q %d %t %d", q.EntryPrefix, q.CreatedBefore.UnixNano(), q.All, q.Order)
	return h.Sum(nil)[:cursorQuery]
}

// part renders a field so that no two values look alike.
func part[T any](p *T) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%q", fmt.Sprint(*p))
}
