package canon

import (
	"context"
	"reflect"
	"sync"
	"unsafe"
)

// A dynamic is the encoder of a type met in an interface.
type dynamic struct {
	enc    *Encoder
	err    error
	head   []byte // of the array, then the name and fingerprint of the type
	direct bool   // the interface holds the value itself, not a pointer to it
	mark   *node  // stands for the step through the interface, in visits
	ident  error  // why the type cannot be a key of a map
}

var dynamics sync.Map // reflect.Type -> *dynamic

func dynamicOf(t reflect.Type) *dynamic {
	if d, ok := dynamics.Load(t); ok {
		return d.(*dynamic)
	}
	d := &dynamic{mark: &node{typ: t}}
	d.enc, d.err = Compile(t, Options{})
	if p, ok := identityIn(t); ok {
		d.ident = identityError(t, p)
	}
	fp := Fingerprint(t)
	d.head = AppendString(AppendArray(nil, 3), typeName(t))
	d.head = AppendBytes(d.head, fp[:8])
	// Which types an interface holds directly is the runtime's affair; the zero
	// value shows it, for only then is the data word nil.
	zero := reflect.Zero(t).Interface()
	d.direct = dataWord(&zero) == nil
	actual, _ := dynamics.LoadOrStore(t, d)
	return actual.(*dynamic)
}

// dataWord is the second word of an interface value.
func dataWord(v *any) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(v))[1] }

// AppendAny appends the encoding of v under its dynamic type: null for nil,
// else an array of the type's full name, the first eight bytes of its
// fingerprint, and the value. The encoder of each type is compiled once per
// process. Errors are those of Compile and [Encoder.Append]; dst is then
// returned as it was.
func AppendAny(ctx context.Context, dst []byte, v any) ([]byte, error) {
	s := newState(ctx)
	out := s.appendAny(dst, v)
	err := s.failure()
	s.free()
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (s *state) appendAny(dst []byte, v any) []byte {
	if v == nil {
		return append(dst, cborNull)
	}
	d := dynamicOf(reflect.TypeOf(v))
	if d.err != nil {
		s.fail(d.err)
		return dst
	}
	if s.inKey && d.ident != nil {
		s.fail(d.ident)
		return dst
	}
	data := dataWord(&v)
	if !s.enter(d.mark, data) {
		return dst
	}
	p := data
	if d.direct {
		word := data
		p = unsafe.Pointer(&word)
	}
	dst = d.enc.root.enc(s, append(dst, d.head...), p)
	s.leave(d.mark, data)
	return dst
}

// iface compiles an interface: what AppendAny says.
func (c *compiler) iface(n *node) error {
	c.stateful, c.dynamic = true, true
	n.nullable, n.fails = true, true
	if n.typ.NumMethod() == 0 {
		n.enc = func(s *state, dst []byte, p unsafe.Pointer) []byte {
			return s.appendAny(dst, *(*any)(p))
		}
		return nil
	}
	n.enc = func(s *state, dst []byte, p unsafe.Pointer) []byte {
		v := reflect.NewAt(n.typ, p).Elem()
		if v.IsNil() {
			return append(dst, cborNull)
		}
		return s.appendAny(dst, v.Interface())
	}
	return nil
}
