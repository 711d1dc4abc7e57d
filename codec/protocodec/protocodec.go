// Package protocodec stores protocol buffers. It is apart from package codec so
// that only programs that use it link google.golang.org/protobuf, whose
// initialization every start of a program pays for.
package protocodec

import (
	"errors"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// New returns a codec named "proto" for the generated message type T, such as
// *tracepb.Span, in the wire format with deterministic order. It satisfies
// codec.Codec[T]. A nil message stays nil. Fields unknown to this program
// survive; a message that lacks required fields is an error of Append. Check
// fails where T is an interface.
//
// Messages remember in unexported fields what was done with them, so compare
// them with [Equal] and copy them with [Clone].
func New[T proto.Message]() Codec[T] { return Codec[T]{} }

// Codec is the codec that New returns. The zero value is ready to use, by many
// goroutines at once.
type Codec[T proto.Message] struct{}

// Name returns "proto".
func (Codec[T]) Name() string { return "proto" }

// Check returns an error where T is not a concrete message type.
func (Codec[T]) Check() error {
	if t := reflect.TypeFor[T](); t.Kind() != reflect.Pointer {
		return fmt.Errorf("codec: proto cannot store %s: use the pointer type of one generated message", t)
	}
	return nil
}

// A leading byte tells nil from the empty message, whose wire form is empty.
const (
	isNil   = 0
	present = 1
)

// Append encodes v after dst.
func (c Codec[T]) Append(dst []byte, v T) ([]byte, error) {
	if err := c.Check(); err != nil {
		return dst, err
	}
	if !v.ProtoReflect().IsValid() {
		return append(dst, isNil), nil
	}
	out, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(append(dst, present), v)
	if err != nil {
		return dst, fmt.Errorf("codec: proto: encode %s: %w", reflect.TypeFor[T](), err)
	}
	return out, nil
}

// maxDepth bounds the nesting of what is decoded; it is the default of the
// protobuf library, written out because it is a promise here.
const maxDepth = 10_000

// Decode returns the message that b encodes.
func (c Codec[T]) Decode(b []byte) (T, error) {
	var none T
	if err := c.Check(); err != nil {
		return none, err
	}
	switch {
	case len(b) == 1 && b[0] == isNil:
		return none, nil
	case len(b) == 0 || b[0] != present:
		return none, fmt.Errorf("codec: proto: decode %s: %w", reflect.TypeFor[T](), errHeader)
	}
	m := message(none).New().Interface()
	if err := (proto.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(b[1:], m); err != nil {
		return none, fmt.Errorf("codec: proto: decode %s: %w", reflect.TypeFor[T](), err)
	}
	return m.(T), nil
}

var errHeader = errors.New("the first byte is neither 0 (nil) nor 1 (a message)")

// message is the type of messages of m, which may be nil.
func message(m proto.Message) protoreflect.MessageType { return m.ProtoReflect().Type() }

// Equal reports whether a and b mean the same message; NaN equals NaN, and nil
// does not equal an empty message.
func Equal[T proto.Message](a, b T) bool {
	return a.ProtoReflect().IsValid() == b.ProtoReflect().IsValid() && proto.Equal(a, b)
}

// Clone returns a deep copy of m.
func Clone[T proto.Message](m T) T {
	if !m.ProtoReflect().IsValid() {
		return m
	}
	return proto.Clone(m).(T)
}
