package codec

import (
	"errors"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/proto"
)

// Proto returns a codec named "proto" for the generated message type T, such as
// *tracepb.Span: the wire format in deterministic order, behind one byte that
// tells nil from the empty message. Fields that this program does not know
// survive. A message that lacks required fields is an error of Append; a T that
// is an interface is an error of [Check].
//
// Messages keep notes about themselves in unexported fields. The codec is
// therefore a [Comparer] and a [Cloner].
func Proto[T proto.Message]() Codec[T] { return protoCodec[T]{} }

type protoCodec[T proto.Message] struct{}

func (protoCodec[T]) Name() string { return "proto" }

func (c protoCodec[T]) Check() error {
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Pointer {
		return nil
	}
	return &Error{Codec: c.Name(), Type: t, Reason: "it is not the pointer type of one generated message"}
}

// The first byte of an encoded message.
const (
	protoNil   = 0
	protoValue = 1
)

func (c protoCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	if err := c.Check(); err != nil {
		return dst, err
	}
	if !v.ProtoReflect().IsValid() {
		return append(dst, protoNil), nil
	}
	out, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(append(dst, protoValue), v)
	if err != nil {
		return dst, fmt.Errorf("codec: proto: encode %s: %w", reflect.TypeFor[T](), err)
	}
	return out, nil
}

var errProtoHeader = errors.New("the first byte is neither 0 (nil, alone) nor 1 (a message)")

func (c protoCodec[T]) Decode(b []byte) (T, error) {
	var none T
	if err := c.Check(); err != nil {
		return none, err
	}
	switch {
	case len(b) == 1 && b[0] == protoNil:
		return none, nil
	case len(b) == 0 || b[0] != protoValue:
		return none, fmt.Errorf("codec: proto: decode %s: %w", reflect.TypeFor[T](), errProtoHeader)
	}
	m := none.ProtoReflect().New().Interface()
	if err := (proto.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(b[1:], m); err != nil {
		return none, fmt.Errorf("codec: proto: decode %s: %w", reflect.TypeFor[T](), err)
	}
	return m.(T), nil
}

// Equal reports whether a and b are the same message; NaN equals NaN, and nil
// differs from the empty message.
func (protoCodec[T]) Equal(a, b T) bool {
	return a.ProtoReflect().IsValid() == b.ProtoReflect().IsValid() && proto.Equal(a, b)
}

// Clone returns a deep copy of v.
func (protoCodec[T]) Clone(v T) T {
	if !v.ProtoReflect().IsValid() {
		return v
	}
	return proto.Clone(v).(T)
}
