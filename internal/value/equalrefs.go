package value

import (
	"bytes"
	"reflect"
	"strconv"
	"unsafe"
)

func compareStruct(b *build[comparer], t reflect.Type) comparer {
	type step struct {
		offset uintptr
		f      *comparer
		name   string
	}
	var steps []step
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		steps = append(steps, step{f.Offset, b.slot(f.Type), f.Name})
	}
	return func(c *comparison, a, b unsafe.Pointer) (string, bool) {
		for i := range steps {
			s := &steps[i]
			if path, ok := (*s.f)(c, unsafe.Add(a, s.offset), unsafe.Add(b, s.offset)); !ok {
				return join(s.name, path), false
			}
		}
		return "", true
	}
}

// join puts a step in front of the path that follows it.
func join(step, path string) string {
	if path == "" || path[0] == '[' {
		return step + path
	}
	return step + "." + path
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

func compareArray(b *build[comparer], t reflect.Type) comparer {
	f, n, size := b.slot(t.Elem()), t.Len(), t.Elem().Size()
	return func(c *comparison, a, b unsafe.Pointer) (string, bool) {
		return compareElems(c, *f, a, b, n, size)
	}
}

func compareElems(c *comparison, f comparer, a, b unsafe.Pointer, n int, size uintptr) (string, bool) {
	for i := range n {
		off := uintptr(i) * size
		if path, ok := f(c, unsafe.Add(a, off), unsafe.Add(b, off)); !ok {
			return join(index(i), path), false
		}
	}
	return "", true
}

func compareSlice(b *build[comparer], t reflect.Type) comparer {
	elem, repeat := t.Elem(), mayRepeat(t)
	f, size := b.slot(elem), elem.Size()
	if k := elem.Kind(); k == reflect.Uint8 {
		return compareBytes
	}
	return func(c *comparison, a, b unsafe.Pointer) (string, bool) {
		x, y := (*sliceHeader)(a), (*sliceHeader)(b)
		if x.len != y.len || (x.data == nil) != (y.data == nil) {
			return "", false
		}
		if repeat && c.begun(pair{x.data, y.data, x.len, t}) {
			return "", true
		}
		return compareElems(c, *f, x.data, y.data, x.len, size)
	}
}

func compareBytes(_ *comparison, a, b unsafe.Pointer) (string, bool) {
	x, y := *(*[]byte)(a), *(*[]byte)(b)
	if len(x) != len(y) || (x == nil) != (y == nil) {
		return "", false
	}
	if bytes.Equal(x, y) {
		return "", true
	}
	i := 0
	for x[i] == y[i] {
		i++
	}
	return index(i), false
}

func comparePointer(b *build[comparer], t reflect.Type) comparer {
	f, repeat := b.slot(t.Elem()), mayRepeat(t)
	return func(c *comparison, a, b unsafe.Pointer) (string, bool) {
		x, y := *(*unsafe.Pointer)(a), *(*unsafe.Pointer)(b)
		if x == y || x == nil || y == nil {
			return "", x == y
		}
		if repeat && c.begun(pair{a: x, b: y, of: t}) {
			return "", true
		}
		return (*f)(c, x, y)
	}
}

func compareInterface(t reflect.Type) comparer {
	return func(c *comparison, a, b unsafe.Pointer) (string, bool) {
		x, y := dynamic(a, t), dynamic(b, t)
		if x != y {
			return "", false
		}
		if x == nil {
			return "", true
		}
		return comparers.of(x)(c, boxed(a, x), boxed(b, x))
	}
}
