package codec

import (
	"fmt"
	"reflect"
)

// Raw returns a codec named "raw" for bytes and strings, which stores them as
// they are. To keep nil apart from empty, a non-nil slice that is empty or
// begins with a zero byte gets one more zero byte in front.
func Raw[T ~[]byte | ~string]() Codec[T] { return rawCodec[T]{} }

type rawCodec[T ~[]byte | ~string] struct{}

func (rawCodec[T]) Name() string { return "raw" }

func (rawCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	if isBytes[T]() && !isNil(v) && (len(v) == 0 || v[0] == 0) {
		dst = append(dst, 0)
	}
	return append(dst, v...), nil
}

func (rawCodec[T]) Decode(b []byte) (T, error) {
	var v T
	if !isBytes[T]() {
		return T(b), nil
	}
	switch {
	case len(b) == 0:
		return v, nil
	case b[0] != 0:
		return T(append([]byte{}, b...)), nil
	case len(b) > 1 && b[1] != 0:
		return v, fmt.Errorf("codec: raw: %s begins with a zero byte that nothing needs", reflect.TypeFor[T]())
	}
	return T(append([]byte{}, b[1:]...)), nil
}

func isBytes[T any]() bool { return reflect.TypeFor[T]().Kind() == reflect.Slice }

func isNil[T any](v T) bool { return reflect.ValueOf(&v).Elem().IsNil() }
