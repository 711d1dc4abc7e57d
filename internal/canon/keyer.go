package canon

import (
	"encoding"
	"fmt"
	"reflect"
	"unsafe"
)

// A CacheKeyer says what identifies it. The result, of whatever type, is
// encoded in place of the value, together with the name of the type. It must
// be equal for values that a function may treat as equal, and for those only.
// Receivers may be values or pointers; a nil pointer is null without a call.
// The method must not modify the value. A type that embeds a CacheKeyer is
// encoded by its fields, of which that is one, also where it has a CacheKey of
// its own: to have that used, give the embedded field a name.
type CacheKeyer interface {
	// CacheKey returns what counts of the receiver. Its error makes the call
	// run uncached.
	CacheKey() (any, error)
}

var (
	keyerType  = reflect.TypeFor[CacheKeyer]()
	binaryType = reflect.TypeFor[encoding.BinaryMarshaler]()
	textType   = reflect.TypeFor[encoding.TextMarshaler]()
)

// keyer compiles a CacheKeyer: an array of the type's name and of what
// AppendAny makes of its key.
func (c *compiler) keyer(n *node) error {
	c.foreign(n)
	head := AppendString(AppendArray(nil, 2), typeName(n.typ))
	n.enc = func(s *state, dst []byte, p unsafe.Pointer) []byte {
		key, err := reflect.NewAt(n.typ, p).Interface().(CacheKeyer).CacheKey()
		if err != nil {
			s.fail(fmt.Errorf("cache key of %s: %w", n.typ, err))
			return dst
		}
		if s.depth++; s.depth > maxDepth {
			s.fail(&UnkeyableError{Type: n.typ, Reason: "its CacheKey leads back to itself"})
			return dst
		}
		outer := s.inKey
		s.inKey = false
		dst = s.appendAny(append(dst, head...), key)
		s.inKey = outer
		s.depth--
		return dst
	}
	return nil
}

// foreign notes that encoding n runs code of others: it may fail, look at
// other things than the value, and keep a pointer to it.
func (c *compiler) foreign(n *node) {
	c.stateful, c.dynamic, c.copies = true, true, true
	n.fails, n.foreign = true, true
}

// marshaler finds the builder for structs that hide fields but can write
// themselves, as binary or as text.
func marshaler(t reflect.Type) builder {
	switch {
	case t.Kind() != reflect.Struct || !hidesFields(t):
		return nil
	case declares(t, binaryType):
		return marshaled(func(p any, dst []byte) ([]byte, error) {
			b, err := p.(encoding.BinaryMarshaler).MarshalBinary()
			return AppendBytes(dst, b), err
		})
	case declares(t, textType):
		return marshaled(func(p any, dst []byte) ([]byte, error) {
			b, err := p.(encoding.TextMarshaler).MarshalText()
			return AppendString(dst, string(b)), err
		})
	}
	return nil
}

// hidesFields reports fields that encoding by structure would refuse.
func hidesFields(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _ := parseTag(t, f, "")
		if !f.IsExported() && !tag.ignore && !lostNothing(f) && !promotes(f) {
			return true
		}
	}
	return false
}

// marshaled compiles a marshaler: an array of the type's name and what it
// wrote.
func marshaled(write func(p any, dst []byte) ([]byte, error)) builder {
	return func(c *compiler, n *node) error {
		c.foreign(n)
		head := AppendString(AppendArray(nil, 2), typeName(n.typ))
		n.enc = func(s *state, dst []byte, p unsafe.Pointer) []byte {
			out, err := write(reflect.NewAt(n.typ, p).Interface(), append(dst, head...))
			if err != nil {
				s.fail(fmt.Errorf("marshal %s: %w", n.typ, err))
				return dst
			}
			return out
		}
		return nil
	}
}

// declares reports whether t or *t implements the interface with a method of
// its own, not one promoted from an embedded field: that one would speak for
// the field alone and drop the others. Where a field has the method, the two
// cannot be told apart without looking methods up by name, which would make the
// linker keep every exported method of every program that uses this package.
// So such a type is taken to have it from the field: encoding by structure
// loses nothing.
func declares(t, iface reflect.Type) bool {
	if t.Name() == "" || !reflect.PointerTo(t).Implements(iface) {
		return false
	}
	return t.Kind() != reflect.Struct || !embeds(t, iface)
}

// embeds reports whether an embedded field of t implements the interface.
func embeds(t, iface reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && (f.Type.Implements(iface) || reflect.PointerTo(f.Type).Implements(iface)) {
			return true
		}
	}
	return false
}
