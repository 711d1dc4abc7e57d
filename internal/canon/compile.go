package canon

import (
	"reflect"
	"unsafe"
)

// encodeFunc appends the encoding of the value at p. It never stores p, or a
// pointer into the value, outside the stack. s may be nil only in encoders
// that were compiled without need of it.
type encodeFunc func(s *state, dst []byte, p unsafe.Pointer) []byte

// A node is the compiled form of one type at one place of the ignore tree.
type node struct {
	typ      reflect.Type
	enc      encodeFunc
	op       opcode
	ignored  *ignoreTree
	fails    bool // enc may note a failure
	foreign  bool // enc hands pointers into the value to code of others
	nullable bool // null is one of its values
	parts    partsFunc
}

// encoder is n.enc, or, while n is still being compiled, a call of what that
// will be.
func (n *node) encoder() encodeFunc {
	if n.enc != nil {
		return n.enc
	}
	return func(s *state, dst []byte, p unsafe.Pointer) []byte { return n.enc(s, dst, p) }
}

// An opcode names encoders that struct encoders run inline.
type opcode uint8

const (
	opCall opcode = iota
	opString
	opInt
	opBool
)

type nodeKey struct {
	typ     reflect.Type
	ignored *ignoreTree
}

// A compiler builds the nodes of one type.
type compiler struct {
	nodes    map[nodeKey]*node
	guard    bool // the type can refer to itself
	stateful bool
	dynamic  bool
	copies   bool
}

// node returns the node of t; while t itself is being compiled, one whose enc
// is not set yet, to be called late.
func (c *compiler) node(t reflect.Type, ignored *ignoreTree, path string) (*node, error) {
	key := nodeKey{t, ignored}
	if n := c.nodes[key]; n != nil {
		return n, nil
	}
	n := &node{typ: t, ignored: ignored, fails: c.guard}
	c.nodes[key] = n
	return n, c.build(n, ignored, path)
}

func (c *compiler) build(n *node, ignored *ignoreTree, path string) error {
	if build := special(n.typ); build != nil {
		return build(c, n)
	}
	switch n.typ.Kind() {
	case reflect.Pointer:
		return c.pointer(n, ignored, path)
	case reflect.Slice:
		return c.slice(n, ignored, path)
	case reflect.Array:
		return c.array(n, ignored, path)
	case reflect.Map:
		return c.mapping(n, ignored, path)
	case reflect.Struct:
		return c.structure(n, ignored, path)
	case reflect.Interface:
		return c.iface(n)
	}
	if c.scalar(n) {
		return nil
	}
	return &UnkeyableError{Type: n.typ, Path: path, Reason: reasonAgainst(n.typ.Kind())}
}

func reasonAgainst(k reflect.Kind) string {
	switch k {
	case reflect.Func:
		return "functions cannot be compared"
	case reflect.Chan:
		return "a channel has no value, only an identity"
	}
	return "an address means nothing in another process"
}

// builder compiles types that are not encoded by their structure.
type builder func(c *compiler, n *node) error

// special finds the builder of t, nil for types that have none.
func special(t reflect.Type) builder {
	if b := wellKnown[t]; b != nil {
		return b
	}
	switch t.Kind() {
	case reflect.Interface, reflect.Pointer:
		return nil
	}
	if declares(t, keyerType) {
		return (*compiler).keyer
	}
	return marshaler(t)
}

// recursive reports whether values of t can refer to values of the same type,
// as lists and trees do, without an interface on the way.
func recursive(t reflect.Type) bool {
	return reaches(t, map[reflect.Type]bool{})
}

// reaches reports whether t leads back to a type on the way to it. on is true
// for types on the way, false for those known not to.
func reaches(t reflect.Type, on map[reflect.Type]bool) bool {
	if active, ok := on[t]; ok {
		return active
	}
	if special(t) != nil {
		return false
	}
	on[t] = true
	defer func() { on[t] = false }()
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return reaches(t.Elem(), on)
	case reflect.Map:
		return reaches(t.Key(), on) || reaches(t.Elem(), on)
	case reflect.Struct:
		for i := range t.NumField() {
			if reaches(t.Field(i).Type, on) {
				return true
			}
		}
	}
	return false
}
