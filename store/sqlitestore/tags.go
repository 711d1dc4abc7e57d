package sqlitestore

import (
	"encoding/binary"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

// encodeTags writes each tag after its length. Rows keep their tags so, for
// Get, and in the table tags, for finding them.
func encodeTags(tags []string) []byte {
	var b []byte
	for _, t := range tags {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	return b
}

func decodeTags(b []byte) ([]string, error) {
	var tags []string
	for len(b) > 0 {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return nil, fmt.Errorf("%w: tags of an entry", errDamaged)
		}
		tags = append(tags, string(b[w:w+int(n)]))
		b = b[w+int(n):]
	}
	return tags, nil
}

// tag lists the row under each of its tags.
func (tx *txn) tag(id int64, tags []string) error {
	for _, t := range tags {
		label, err := tx.label(store.TagLabel(t))
		if err != nil {
			return err
		}
		if err := tx.exec("INSERT OR IGNORE INTO tags (entry, label) VALUES (?, ?)", id, label); err != nil {
			return err
		}
	}
	return nil
}
