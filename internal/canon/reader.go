package canon

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// A reader reads canonical CBOR. After the first error it reads nothing more
// and returns zero values.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(reason string) {
	if r.err == nil {
		r.err = errors.New("canon: malformed parts: " + reason)
		r.rest = nil
	}
}

// head reads the head of an item of the given major type, in its shortest
// form only.
func (r *reader) head(major byte) uint64 {
	if len(r.rest) == 0 {
		r.fail("too short")
		return 0
	}
	first := r.rest[0]
	r.rest = r.rest[1:]
	if first&0xe0 != major {
		r.fail("unexpected type")
		return 0
	}
	info := first & 0x1f
	if info < 24 {
		return uint64(info)
	}
	return r.longHead(info)
}

func (r *reader) longHead(info byte) uint64 {
	size := 1 << (info - 24)
	if info > 27 || len(r.rest) < size {
		r.fail("bad head")
		return 0
	}
	var wide [8]byte
	copy(wide[8-size:], r.rest)
	r.rest = r.rest[size:]
	v := binary.BigEndian.Uint64(wide[:])
	if v < 24 || size > 1 && v>>(4*size) == 0 {
		r.fail("head is not in its shortest form")
		return 0
	}
	return v
}

// length reads a head that counts items or bytes, each of which takes at least
// a byte of the rest.
func (r *reader) length(major byte) int {
	n := r.head(major)
	if n > uint64(len(r.rest)) {
		r.fail("longer than the input")
		return 0
	}
	return int(n)
}

func (r *reader) array(n uint64) {
	if r.head(majorArray) != n {
		r.fail("wrong number of items")
	}
}

func (r *reader) uint() uint64 { return r.head(majorUint) }

// bytes reads a byte string, which shares the input's memory.
func (r *reader) bytes() []byte { return r.take(majorBytes) }

func (r *reader) take(major byte) []byte {
	n := r.length(major)
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// string reads what AppendString wrote.
func (r *reader) string() string {
	if len(r.rest) > 0 && r.rest[0]&0xe0 == majorTag {
		if r.head(majorTag) != tagRawString {
			r.fail("unknown tag")
		}
		s := string(r.bytes())
		if utf8.ValidString(s) {
			r.fail("text under the tag of raw strings")
		}
		return s
	}
	s := string(r.take(majorText))
	if !utf8.ValidString(s) {
		r.fail("text is not UTF-8")
	}
	return s
}

func (r *reader) bool() bool {
	if len(r.rest) == 0 || r.rest[0] != cborTrue && r.rest[0] != cborFalse {
		r.fail("no bool")
		return false
	}
	v := r.rest[0] == cborTrue
	r.rest = r.rest[1:]
	return v
}
