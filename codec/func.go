package codec

import (
	"fmt"
	"reflect"
)

// Func returns a codec of two functions. The name must not be that of another
// codec, and should carry a version that changes when the functions do
// ("thumbnail/2"). serialize returns the bytes of a value, which are copied;
// deserialize must not keep its argument. A nil function or an empty name is
// an error of [Check] and of the first use.
func Func[T any](name string, serialize func(T) ([]byte, error), deserialize func([]byte) (T, error)) Codec[T] {
	return funcCodec[T]{name, serialize, deserialize}
}

type funcCodec[T any] struct {
	name        string
	serialize   func(T) ([]byte, error)
	deserialize func([]byte) (T, error)
}

func (c funcCodec[T]) Name() string { return c.name }

func (c funcCodec[T]) Check() error {
	missing := ""
	switch {
	case c.name == "":
		missing = "a name"
	case c.serialize == nil:
		missing = "a serialize function"
	case c.deserialize == nil:
		missing = "a deserialize function"
	default:
		return nil
	}
	return fmt.Errorf("codec: custom codec %q for %s needs %s", c.name, reflect.TypeFor[T](), missing)
}

func (c funcCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	if err := c.Check(); err != nil {
		return dst, err
	}
	b, err := c.serialize(v)
	if err != nil {
		return dst, fmt.Errorf("codec: %s: serialize %s: %w", c.name, reflect.TypeFor[T](), err)
	}
	return append(dst, b...), nil
}

func (c funcCodec[T]) Decode(b []byte) (T, error) {
	var zero T
	if err := c.Check(); err != nil {
		return zero, err
	}
	v, err := c.deserialize(b)
	if err != nil {
		return zero, fmt.Errorf("codec: %s: deserialize %s: %w", c.name, reflect.TypeFor[T](), err)
	}
	return v, nil
}
