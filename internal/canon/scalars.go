package canon

import (
	"reflect"
	"unsafe"
)

var scalars = [...]encodeFunc{
	reflect.Bool: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendBool(dst, *(*bool)(p))
	},
	reflect.Int: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendInt(dst, int64(*(*int)(p)))
	},
	reflect.Int8: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendInt(dst, int64(*(*int8)(p)))
	},
	reflect.Int16: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendInt(dst, int64(*(*int16)(p)))
	},
	reflect.Int32: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendInt(dst, int64(*(*int32)(p)))
	},
	reflect.Int64: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendInt(dst, *(*int64)(p))
	},
	reflect.Uint: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendUint(dst, uint64(*(*uint)(p)))
	},
	reflect.Uint8: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendUint(dst, uint64(*(*uint8)(p)))
	},
	reflect.Uint16: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendUint(dst, uint64(*(*uint16)(p)))
	},
	reflect.Uint32: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendUint(dst, uint64(*(*uint32)(p)))
	},
	reflect.Uint64: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendUint(dst, *(*uint64)(p))
	},
	reflect.Float32: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return appendFloat(dst, float64(*(*float32)(p)))
	},
	reflect.Float64: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return appendFloat(dst, *(*float64)(p))
	},
	reflect.Complex64: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return appendComplex(dst, complex128(*(*complex64)(p)))
	},
	reflect.Complex128: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return appendComplex(dst, *(*complex128)(p))
	},
	reflect.String: func(_ *state, dst []byte, p unsafe.Pointer) []byte {
		return AppendString(dst, *(*string)(p))
	},
}

// scalar compiles kinds that hold no other value, and reports whether n is of
// one.
func (c *compiler) scalar(n *node) bool {
	k := n.typ.Kind()
	if int(k) >= len(scalars) || scalars[k] == nil {
		return false
	}
	n.enc, n.fails = scalars[k], false
	switch {
	case k == reflect.String:
		n.op = opString
	case k == reflect.Bool:
		n.op = opBool
	case isInt64(k):
		n.op = opInt
	}
	return true
}

// isInt64 reports whether k is a signed integer of 64 bits on this machine.
func isInt64(k reflect.Kind) bool {
	return k == reflect.Int64 || k == reflect.Int && unsafe.Sizeof(int(0)) == 8
}
