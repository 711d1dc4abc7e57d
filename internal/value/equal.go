package value

import (
	"reflect"
	"unsafe"
)

// A Comparer compares the values of one type at a and b, and returns the path
// of the first difference, such as Items[3].Price or Meta["k"], and whether
// they are equal. The path is empty where they are, and where the values as a
// whole differ.
type Comparer func(a, b unsafe.Pointer) (path string, ok bool)

// CompileEqual returns the Comparer of t. Every type has one: functions are
// equal where both are nil, channels where they are the same.
func CompileEqual(t reflect.Type) Comparer {
	f := comparers.of(t)
	if !needsState(t) {
		return func(a, b unsafe.Pointer) (string, bool) { return f(nil, a, b) }
	}
	return func(a, b unsafe.Pointer) (string, bool) { return f(new(comparison), a, b) }
}

// Equal compares a and b as a Comparer does. It allocates nothing for types
// without pointers to themselves, interfaces and uncommon maps.
func Equal[T any](a, b T) (path string, ok bool) {
	t := reflect.TypeFor[T]()
	f := comparers.of(t)
	if needsState(t) {
		return equalWithState(f, a, b)
	}
	return f(nil, noescape(unsafe.Pointer(&a)), noescape(unsafe.Pointer(&b)))
}

// equalWithState lets a and b escape to the heap: the state keeps addresses of
// what they refer to, and those must not move.
func equalWithState[T any](f comparer, a, b T) (string, bool) {
	return f(new(comparison), unsafe.Pointer(&a), unsafe.Pointer(&b))
}

// A comparer is the compiled form of a Comparer. The state is nil for types
// that need none.
type comparer func(c *comparison, a, b unsafe.Pointer) (string, bool)

// comparison is the state of one deep comparison.
type comparison struct {
	few      [8]pair // the first references whose comparison began
	count    int
	more     map[pair]bool // and the others
	keyDepth int           // how many map keys we are inside of
}

// A pair of references under comparison. Two slices that begin at one place
// are told apart by their length, which is equal on both sides.
type pair struct {
	a, b unsafe.Pointer
	len  int
	of   reflect.Type
}

// begun reports whether p is being compared already, or has been: then it
// needs no second look, for a difference would have ended the comparison.
func (c *comparison) begun(p pair) bool {
	for i := range min(c.count, len(c.few)) {
		if c.few[i] == p {
			return true
		}
	}
	if c.more[p] {
		return true
	}
	c.note(p)
	return false
}

// note spares small values the map.
func (c *comparison) note(p pair) {
	if c.count < len(c.few) {
		c.few[c.count] = p
		c.count++
		return
	}
	if c.more == nil {
		c.more = map[pair]bool{}
	}
	c.more[p] = true
}

var (
	comparers = program[comparer]{}
	stateful  = program[func() bool]{}
)

func init() {
	comparers.compile = compileComparer
	stateful.compile = func(_ *build[func() bool], t reflect.Type) func() bool {
		needs := findStateful(t, map[reflect.Type]bool{})
		return func() bool { return needs }
	}
}

// needsState reports whether a walk over a t may come to a type twice.
func needsState(t reflect.Type) bool { return stateful.of(t)() }

func findStateful(t reflect.Type, seen map[reflect.Type]bool) bool {
	if Immutable(t) || opaque(t) {
		return false
	}
	if seen[t] || t.Kind() == reflect.Interface {
		return true
	}
	seen[t] = true
	defer delete(seen, t)
	return anyPart(t, func(u reflect.Type) bool { return findStateful(u, seen) })
}

func compileComparer(b *build[comparer], t reflect.Type) comparer {
	if f := compareKnown(t); f != nil {
		return f
	}
	switch t.Kind() {
	case reflect.Pointer:
		return comparePointer(b, t)
	case reflect.Slice:
		return compareSlice(b, t)
	case reflect.Map:
		return compareMap(b, t)
	case reflect.Interface:
		return compareInterface(t)
	case reflect.Array:
		return compareArray(b, t)
	case reflect.Struct:
		return compareStruct(b, t)
	case reflect.Func:
		return func(_ *comparison, a, b unsafe.Pointer) (string, bool) {
			return "", *(*unsafe.Pointer)(a) == nil && *(*unsafe.Pointer)(b) == nil
		}
	}
	return compareBasic(t)
}
