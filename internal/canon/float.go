package canon

import (
	"encoding/binary"
	"math"
)

// appendFloat appends f in the shortest of 16, 32 or 64 bits that keeps its
// value. Every NaN is the one canonical NaN. Negative zero keeps its sign: a
// function can tell it from zero, though == cannot.
func appendFloat(dst []byte, f float64) []byte {
	if f != f {
		return append(dst, cborFloat16, 0x7e, 0x00)
	}
	f32 := float32(f)
	if float64(f32) != f {
		return binary.BigEndian.AppendUint64(append(dst, cborFloat64), math.Float64bits(f))
	}
	if h, ok := float16(f32); ok {
		return append(dst, cborFloat16, byte(h>>8), byte(h))
	}
	return binary.BigEndian.AppendUint32(append(dst, cborFloat32), math.Float32bits(f32))
}

// float16 converts f, which is not NaN, to half precision where that is exact.
func float16(f float32) (uint16, bool) {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	exp := int(b>>23&0xff) - 127
	frac := b & 0x7fffff
	switch {
	case b<<1 == 0:
		return sign, true
	case exp == 128:
		return sign | 0x7c00, true
	case exp >= -14 && exp <= 15:
		return sign | uint16(exp+15)<<10 | uint16(frac>>13), frac&0x1fff == 0
	case exp >= -24 && exp < -14:
		// Subnormal: the value is (1.frac) * 2^exp in units of 2^-24.
		mant, shift := frac|0x800000, uint(-exp-1)
		return sign | uint16(mant>>shift), mant&(1<<shift-1) == 0
	}
	return 0, false
}

// appendComplex appends the real and the imaginary part as an array of two.
func appendComplex(dst []byte, c complex128) []byte {
	dst = appendFloat(AppendArray(dst, 2), real(c))
	return appendFloat(dst, imag(c))
}
