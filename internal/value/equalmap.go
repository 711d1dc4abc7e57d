package value

import (
	"fmt"
	"reflect"
	"strconv"
	"unsafe"
)

func compareMap(b *build[comparer], t reflect.Type) comparer {
	elem, repeat := b.slot(t.Elem()), mayRepeat(t)
	entries := compareEntries(b, t)
	if t.Key().Kind() == reflect.String {
		if f := compareStringMap(t, elem); f != nil {
			entries = f
		}
	}
	return func(c *comparison, a, b unsafe.Pointer) (string, bool) {
		x, y := *(*unsafe.Pointer)(a), *(*unsafe.Pointer)(b)
		if (x == nil) != (y == nil) {
			return "", false
		}
		if x == nil || repeat && c.begun(pair{a: x, b: y, of: t}) {
			return "", true
		}
		return entries(c, a, b)
	}
}

// compareStringMap knows the maps that programs use most, which need no
// reflection.
func compareStringMap(t reflect.Type, elem *comparer) comparer {
	switch e := t.Elem(); e.Kind() {
	case reflect.String:
		return stringMap[string](elem)
	case reflect.Int:
		return stringMap[int](elem)
	case reflect.Int64:
		return stringMap[int64](elem)
	case reflect.Float64:
		return stringMap[float64](elem)
	case reflect.Bool:
		return stringMap[bool](elem)
	case reflect.Interface:
		if e.NumMethod() == 0 {
			return stringMap[any](elem)
		}
	}
	return nil
}

func stringMap[V any](elem *comparer) comparer {
	return func(c *comparison, a, b unsafe.Pointer) (string, bool) {
		x, y := *(*map[string]V)(a), *(*map[string]V)(b)
		if len(x) != len(y) {
			return "", false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok {
				return "[" + strconv.Quote(k) + "]", false
			}
			if path, ok := (*elem)(c, noescape(unsafe.Pointer(&v)), noescape(unsafe.Pointer(&w))); !ok {
				return join("["+strconv.Quote(k)+"]", path), false
			}
		}
		return "", true
	}
}

func compareEntries(b *build[comparer], t reflect.Type) comparer {
	elem, deep := b.slot(t.Elem()), !plainKey(t.Key())
	var key *comparer
	if deep {
		key = b.slot(t.Key())
	}
	return func(c *comparison, a, b unsafe.Pointer) (string, bool) {
		x, y := mapAt(a, t), mapAt(b, t)
		if x.Len() != y.Len() {
			return "", false
		}
		k, v, w := reflect.New(t.Key()), reflect.New(t.Elem()), reflect.New(t.Elem())
		search := keySearch{c: c, elem: *elem, x: x, y: y}
		if deep {
			search.key = *key
		}
		for it := x.MapRange(); it.Next(); {
			k.Elem().SetIterKey(it)
			v.Elem().SetIterValue(it)
			found := y.MapIndex(k.Elem())
			if !found.IsValid() {
				if deep && search.take(k.UnsafePointer(), v.UnsafePointer()) {
					continue
				}
				return keyStep(k.Elem()), false
			}
			w.Elem().Set(found)
			if path, ok := (*elem)(c, v.UnsafePointer(), w.UnsafePointer()); !ok {
				return join(keyStep(k.Elem()), path), false
			}
		}
		return "", true
	}
}

// plainKey reports whether a map lookup finds a key of t wherever an equal one
// is. It does not where keys may be NaN, times or pointers.
func plainKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128,
		reflect.Interface, reflect.Pointer:
		return false
	case reflect.Array:
		return plainKey(t.Elem())
	case reflect.Struct:
		return t == addrType || !isTime(t) && allFields(t, plainKey)
	}
	return true
}

// keyStep shows a map key in a path. Of keys that refer to something it shows
// the type only, for they may be large, or contain themselves.
func keyStep(k reflect.Value) string {
	switch {
	case k.Kind() == reflect.String:
		return "[" + strconv.Quote(k.String()) + "]"
	case k.Kind() == reflect.Interface && !k.IsNil():
		return keyStep(k.Elem())
	case Immutable(k.Type()):
		return fmt.Sprintf("[%v]", k)
	}
	return "[" + k.Type().String() + "]"
}
