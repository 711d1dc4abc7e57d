package value

import (
	"reflect"
	"unsafe"
)

// A keySearch pairs the entries of two maps whose keys are equal only when
// looked into: NaN, times, pointers.
type keySearch struct {
	c         *comparison
	key, elem comparer
	x, y      reflect.Value
	rest      []entry // of y, whose keys a lookup does not find in x
	ready     bool
}

type entry struct{ key, elem unsafe.Pointer }

// maxKeyDepth ends the comparison of maps that contain themselves in their
// keys: deeper ones are taken to differ.
const maxKeyDepth = 64

// take finds an entry of y that equals the given entry of x and has not been
// taken. Equality is transitive, so any will do.
func (s *keySearch) take(key, elem unsafe.Pointer) bool {
	if !s.ready {
		s.collect()
	}
	for i, e := range s.rest {
		if s.equal(s.key, key, e.key) && s.equal(s.elem, elem, e.elem) {
			s.rest = append(s.rest[:i], s.rest[i+1:]...)
			return true
		}
	}
	return false
}

func (s *keySearch) collect() {
	t := s.y.Type()
	for it := s.y.MapRange(); it.Next(); {
		if s.x.MapIndex(it.Key()).IsValid() {
			continue
		}
		k, v := reflect.New(t.Key()), reflect.New(t.Elem())
		k.Elem().Set(it.Key())
		v.Elem().Set(it.Value())
		s.rest = append(s.rest, entry{k.UnsafePointer(), v.UnsafePointer()})
	}
	s.ready = true
}

// equal compares with a state of its own, for here a difference does not end
// the whole comparison.
func (s *keySearch) equal(f comparer, a, b unsafe.Pointer) bool {
	var own comparison
	if s.c != nil {
		own.keyDepth = s.c.keyDepth
	}
	if own.keyDepth++; own.keyDepth > maxKeyDepth {
		return false
	}
	_, ok := f(&own, a, b)
	return ok
}
