package envelope

import (
	"fmt"
	"math"
)

// Defaults and limits of Options.
const (
	// DefaultMaxSize is the largest payload where Options.MaxSize is 0, in
	// bytes: 256 MiB, small enough that one record, whatever it inflates to,
	// does not exhaust an ordinary machine.
	DefaultMaxSize = 256 << 20

	// DefaultCompressAbove is the threshold where Options.CompressAbove is 0,
	// in bytes. Inflating costs more than reading the bytes it saves from a
	// local store, at every size; so compression is for room, and for slow
	// networks. 16 KiB is where it begins to matter for room: smaller entries
	// seldom fill a quota, and a hit on them stays a few microseconds. A store
	// behind 1 Gb/s gains time from about 2 KiB.
	DefaultCompressAbove = 16 << 10

	// MinMAC is the shortest MAC key, in bytes.
	MinMAC = 16

	// MaxCodecName is the longest codec name, in bytes.
	MaxCodecName = 255
)

// Header describes a payload. Seal reads Codec and Key and ignores the rest;
// Open fills all of it.
type Header struct {
	Codec      string   // how the payload is encoded, at most MaxCodecName bytes, may be empty
	Key        [32]byte // under which the record is stored
	Plain      int      // length of the payload, uncompressed, bytes
	Compressed bool     // stored as zstd
	Signed     bool     // carries a signature; checked only where Options.MAC is set
}

// Options configure a Sealer. The zero value is good for a store that only
// trusted programs write to.
type Options struct {
	// MAC is an HMAC-SHA-256 key of at least MinMAC bytes. With it Seal signs,
	// and Open refuses records that are unsigned or signed with another key.
	// Nil: Seal does not sign, and Open takes records whether signed or not,
	// without looking at the signature. New copies the key.
	MAC []byte

	// MaxSize is the largest payload, uncompressed, in bytes, that Seal takes
	// and Open returns. 0 is DefaultMaxSize.
	MaxSize int64

	// CompressAbove is a length in bytes: longer payloads are compressed with
	// zstd, if that makes them at least a tenth smaller. 0 is
	// DefaultCompressAbove; negative never compresses. Open reads compressed
	// records whatever it is.
	CompressAbove int
}

// Sealer seals and opens records. It is safe for concurrent use.
type Sealer struct {
	maxSize       int64
	compressAbove int
	mac           *signer // nil: neither sign nor check
	codecs        codecs
	zstd          deflator
}

// New returns a Sealer. It fails for a MAC key shorter than MinMAC, also for
// an empty one that is not nil, and for a negative MaxSize.
func New(o Options) (*Sealer, error) {
	if o.MAC != nil && len(o.MAC) < MinMAC {
		return nil, fmt.Errorf("envelope: MAC key of %d bytes: use at least %d random bytes, or nil for none", len(o.MAC), MinMAC)
	}
	if o.MaxSize < 0 {
		return nil, fmt.Errorf("envelope: MaxSize %d is negative: use 0 for the default of %d", o.MaxSize, DefaultMaxSize)
	}
	s := &Sealer{maxSize: o.MaxSize, compressAbove: o.CompressAbove}
	if o.MaxSize == 0 {
		s.maxSize = DefaultMaxSize
	}
	if o.MaxSize > math.MaxInt {
		s.maxSize = math.MaxInt
	}
	if o.CompressAbove == 0 {
		s.compressAbove = DefaultCompressAbove
	}
	if o.MAC != nil {
		s.mac = newSigner(o.MAC)
	}
	return s, nil
}
