package value

import (
	"reflect"
	"sync"
	"unsafe"
)

// sliceHeader is what a slice is in memory.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

// noescape hides p from escape analysis, so that values which compiled
// closures only read stay on the stack. The memory must outlive the use of the
// result, and no closure may keep it.
func noescape(p unsafe.Pointer) unsafe.Pointer {
	u := *(*uintptr)(unsafe.Pointer(&p))
	return *(*unsafe.Pointer)(unsafe.Pointer(&u))
}

// boxed points to the value inside the interface at p. The dynamic type t says
// whether the interface holds the value itself or its address.
func boxed(p unsafe.Pointer, t reflect.Type) unsafe.Pointer {
	word := (*[2]unsafe.Pointer)(p)
	if direct(t) {
		return unsafe.Pointer(&word[1])
	}
	return word[1]
}

// dynamic is the type of what the interface at p holds, nil where it is nil.
// i is the interface's own type.
func dynamic(p unsafe.Pointer, i reflect.Type) reflect.Type {
	if i.NumMethod() == 0 {
		return reflect.TypeOf(*(*any)(p))
	}
	v := reflect.NewAt(i, p).Elem()
	if v.IsNil() {
		return nil
	}
	return v.Elem().Type()
}

var directTypes sync.Map // reflect.Type -> bool

// direct reports whether interfaces hold values of t themselves, as they do
// for types that are one pointer. It asks the runtime rather than repeat its
// rules: the zero value of such a type leaves the data word nil.
func direct(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.Struct, reflect.Array:
	default:
		return false
	}
	if d, ok := directTypes.Load(t); ok {
		return d.(bool)
	}
	zero := reflect.Zero(t).Interface()
	d := (*[2]unsafe.Pointer)(unsafe.Pointer(&zero))[1] == nil
	directTypes.Store(t, d)
	return d
}

// mapAt returns the map of type t at p. The Value does not refer to p, which
// may be on a stack, where iterators must not point.
func mapAt(p unsafe.Pointer, t reflect.Type) reflect.Value {
	m := reflect.New(t).Elem()
	m.Set(reflect.NewAt(t, p).Elem())
	return m
}
