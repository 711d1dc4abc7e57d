package canon

import (
	"context"
	"reflect"
	"unsafe"
)

// Options say what of a type counts.
type Options struct {
	// Ignore lists fields that leave no trace in the bytes, as dotted paths of
	// Go field names from the value: "Query.Limit". A path goes through
	// pointers, slices, arrays and the values of maps; an embedded struct is a
	// field with the name of its type. A path that leads to no field is an
	// error that lists the fields there are. The tag `reprise:"ignore"` on the
	// field does the same. Default: nothing is ignored.
	Ignore []string
}

// An Encoder encodes values of one type. It is immutable and safe for
// concurrent use.
type Encoder struct {
	typ      reflect.Type
	root     *node
	stateful bool // needs a state: maps, guards, anything that can fail
	plain    bool
	copies   bool // runs code that may keep a pointer to the value
}

// Compile builds the encoder of type t, which takes microseconds; keep it.
// Every error is an [*UnkeyableError].
func Compile(t reflect.Type, o Options) (*Encoder, error) {
	if t == nil {
		return nil, &UnkeyableError{Reason: "no type", advice: "give the type of a value"}
	}
	ignored, err := parseIgnore(t, o.Ignore)
	if err != nil {
		return nil, err
	}
	c := compiler{nodes: map[nodeKey]*node{}, guard: recursive(t)}
	c.stateful = c.guard
	root, err := c.node(t, ignored, "")
	if err != nil {
		return nil, err
	}
	return &Encoder{typ: t, root: root, stateful: c.stateful, plain: !c.dynamic, copies: c.copies}, nil
}

// Plain reports that the bytes depend on nothing but the memory of the value:
// no interface, File, Dir, CacheKeyer or marshaler is in the type.
func (e *Encoder) Plain() bool { return e.plain }

// Append appends the encoding of the value that p points to, which must be of
// the type given to Compile and must not change meanwhile. On error it returns
// dst as it was. Errors are an [*UnkeyableError], what a CacheKeyer or
// marshaler returned, what reading a file gave, or ctx.Err(); they name the
// field. ctx matters only where files are read.
//
// The value itself may live on the caller's stack; what it refers to is moved
// to the heap, as in any call.
func (e *Encoder) Append(ctx context.Context, dst []byte, p unsafe.Pointer) ([]byte, error) {
	if keepOnHeap {
		escaped = *(*unsafe.Pointer)(p)
	}
	if !e.stateful {
		return e.root.enc(nil, dst, noescape(p)), nil
	}
	return e.appendStateful(ctx, dst, noescape(p))
}

func (e *Encoder) appendStateful(ctx context.Context, dst []byte, p unsafe.Pointer) ([]byte, error) {
	if e.copies {
		p = e.copyOf(p)
	}
	s := newState(ctx)
	out := e.root.enc(s, dst, p)
	err := s.failure()
	s.free()
	if err != nil {
		return dst, err
	}
	return out, nil
}

// copyOf copies the value to the heap, for code that may keep its address.
func (e *Encoder) copyOf(p unsafe.Pointer) unsafe.Pointer {
	v := reflect.New(e.typ)
	v.Elem().Set(reflect.NewAt(e.typ, p).Elem())
	return v.UnsafePointer()
}

// keepOnHeap is never true, which the compiler does not know. The assignment
// that it guards makes escape analysis keep on the heap what the value refers
// to, because maps are iterated through pooled memory; noescape then spares
// the value itself that fate.
var (
	keepOnHeap bool
	escaped    unsafe.Pointer
)

// noescape hides p from escape analysis. The encoders keep no pointer into the
// value beyond the call; those that might work on a copy.
func noescape(p unsafe.Pointer) unsafe.Pointer {
	x := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&x))
}
