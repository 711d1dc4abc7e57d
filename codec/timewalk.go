package codec

import (
	"bytes"
	"reflect"
	"slices"
	"time"
)

// A timeWalk meets the times in a value, map keys excepted, in an order that
// depends on the value only.
type timeWalk struct {
	// meet is called for each time, and returns what to put in its place and
	// whether to do so.
	meet func(time.Time) (time.Time, bool)
	// anyOrder saves sorting maps where the order does not matter.
	anyOrder bool
}

// visit walks v, which has an address, and reports whether it was modified.
func (w *timeWalk) visit(v reflect.Value) bool {
	t := v.Type()
	if t == timeType {
		at := v.Addr().Interface().(*time.Time)
		now, modified := w.meet(*at)
		if modified {
			*at = now
		}
		return modified
	}
	if !holdsTime(t) {
		return false
	}
	switch t.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && w.visit(v.Elem())
	case reflect.Interface:
		return w.visitInterface(v)
	case reflect.Slice, reflect.Array:
		return w.visitElems(v)
	case reflect.Map:
		return w.visitMap(v)
	case reflect.Struct:
		return w.visitFields(v)
	}
	return false
}

func (w *timeWalk) visitElems(v reflect.Value) (modified bool) {
	for i := range v.Len() {
		modified = w.visit(v.Index(i)) || modified
	}
	return modified
}

func (w *timeWalk) visitFields(v reflect.Value) (modified bool) {
	t := v.Type()
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() || f.Anonymous {
			modified = w.visit(v.Field(i)) || modified
		}
	}
	return modified
}

// visitInterface and visitMap work on copies, for what interfaces and maps
// hold has no address.
func (w *timeWalk) visitInterface(v reflect.Value) bool {
	if v.IsNil() || !holdsTime(v.Elem().Type()) {
		return false
	}
	own := addressable(v.Elem())
	modified := w.visit(own)
	if modified {
		v.Set(own)
	}
	return modified
}

func (w *timeWalk) visitMap(v reflect.Value) (modified bool) {
	for _, k := range w.keys(v) {
		elem := v.MapIndex(k)
		if !elem.IsValid() {
			continue // NaN as key is never found
		}
		if own := addressable(elem); w.visit(own) {
			v.SetMapIndex(k, own)
			modified = true
		}
	}
	return modified
}

func addressable(v reflect.Value) reflect.Value {
	own := reflect.New(v.Type()).Elem()
	own.Set(v)
	return own
}

// keys returns the keys of v, sorted by their encoding.
func (w *timeWalk) keys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	if w.anyOrder || len(keys) < 2 {
		return keys
	}
	type encoded struct {
		key   reflect.Value
		bytes []byte
	}
	all := make([]encoded, len(keys))
	for i, k := range keys {
		b, _ := cborEncoding.Marshal(k.Interface()) // a key that fails has failed before
		all[i] = encoded{k, b}
	}
	slices.SortFunc(all, func(a, b encoded) int { return bytes.Compare(a.bytes, b.bytes) })
	for i, e := range all {
		keys[i] = e.key
	}
	return keys
}
