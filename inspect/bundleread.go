package inspect

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// bundleReader reads a bundle, and believes nothing of it before its checksum.
type bundleReader struct {
	raw      *bufio.Reader
	r        io.Reader // inflated
	key      []byte    // nil: signatures are not looked at
	signed   bool
	maxValue int64
	chain    [sha256.Size]byte
	end      bundleEnd // as counted
}

// broken is an ErrBundle.
func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrBundle, fmt.Errorf(format, args...))
}

// newBundleReader reads the beginning of a bundle.
func newBundleReader(r io.Reader, key []byte, maxValue int64) (*bundleReader, *bundleHeader, error) {
	b := &bundleReader{raw: bufio.NewReaderSize(r, 64<<10), key: key, maxValue: maxValue}
	if err := b.prologue(); err != nil {
		return nil, nil, err
	}
	gz, err := gzip.NewReader(b.raw)
	if err != nil {
		return nil, nil, damaged(err)
	}
	gz.Multistream(false)
	b.r = bufio.NewReaderSize(gz, 64<<10)
	kind, d, _, err := b.frame()
	if err != nil {
		return nil, nil, err
	}
	var h bundleHeader
	if err := describe(d, &h); err != nil || kind != frameHeader || len(h.Source) != sha256.Size {
		return nil, nil, broken("its first frame is no header")
	}
	return b, &h, nil
}

func (b *bundleReader) prologue() error {
	p := make([]byte, prologueSize)
	if n, err := io.ReadFull(b.raw, p); err != nil && !bytes.HasPrefix([]byte(bundleMagic), p[:min(n, len(bundleMagic))]) {
		return broken("it does not begin like one")
	} else if err != nil {
		return damaged(err)
	}
	version, compression, flags := p[len(bundleMagic)], p[len(bundleMagic)+1], p[len(bundleMagic)+2]
	switch {
	case string(p[:len(bundleMagic)]) != bundleMagic:
		return broken("it does not begin like one")
	case version != bundleVersion || compression != bundleGzip || flags&^bundleSigned != 0 || p[prologueSize-1] != 0:
		return broken("format %d, compression %d, flags %#x: this program knows format %d; a newer one may read it",
			version, compression, flags, bundleVersion)
	}
	b.signed = flags&bundleSigned != 0
	if b.key != nil && !b.signed {
		return broken("it is not signed, though a signing key is set; export it with the key, or import it without")
	}
	b.chain = sha256.Sum256(p)
	return nil
}

// entry reads the next entry. io.EOF is the end of a whole bundle.
func (b *bundleReader) entry() (*bundleEntry, []byte, error) {
	kind, d, value, err := b.frame()
	if err != nil {
		return nil, nil, err
	}
	switch kind {
	case frameEntry:
		var e bundleEntry
		if err := describe(d, &e); err != nil {
			return nil, nil, broken("description: %w", err)
		}
		b.end.Entries++
		b.end.Bytes += uint64(len(value))
		return &e, value, nil
	case frameEnd:
		return nil, nil, b.finish(d)
	}
	return nil, nil, broken("a frame of unknown type %#02x", kind)
}

// finish checks that the bundle is what its end says, and that nothing
// follows.
func (b *bundleReader) finish(d []byte) error {
	var end bundleEnd
	if err := describe(d, &end); err != nil {
		return broken("its end: %w", err)
	}
	if end != b.end {
		return broken("it speaks of %d entries and %d bytes, and has %d and %d", end.Entries, end.Bytes, b.end.Entries, b.end.Bytes)
	}
	if err := atEnd(b.r, "its last frame"); err != nil {
		return err
	}
	if err := atEnd(b.raw, "its end"); err != nil {
		return err
	}
	return io.EOF
}

// atEnd checks that nothing is left to read.
func atEnd(r io.Reader, after string) error {
	n, err := io.CopyN(io.Discard, r, 1)
	switch {
	case n > 0:
		return broken("something follows %s", after)
	case errors.Is(err, io.EOF):
		return nil
	}
	return damaged(err)
}

// frame reads a frame and checks it. Memory grows with what is really there.
func (b *bundleReader) frame() (kind byte, description, value []byte, err error) {
	head := make([]byte, frameFixed)
	if _, err := io.ReadFull(b.r, head); err != nil {
		return 0, nil, nil, damaged(err)
	}
	n, s := binary.BigEndian.Uint32(head[1:]), binary.BigEndian.Uint64(head[5:])
	if n > maxDescription || s > uint64(b.maxValue) {
		return 0, nil, nil, broken("a frame claims a description of %d bytes and a value of %d; at most %d and %d are read", n, s, maxDescription, b.maxValue)
	}
	if head, err = b.read(head, uint64(n)); err != nil {
		return 0, nil, nil, err
	}
	if value, err = b.read(nil, s); err != nil {
		return 0, nil, nil, err
	}
	b.chain = link(b.chain, head, value)
	if err := b.check(); err != nil {
		return 0, nil, nil, err
	}
	return head[0], head[frameFixed:], value, nil
}

// check reads checksum and signature.
func (b *bundleReader) check() error {
	size := sha256.Size
	if b.signed {
		size *= 2
	}
	tail, err := b.read(nil, uint64(size))
	if err != nil {
		return err
	}
	if !bytes.Equal(tail[:sha256.Size], b.chain[:]) {
		return broken("a checksum does not match")
	}
	if b.key != nil && !hmac.Equal(tail[sha256.Size:], signature(b.key, b.chain)) {
		return broken("it is signed with another key")
	}
	return nil
}

// read appends n bytes to dst.
func (b *bundleReader) read(dst []byte, n uint64) ([]byte, error) {
	const first = 1 << 20
	buf := bytes.NewBuffer(dst)
	buf.Grow(int(min(n, first)))
	if _, err := io.CopyN(buf, b.r, int64(n)); err != nil {
		return nil, damaged(err)
	}
	return buf.Bytes(), nil
}

// damaged is what an error of reading says of the bundle. Errors of the medium
// say nothing.
func damaged(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return broken("it is truncated")
	case errors.Is(err, ErrBundle):
		return err
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return broken("%w", err)
	}
	return err
}
