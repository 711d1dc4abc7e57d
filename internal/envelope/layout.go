package envelope

import "encoding/binary"

// The format, as docs/envelope.md specifies it. Whoever changes anything here
// gives formatVersion the next number.
const (
	magic         = "rprs"
	formatVersion = 1

	offVersion     = 4
	offFlags       = 5
	offCompression = 6
	offCodecLen    = 7
	offPlain       = 8
	offStored      = 16
	offKey         = 24
	fixedSize      = 56 // of the header before the codec's name

	sumSize = 32 // of the SHA-256, and again of the signature

	flagSigned = 1 << 0

	compressionNone = 0
	compressionZstd = 1
)

// layout is a parsed header: where things are in a record whose length has
// been checked. Lengths stay uint64 until they are known to be real.
type layout struct {
	flags, compression byte
	plain              uint64
	codec, stored      span
	sum, mac           span // mac is empty where unsigned
}

type span struct{ from, to int }

func (s span) of(b []byte) []byte { return b[s.from:s.to:s.to] }

// parse reads the header and checks that the record has exactly the length it
// speaks of. It checks nothing else: any bit may still be wrong.
func parse(b []byte) (layout, error) {
	if err := recognise(b); err != nil {
		return layout{}, err
	}
	l := layout{
		flags:       b[offFlags],
		compression: b[offCompression],
		plain:       binary.BigEndian.Uint64(b[offPlain:]),
	}
	begin := fixedSize + int(b[offCodecLen])
	trailer := sumSize
	if l.flags&flagSigned != 0 {
		trailer += sumSize
	}
	stored := binary.BigEndian.Uint64(b[offStored:])
	if have := len(b) - begin - trailer; have < 0 || uint64(have) < stored {
		return layout{}, refuse(ErrTruncated, "%d bytes, but its header promises %d of payload and %d around them", len(b), stored, begin+trailer)
	} else if uint64(have) > stored {
		return layout{}, refuse(ErrCorrupt, "bytes follow its end")
	}
	end := begin + int(stored)
	l.codec = span{fixedSize, begin}
	l.stored = span{begin, end}
	l.sum = span{end, end + sumSize}
	l.mac = span{end + sumSize, len(b)}
	return l, nil
}

// recognise checks that b begins as a record of this format, and is long
// enough to hold a header.
func recognise(b []byte) error {
	n := min(len(b), len(magic))
	if string(b[:n]) != magic[:n] {
		return refuse(ErrFormat, "it begins with % x", b[:n])
	}
	if len(b) > offVersion && b[offVersion] != formatVersion {
		return refuse(ErrFormat, "format version %d, this program knows %d", b[offVersion], formatVersion)
	}
	if len(b) < fixedSize {
		return refuse(ErrTruncated, "%d bytes, a header alone has %d", len(b), fixedSize)
	}
	if f := b[offFlags]; f&^flagSigned != 0 {
		return refuse(ErrFormat, "unknown flags %#02x", f)
	}
	if c := b[offCompression]; c > compressionZstd {
		return refuse(ErrFormat, "unknown compression %d", c)
	}
	return nil
}

// appendHeader appends a header for a payload that is stored as it is; deflated
// changes it afterwards.
func appendHeader(dst []byte, h *Header, plain int, signed bool) []byte {
	dst = append(dst, magic...)
	var flags byte
	if signed {
		flags |= flagSigned
	}
	dst = append(dst, formatVersion, flags, compressionNone, byte(len(h.Codec)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(plain))
	dst = binary.BigEndian.AppendUint64(dst, uint64(plain))
	dst = append(dst, h.Key[:]...)
	return append(dst, h.Codec...)
}

// markDeflated changes a header for a payload stored as zstd.
func markDeflated(header []byte, stored int) {
	header[offCompression] = compressionZstd
	binary.BigEndian.PutUint64(header[offStored:], uint64(stored))
}
