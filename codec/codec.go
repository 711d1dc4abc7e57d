package codec

import (
	"errors"
	"fmt"
	"reflect"
)

// A Codec stores values of type T as bytes. Implementations must be safe for
// concurrent use.
type Codec[T any] interface {
	// Name identifies the encoding. It is recorded beside what was encoded,
	// and bytes of another name are not decoded, so it must change when the
	// encoding does.
	Name() string

	// Append encodes v, appends the bytes to dst and returns the extended
	// slice. It does not modify v or keep dst. On error the result is
	// undefined.
	Append(dst []byte, v T) ([]byte, error)

	// Decode returns the value that b encodes. It returns an error, and never
	// panics, where b is not exactly one encoded value. It neither modifies b
	// nor keeps any part of it: the value remains good when b is reused.
	Decode(b []byte) (T, error)
}

// A Checker is a Codec that can tell from the type alone, or from how it was
// made, that it will not work.
type Checker interface {
	// Check returns an error, usually an [*Error], where no or not every
	// value of the type can be stored.
	Check() error
}

// A Comparer is a Codec that knows better than a comparison of all fields when
// two values are the same.
type Comparer[T any] interface {
	// Equal reports whether no program should tell a from b.
	Equal(a, b T) bool
}

// A Cloner is a Codec that knows better than a copy of all fields how to copy
// a value.
type Cloner[T any] interface {
	// Clone returns a copy of v that shares nothing with v that anyone could
	// modify.
	Clone(v T) T
}

// Check asks c whether it can store values of T at all. It returns nil where c
// is not a Checker, and an error where c is nil.
func Check[T any](c Codec[T]) error {
	if c == nil {
		return fmt.Errorf("codec: nil codec for %s; use codec.JSON", reflect.TypeFor[T]())
	}
	if k, ok := c.(Checker); ok {
		return k.Check()
	}
	return nil
}

// ErrNotSerializable is what every [*Error] is, for errors.Is.
var ErrNotSerializable = errors.New("codec: not serializable")

// An Error says that a type or a value cannot be stored without loss.
type Error struct {
	Codec  string       // name of the codec
	Type   reflect.Type // of the value as a whole
	Path   string       // of the offending part, such as Items[3].Price; empty where it is the whole
	Reason string       // what is wrong and what to do about it
}

// Error says what cannot be stored, where in the value, and what to do.
func (e *Error) Error() string {
	at := e.Type.String()
	if e.Path != "" {
		at += " at " + e.Path
	}
	return fmt.Sprintf("codec: %s cannot store %s: %s", e.Codec, at, e.Reason)
}

// Is reports whether target is ErrNotSerializable.
func (e *Error) Is(target error) bool { return target == ErrNotSerializable }
