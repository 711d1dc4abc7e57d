package canon

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The major types of CBOR, in the upper three bits of the first byte.
const (
	majorUint  = 0 << 5
	majorNeg   = 1 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	majorMap   = 5 << 5
	majorTag   = 6 << 5
)

// Simple values and float heads.
const (
	cborFalse   = 0xf4
	cborTrue    = 0xf5
	cborNull    = 0xf6
	cborFloat16 = 0xf9
	cborFloat32 = 0xfa
	cborFloat64 = 0xfb
)

// tagRawString marks a byte string that holds a Go string which is not valid
// UTF-8. CBOR text must be, Go strings need not be, and two invalid strings
// must not become one. The number is ours, from the unassigned range.
const tagRawString = 0x5250

// Tags 2 and 3 of RFC 8949, section 3.4.3.
const (
	tagPosBignum = 2
	tagNegBignum = 3
)

// appendHead appends the head of a data item in its shortest form.
func appendHead(dst []byte, major byte, n uint64) []byte {
	if n < 24 {
		return append(dst, major|byte(n))
	}
	return appendLongHead(dst, major, n)
}

func appendLongHead(dst []byte, major byte, n uint64) []byte {
	switch l := bits.Len64(n); {
	case l <= 8:
		return append(dst, major|24, byte(n))
	case l <= 16:
		return append(dst, major|25, byte(n>>8), byte(n))
	case l <= 32:
		return append(dst, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

// AppendUint appends v as an unsigned integer.
func AppendUint(dst []byte, v uint64) []byte { return appendHead(dst, majorUint, v) }

// AppendInt appends v as an unsigned or a negative integer.
func AppendInt(dst []byte, v int64) []byte {
	if v >= 0 {
		return appendHead(dst, majorUint, uint64(v))
	}
	return appendHead(dst, majorNeg, ^uint64(v))
}

// AppendString appends s as text, or, where s is not valid UTF-8, as a byte
// string under a tag of our own: distinct strings give distinct bytes.
func AppendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		dst = appendHead(dst, majorTag, tagRawString)
		return append(appendHead(dst, majorBytes, uint64(len(s))), s...)
	}
	return appendText(dst, s)
}

// appendText appends s, which is valid UTF-8.
func appendText(dst []byte, s string) []byte {
	if at := len(dst); len(s) < 24 && cap(dst)-at > len(s) {
		// One check of the room for both, and no call for the head.
		dst = dst[:at+1+len(s)]
		dst[at] = majorText | byte(len(s))
		copy(dst[at+1:], s)
		return dst
	}
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

// AppendBytes appends b as a byte string. A nil b is the empty byte string;
// write AppendNull where that must differ.
func AppendBytes(dst, b []byte) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(b))), b...)
}

// AppendArray appends the head of an array; its n items must follow. n is not
// negative.
func AppendArray(dst []byte, n int) []byte { return appendHead(dst, majorArray, uint64(n)) }

// AppendMap appends the head of a map; n pairs of key and value must follow,
// sorted by the bytes of the encoded keys. n is not negative.
func AppendMap(dst []byte, n int) []byte { return appendHead(dst, majorMap, uint64(n)) }

// AppendBool appends v.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, cborTrue)
	}
	return append(dst, cborFalse)
}

// AppendNull appends null.
func AppendNull(dst []byte) []byte { return append(dst, cborNull) }
