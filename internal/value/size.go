package value

import (
	"reflect"
	"unsafe"
)

// SizeOf estimates how many bytes of memory v holds, itself included: what a
// cache that keeps v pays for it. Memory reached twice counts once where the
// type may repeat. It looks at a bounded number of places: of long slices
// and maps it measures a sample, and a walk that has seen 10,000 references
// adds only the first level of those that follow. Strings
// and slices count in full even where they share memory with others.
func SizeOf[T any](v T) int64 {
	t := reflect.TypeFor[T]()
	f := sizers.of(t)
	if f == nil {
		return int64(t.Size())
	}
	return int64(t.Size()) + measure(f, v)
}

func measure[T any](f sizer, v T) int64 { return f(new(measuring), unsafe.Pointer(&v)) }

const (
	sampleSize = 64     // elements measured of a longer slice or map
	maxWalk    = 10_000 // references followed in one measurement
	mapSlack   = 8      // bytes per entry that a map needs besides the entry, at its usual load
)

// A sizer returns the bytes that the value at p refers to, without its own.
// A nil sizer means none.
type sizer func(m *measuring, p unsafe.Pointer) int64

// measuring is the state of one measurement.
type measuring struct {
	steps int
	seen  map[reference]bool
}

// enter reports whether the walk goes on behind a reference.
func (m *measuring) enter(r reference, repeat bool) bool {
	if m.steps++; m.steps > maxWalk {
		return false
	}
	if !repeat {
		return true
	}
	if m.seen[r] {
		return false
	}
	if m.seen == nil {
		m.seen = map[reference]bool{}
	}
	m.seen[r] = true
	return true
}

var sizers = program[sizer]{}

func init() { sizers.compile = compileSizer }

func compileSizer(b *build[sizer], t reflect.Type) sizer {
	if flat(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.String:
		return func(_ *measuring, p unsafe.Pointer) int64 { return int64(len(*(*string)(p))) }
	case reflect.Pointer:
		return sizePointer(b, t)
	case reflect.Slice:
		return sizeSlice(b, t)
	case reflect.Map:
		return sizeMap(b, t)
	case reflect.Interface:
		return sizeInterface(t)
	case reflect.Array:
		f, n, size := b.slot(t.Elem()), t.Len(), t.Elem().Size()
		return func(m *measuring, p unsafe.Pointer) int64 { return sizeElems(m, *f, p, n, size) }
	}
	return sizeStruct(b, t)
}

// flat reports whether values of t refer to nothing that belongs to them.
func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer:
		return t == rtypeType || t.Elem() == locationType
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.String, reflect.Slice, reflect.Map, reflect.Interface:
		return false
	case reflect.Array:
		return t.Len() == 0 || flat(t.Elem())
	case reflect.Struct:
		return isTime(t) || t == addrType || allFields(t, flat)
	}
	return true
}

func sizeStruct(b *build[sizer], t reflect.Type) sizer {
	type step struct {
		offset uintptr
		f      *sizer
	}
	var steps []step
	for i := range t.NumField() {
		if f := t.Field(i); !flat(f.Type) {
			steps = append(steps, step{f.Offset, b.slot(f.Type)})
		}
	}
	return func(m *measuring, p unsafe.Pointer) int64 {
		var n int64
		for _, s := range steps {
			n += (*s.f)(m, unsafe.Add(p, s.offset))
		}
		return n
	}
}

// sizeElems adds up what n elements refer to, or a sample of them.
func sizeElems(m *measuring, f sizer, p unsafe.Pointer, n int, size uintptr) int64 {
	if n == 0 {
		return 0
	}
	count, stride := n, 1
	if n > sampleSize {
		count, stride = sampleSize, n/sampleSize
	}
	var sum int64
	for i := range count {
		sum += f(m, unsafe.Add(p, uintptr(i*stride)*size))
	}
	if count == n {
		return sum
	}
	return int64(float64(sum) / float64(count) * float64(n))
}

func sizeSlice(b *build[sizer], t reflect.Type) sizer {
	elem, repeat := t.Elem(), mayRepeat(t)
	f, size := b.slot(elem), elem.Size()
	return func(m *measuring, p unsafe.Pointer) int64 {
		s := (*sliceHeader)(p)
		n := int64(s.cap) * int64(size)
		if *f == nil || s.len == 0 || !m.enter(reference{s.data, s.len, s.cap, t}, repeat) {
			return n
		}
		return n + sizeElems(m, *f, s.data, s.len, size)
	}
}

func sizePointer(b *build[sizer], t reflect.Type) sizer {
	elem, repeat := t.Elem(), mayRepeat(t)
	f, size := b.slot(elem), int64(elem.Size())
	return func(m *measuring, p unsafe.Pointer) int64 {
		at := *(*unsafe.Pointer)(p)
		if at == nil || !m.enter(reference{at: at, of: t}, repeat) {
			return 0
		}
		if *f == nil {
			return size
		}
		return size + (*f)(m, at)
	}
}

func sizeInterface(t reflect.Type) sizer {
	return func(m *measuring, p unsafe.Pointer) int64 {
		dyn := dynamic(p, t)
		if dyn == nil {
			return 0
		}
		var n int64
		if !direct(dyn) {
			n = int64(dyn.Size())
		}
		if f := sizers.of(dyn); f != nil {
			n += f(m, boxed(p, dyn))
		}
		return n
	}
}
