package canon

import (
	"reflect"
	"unsafe"
)

// pointer compiles a pointer: null, or the value it points to. Where null is
// one of that value's own encodings, the value stands in an array of one.
// Whether two pointers are the same is not encoded.
func (c *compiler) pointer(n *node, ignored *ignoreTree, path string) error {
	elem, err := c.node(n.typ.Elem(), ignored, path)
	if err != nil {
		return err
	}
	n.nullable = true
	n.fails = n.fails || elem.fails
	n.parts = pointerParts(elem)
	wrap := canBeNull(elem)
	enc := func(s *state, dst []byte, p unsafe.Pointer) []byte {
		q := *(*unsafe.Pointer)(p)
		if q == nil {
			return append(dst, cborNull)
		}
		if wrap {
			dst = AppendArray(dst, 1)
		}
		return elem.enc(s, dst, q)
	}
	n.enc = c.guarded(n, enc)
	return nil
}

// canBeNull reports whether null is one of the encodings of n, also while n is
// still being compiled.
func canBeNull(n *node) bool {
	switch n.typ.Kind() {
	case reflect.Pointer, reflect.Interface:
		return true
	case reflect.Slice, reflect.Map:
		return special(n.typ) == nil
	}
	return n.nullable
}

// guarded wraps the encoder of a pointer or map, whose word is the reference, against cycles, where the type allows them.
func (c *compiler) guarded(n *node, enc encodeFunc) encodeFunc {
	if !c.guard {
		return enc
	}
	return func(s *state, dst []byte, p unsafe.Pointer) []byte {
		ref := *(*unsafe.Pointer)(p)
		if ref == nil {
			return enc(s, dst, p)
		}
		if !s.enter(n, ref) {
			return dst
		}
		dst = enc(s, dst, p)
		s.leave(n, ref)
		return dst
	}
}

type sliceHeader struct {
	data unsafe.Pointer
	len  int
	cap  int
}

// slice compiles a slice: null, a byte string or an array.
func (c *compiler) slice(n *node, ignored *ignoreTree, path string) error {
	elem, err := c.node(n.typ.Elem(), ignored, path)
	if err != nil {
		return err
	}
	n.nullable = true
	n.fails = n.fails || elem.fails
	switch {
	case isByte(elem):
		n.enc = encodeBytes
	case elem.op == opString:
		n.enc = encodeStrings
	default:
		items := itemsEncoder(elem)
		if c.guard {
			items = guardedItems(elem)
		}
		n.enc = func(s *state, dst []byte, p unsafe.Pointer) []byte {
			h := (*sliceHeader)(p)
			if h.data == nil {
				return append(dst, cborNull)
			}
			return items(s, AppendArray(dst, h.len), h.data, h.len)
		}
	}
	return nil
}

// isByte reports elements whose slices and arrays are byte strings.
func isByte(elem *node) bool {
	return elem.typ.Kind() == reflect.Uint8 && special(elem.typ) == nil
}

func encodeBytes(_ *state, dst []byte, p unsafe.Pointer) []byte {
	b := *(*[]byte)(p)
	if b == nil {
		return append(dst, cborNull)
	}
	return AppendBytes(dst, b)
}

func encodeStrings(_ *state, dst []byte, p unsafe.Pointer) []byte {
	list := *(*[]string)(p)
	if list == nil {
		return append(dst, cborNull)
	}
	dst = AppendArray(dst, len(list))
	for _, v := range list {
		dst = AppendString(dst, v)
	}
	return dst
}

// itemsFunc encodes n values that lie side by side.
type itemsFunc func(s *state, dst []byte, p unsafe.Pointer, n int) []byte

// guardedItems is itemsEncoder for types that can contain themselves. What is
// guarded is each element, because slices may share memory without a cycle.
func guardedItems(elem *node) itemsFunc {
	size := elem.typ.Size()
	return func(s *state, dst []byte, p unsafe.Pointer, n int) []byte {
		for i := range n {
			q := unsafe.Add(p, uintptr(i)*size)
			if s.enter(elem, q) {
				dst = elem.enc(s, dst, q)
				s.leave(elem, q)
			}
			if s.err != nil {
				s.atIndex(i)
				return dst
			}
		}
		return dst
	}
}

func itemsEncoder(elem *node) itemsFunc {
	size := elem.typ.Size()
	return func(s *state, dst []byte, p unsafe.Pointer, n int) []byte {
		for i := range n {
			dst = elem.enc(s, dst, unsafe.Add(p, uintptr(i)*size))
			if elem.fails && s.err != nil {
				s.atIndex(i)
				return dst
			}
		}
		return dst
	}
}

// array compiles an array: a byte string or an array.
func (c *compiler) array(n *node, ignored *ignoreTree, path string) error {
	elem, err := c.node(n.typ.Elem(), ignored, path)
	if err != nil {
		return err
	}
	n.fails = n.fails || elem.fails
	n.foreign = elem.foreign
	length := n.typ.Len()
	if isByte(elem) {
		n.enc = func(_ *state, dst []byte, p unsafe.Pointer) []byte {
			return AppendBytes(dst, unsafe.Slice((*byte)(p), length))
		}
		return nil
	}
	items := itemsEncoder(elem)
	n.enc = func(s *state, dst []byte, p unsafe.Pointer) []byte {
		return items(s, AppendArray(dst, length), p, length)
	}
	return nil
}
