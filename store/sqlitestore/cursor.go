package sqlitestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/reprise-go/reprise/store"
)

// position is the last entry of a page.
type position struct {
	Key     store.Key
	Created int64
	Entry   []byte
}

// orderBy has the key last in every order, so that positions are unique.
var orderBy = map[store.Order]string{
	store.ByKey:       " ORDER BY e.prefix, e.key",
	store.NewestFirst: " ORDER BY e.created DESC, e.key",
	store.ByEntry:     " ORDER BY e.entry, e.key",
}

// where adds the condition for what comes after p.
func (p *position) where(o store.Order, w *where) {
	if p == nil {
		return
	}
	switch o {
	case store.ByKey:
		w.add("(e.prefix, e.key) > (?, ?)", prefix(p.Key), p.Key[:])
	case store.NewestFirst:
		w.add("e.created <= ? AND (e.created < ? OR e.key > ?)", p.Created, p.Created, p.Key[:])
	case store.ByEntry:
		w.add("(e.entry, e.key) > (?, ?)", p.Entry, p.Key[:])
	}
}

// prefix is where a walk in the order of keys goes on: SQLite does not look for
// the place itself where it has another bound.
func (p *position) prefix() int64 {
	if p == nil {
		return math.MinInt64
	}
	return prefix(p.Key)
}

// cursorSum is how many bytes of a digest of the query a cursor carries.
const cursorSum = 8

// encodeCursor is the digest of the query, then the position.
func encodeCursor(q *store.Query, last *store.Record) string {
	b := digest(q)
	b = append(b, last.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(last.Created.UnixNano()))
	b = append(b, last.Labels.Entry...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeCursor returns nil where q begins at the first page.
func decodeCursor(q *store.Query) (*position, error) {
	if q.Cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	const keyAt, createdAt, entryAt = cursorSum, cursorSum + len(store.Key{}), cursorSum + len(store.Key{}) + 8
	if err != nil || len(b) < entryAt || !bytes.Equal(b[:cursorSum], digest(q)) {
		return nil, fmt.Errorf("%w: the cursor is not from this query", store.ErrBadQuery)
	}
	return &position{
		Key:     store.Key(b[keyAt:createdAt]),
		Created: int64(binary.BigEndian.Uint64(b[createdAt:])),
		Entry:   b[entryAt:],
	}, nil
}

// digest identifies what q selects and in which order. Limit may change from
// page to page.
func digest(q *store.Query) []byte {
	n := *q
	n.Limit, n.Cursor, n.Manifests = 0, "", false
	for _, p := range []**string{&n.Collection, &n.Function, &n.Dataset, &n.Version, &n.Tag} {
		if *p != nil {
			hex := fmt.Sprintf("%x", **p) // JSON would fold invalid UTF-8
			*p = &hex
		}
	}
	n.EntryPrefix = fmt.Sprintf("%x", n.EntryPrefix)
	if !n.CreatedBefore.IsZero() {
		n.CreatedBefore = time.Unix(0, n.CreatedBefore.UnixNano()).UTC()
	}
	b, err := json.Marshal(n)
	if err != nil { // a year beyond 9999: no such query finds a cursor
		b = []byte(err.Error())
	}
	sum := sha256.Sum256(b)
	return sum[:cursorSum]
}
