package value

import (
	"math/big"
	"reflect"
	"unsafe"
)

// A Cloner writes a deep copy of the value at src to dst, which holds a valid
// value of the same type. It returns false, and leaves the zero value at dst,
// where an interface inside holds what cannot be copied faithfully; where the
// type has no interfaces it always succeeds.
type Cloner func(dst, src unsafe.Pointer) bool

// CompileClone returns the Cloner of t. It returns false where values of t
// cannot be copied faithfully: where t has channels, functions, unsafe
// pointers, types of sync and sync/atomic, or unexported fields that hold
// references. Nil and empty slices and maps stay what they are; the capacity
// of a slice shrinks to its length.
func CompileClone(t reflect.Type) (Cloner, bool) {
	if !cloneable(t) {
		return nil, false
	}
	zero := reflect.Zero(t)
	set := func(dst, src unsafe.Pointer) {
		reflect.NewAt(t, dst).Elem().Set(reflect.NewAt(t, src).Elem())
	}
	f := deepeners.of(t)
	if f == nil {
		return func(dst, src unsafe.Pointer) bool { set(dst, src); return true }, true
	}
	return func(dst, src unsafe.Pointer) bool {
		set(dst, src)
		if deepen(f, dst) {
			return true
		}
		reflect.NewAt(t, dst).Elem().Set(zero)
		return false
	}, true
}

// Clone returns a deep copy of v, as a Cloner makes it. It returns the zero
// value and false where v cannot be copied faithfully.
func Clone[T any](v T) (T, bool) {
	t := reflect.TypeFor[T]()
	if Immutable(t) {
		return v, true
	}
	if !cloneable(t) {
		var zero T
		return zero, false
	}
	return cloneDeep(v, deepeners.of(t))
}

// cloneDeep has a v of its own, which goes to the heap: immutable values are
// spared that.
func cloneDeep[T any](v T, f deepener) (T, bool) {
	if !deepen(f, unsafe.Pointer(&v)) {
		var zero T
		return zero, false
	}
	return v, true
}

func deepen(f deepener, p unsafe.Pointer) bool {
	var c copying
	f(&c, p)
	return !c.failed
}

// A deepener turns the shallow copy at p into a deep one, by replacing every
// reference in it. A nil deepener means that there are none.
type deepener func(c *copying, p unsafe.Pointer)

// copying is the state of one deep copy.
type copying struct {
	done   map[reference]unsafe.Pointer // original to copy, of types that may repeat
	failed bool                         // something inside cannot be copied
}

// A reference identifies a pointer, map or slice of the original. Length and
// capacity tell slices of one array apart.
type reference struct {
	at       unsafe.Pointer
	len, cap int
	of       reflect.Type
}

func (c *copying) remember(r reference, p unsafe.Pointer) {
	if c.done == nil {
		c.done = map[reference]unsafe.Pointer{}
	}
	c.done[r] = p
}

var deepeners = program[deepener]{}

func init() { deepeners.compile = compileDeepener }

func compileDeepener(b *build[deepener], t reflect.Type) deepener {
	if Immutable(t) {
		return nil
	}
	if f := deepenKnown(t); f != nil {
		return f
	}
	switch t.Kind() {
	case reflect.Pointer:
		return deepenPointer(b, t)
	case reflect.Slice:
		return deepenSlice(b, t)
	case reflect.Map:
		return deepenMap(b, t)
	case reflect.Interface:
		return deepenInterface(t)
	case reflect.Array:
		return deepenArray(b, t)
	case reflect.Struct:
		return deepenStruct(b, t)
	}
	return func(c *copying, _ unsafe.Pointer) { c.failed = true }
}

func deepenKnown(t reflect.Type) deepener {
	switch t {
	case bigIntType:
		return func(_ *copying, p unsafe.Pointer) {
			x := (*big.Int)(p)
			*x = *new(big.Int).Set(x)
		}
	case bigRatType:
		return func(_ *copying, p unsafe.Pointer) {
			x := (*big.Rat)(p)
			*x = *new(big.Rat).Set(x)
		}
	case bigFloatType:
		return func(_ *copying, p unsafe.Pointer) {
			x := (*big.Float)(p)
			*x = *new(big.Float).Copy(x)
		}
	case regexpType:
		// The compiled program is shared on purpose; only Longest modifies a
		// Regexp, and it modifies what the shallow copy has its own of.
		return func(*copying, unsafe.Pointer) {}
	}
	return nil
}

func deepenStruct(b *build[deepener], t reflect.Type) deepener {
	type step struct {
		offset uintptr
		f      *deepener
	}
	var steps []step
	for i := range t.NumField() {
		if f := t.Field(i); !Immutable(f.Type) {
			steps = append(steps, step{f.Offset, b.slot(f.Type)})
		}
	}
	return func(c *copying, p unsafe.Pointer) {
		for _, s := range steps {
			(*s.f)(c, unsafe.Add(p, s.offset))
		}
	}
}

func deepenArray(b *build[deepener], t reflect.Type) deepener {
	f, n, size := b.slot(t.Elem()), t.Len(), t.Elem().Size()
	return func(c *copying, p unsafe.Pointer) {
		for i := range n {
			(*f)(c, unsafe.Add(p, uintptr(i)*size))
		}
	}
}

func deepenPointer(b *build[deepener], t reflect.Type) deepener {
	elem, f, repeat := t.Elem(), b.slot(t.Elem()), mayRepeat(t)
	return func(c *copying, p unsafe.Pointer) {
		src := *(*unsafe.Pointer)(p)
		if src == nil {
			return
		}
		ref := reference{at: src, of: t}
		if repeat {
			if done, ok := c.done[ref]; ok {
				*(*unsafe.Pointer)(p) = done
				return
			}
		}
		dst := reflect.New(elem)
		dst.Elem().Set(reflect.NewAt(elem, src).Elem())
		at := dst.UnsafePointer()
		*(*unsafe.Pointer)(p) = at
		if repeat {
			c.remember(ref, at)
		}
		if *f != nil {
			(*f)(c, at)
		}
	}
}

func deepenInterface(t reflect.Type) deepener {
	return func(c *copying, p unsafe.Pointer) {
		dyn := dynamic(p, t)
		if dyn == nil || Immutable(dyn) {
			return
		}
		if !cloneable(dyn) {
			c.failed = true
			return
		}
		at := reflect.NewAt(t, p).Elem()
		own := reflect.New(dyn)
		own.Elem().Set(at.Elem())
		deepeners.of(dyn)(c, own.UnsafePointer())
		at.Set(own.Elem())
	}
}
