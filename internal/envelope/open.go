package envelope

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// Open checks a sealed record that was found under key, and returns its
// payload and header. Where the record is not compressed the payload aliases
// sealed, with no spare capacity, and nothing is allocated; otherwise it is
// the caller's own. Open never changes sealed and never panics, whatever the
// bytes. Its errors are those of this package, and of a refused record nothing
// is returned.
func (s *Sealer) Open(sealed []byte, key [32]byte) (payload []byte, h Header, err error) {
	l, err := parse(sealed)
	if err != nil {
		return nil, Header{}, err
	}
	if err := s.verify(sealed, &l, key); err != nil {
		return nil, Header{}, err
	}
	payload, err = s.payload(sealed, &l)
	if err != nil {
		return nil, Header{}, err
	}
	return payload, Header{
		Codec:      s.codecs.name(l.codec.of(sealed)),
		Key:        key,
		Plain:      len(payload),
		Compressed: l.compression == compressionZstd,
		Signed:     l.flags&flagSigned != 0,
	}, nil
}

// verify checks everything that can be checked without decoding: checksum,
// signature, key and claimed size, in this order, so that the error names the
// deepest cause.
func (s *Sealer) verify(sealed []byte, l *layout, key [32]byte) error {
	sum := sha256.Sum256(sealed[:l.sum.from])
	if !bytes.Equal(sum[:], l.sum.of(sealed)) {
		return refuse(ErrChecksum, "record of %d bytes", len(sealed))
	}
	if s.mac != nil {
		if l.flags&flagSigned == 0 {
			return refuse(ErrMAC, "unsigned, though a MAC key is set")
		}
		if !s.mac.verify(sum[:], l.mac.of(sealed)) {
			return refuse(ErrMAC, "signed with another MAC key, or forged")
		}
	}
	if owner := sealed[offKey:fixedSize]; !bytes.Equal(owner, key[:]) {
		return refuse(ErrKeyMismatch, "found under %s, sealed for %s", shortKey(key[:]), shortKey(owner))
	}
	if l.plain > uint64(s.maxSize) {
		return refuse(ErrTooLarge, "it claims %d bytes, MaxSize is %d", l.plain, s.maxSize)
	}
	return nil
}

// payload returns the payload of a verified record.
func (s *Sealer) payload(sealed []byte, l *layout) ([]byte, error) {
	stored := l.stored.of(sealed)
	if l.compression == compressionZstd {
		return s.zstd.inflate(stored, int(l.plain))
	}
	if uint64(len(stored)) != l.plain {
		return nil, refuse(ErrCorrupt, "%d bytes are stored uncompressed for a payload of %d", len(stored), l.plain)
	}
	return stored, nil
}

// shortKey is enough of a key to recognise it in a message.
func shortKey(key []byte) string { return hex.EncodeToString(key[:6]) }
