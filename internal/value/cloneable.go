package value

import (
	"reflect"
	"sync"
)

var cloneables sync.Map // reflect.Type -> bool

// cloneable reports whether values of t can be copied faithfully, as far as
// the type shows: what interfaces hold shows only when a value is copied.
func cloneable(t reflect.Type) bool {
	if is, ok := cloneables.Load(t); ok {
		return is.(bool)
	}
	is := findCloneable(t, map[reflect.Type]bool{})
	cloneables.Store(t, is)
	return is
}

// findCloneable takes a type in seen for cloneable: if it is not, the walk
// that entered it says so.
func findCloneable(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || Immutable(t) || opaque(t) {
		return true
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return false
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return findCloneable(t.Elem(), seen)
	case reflect.Map:
		// Keys are kept as they are, for a copy of a pointer is another key.
		key := t.Key()
		return (Immutable(key) || key.Kind() == reflect.Interface) && findCloneable(t.Elem(), seen)
	case reflect.Struct:
		return cloneableStruct(t, seen)
	}
	return true
}

func cloneableStruct(t reflect.Type, seen map[reflect.Type]bool) bool {
	if mustNotCopy(t) {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() && !f.Anonymous && !Immutable(f.Type) {
			return false
		}
		if !findCloneable(f.Type, seen) {
			return false
		}
	}
	return true
}
