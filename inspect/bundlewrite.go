package inspect

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"time"

	"github.com/reprise-go/reprise/store"
)

// bundleWriter writes a bundle.
type bundleWriter struct {
	gz    *gzip.Writer
	key   []byte // nil: unsigned
	chain [sha256.Size]byte
	end   bundleEnd
	buf   []byte
}

// newBundleWriter writes the beginning of a bundle from the store with the
// given ID.
func newBundleWriter(w io.Writer, key []byte, id [32]byte, now time.Time) (*bundleWriter, error) {
	prologue := append([]byte(bundleMagic), bundleVersion, bundleGzip, 0, 0)
	if key != nil {
		prologue[len(bundleMagic)+2] = bundleSigned
	}
	if _, err := w.Write(prologue); err != nil {
		return nil, err
	}
	gz, err := gzip.NewWriterLevel(w, gzip.BestSpeed) // large values are compressed already
	if err != nil {
		return nil, err
	}
	b := &bundleWriter{gz: gz, key: key, chain: sha256.Sum256(prologue)}
	return b, b.frame(frameHeader, &bundleHeader{Exported: now.UnixMicro(), Source: sourceOf(id)}, nil)
}

// entry writes an entry, with its value as sealed.
func (b *bundleWriter) entry(rec *store.Record) error {
	b.end.Entries++
	b.end.Bytes += uint64(len(rec.Value))
	return b.frame(frameEntry, describeRecord(rec), rec.Value)
}

// close ends the bundle. Without it there is none.
func (b *bundleWriter) close() error {
	if err := b.frame(frameEnd, &b.end, nil); err != nil {
		return err
	}
	return b.gz.Close()
}

// frame writes a frame. Its checksum covers the one before, so the last covers
// everything.
func (b *bundleWriter) frame(kind byte, description any, value []byte) error {
	d, err := bundleEncoding.Marshal(description)
	if err != nil {
		return err
	}
	b.buf = append(b.buf[:0], kind)
	b.buf = binary.BigEndian.AppendUint32(b.buf, uint32(len(d)))
	b.buf = binary.BigEndian.AppendUint64(b.buf, uint64(len(value)))
	b.buf = append(b.buf, d...)
	b.chain = link(b.chain, b.buf, value)
	if _, err := b.gz.Write(b.buf); err != nil {
		return err
	}
	if _, err := b.gz.Write(value); err != nil {
		return err
	}
	if _, err := b.gz.Write(b.chain[:]); err != nil || b.key == nil {
		return err
	}
	_, err = b.gz.Write(signature(b.key, b.chain))
	return err
}

// link is the checksum of a frame after that of the frame before.
func link(before [sha256.Size]byte, head, value []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(before[:])
	h.Write(head)
	h.Write(value)
	h.Sum(sum[:0])
	return sum
}
