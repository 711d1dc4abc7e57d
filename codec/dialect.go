package codec

import (
	"encoding"
	"reflect"
	"sync"
	"time"
)

// A dialect is what an encoding can and cannot store: the rules by which types
// are checked and values inspected.
type dialect struct {
	name string
	// tags are the struct tags that the encoder reads, the first found counts.
	tags []string
	// selves are pairs of interfaces by which types encode and decode
	// themselves, in the order in which the encoder looks for them.
	selves []selfCoder
	// builtin are types that the encoder knows and stores in full.
	builtin map[reflect.Type]bool
	// anyAddress is set where the encoder finds methods of *T on every T, not
	// only on those that have an address.
	anyAddress bool
	// valueKeys is set where keys of maps are encoded as other values are.
	valueKeys bool
	// kind and key say why values of a kind cannot be stored, or be keys of
	// maps. The empty string means that they can.
	kind func(reflect.Kind) string
	key  func(reflect.Type) string
	// inside says why a value of this type comes back as another from an
	// interface without methods.
	inside func(reflect.Type) string
	// float, text and moment say why a value would be refused or change.
	float  func(float64) string
	text   func(string) string
	moment func(time.Time) string
	// walkRepeats is set where the encoder does not itself notice values that
	// contain themselves.
	walkRepeats bool

	checked sync.Map // reflect.Type -> *finding
	suspect sync.Map // reflect.Type -> bool
}

type selfCoder struct {
	encode, decode reflect.Type
	names          [2]string
}

var (
	textCoder = selfCoder{
		reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
		[2]string{"MarshalText", "UnmarshalText"},
	}
	timeType = reflect.TypeFor[time.Time]()
)

// coder returns the interfaces by which t stores itself, or nil.
func (d *dialect) coder(t reflect.Type) *selfCoder {
	for i := range d.selves {
		if s := &d.selves[i]; t.Implements(s.encode) || reflect.PointerTo(t).Implements(s.encode) {
			return s
		}
	}
	return nil
}

// encodesItself reports whether the encoder leaves t to t's own methods.
func (d *dialect) encodesItself(t reflect.Type) bool {
	return t == timeType || d.builtin[t] || t.Kind() != reflect.Interface && d.coder(t) != nil
}

// suspicious reports whether values of t can be at fault although their type
// is fine, in a way that only a look at each value shows beforehand.
func (d *dialect) suspicious(t reflect.Type) bool {
	if is, ok := d.suspect.Load(t); ok {
		return is.(bool)
	}
	is := d.findSuspicious(t, map[reflect.Type]bool{})
	d.suspect.Store(t, is)
	return is
}

func (d *dialect) findSuspicious(t reflect.Type, open map[reflect.Type]bool) bool {
	if t == timeType || t.Kind() == reflect.Interface {
		return true
	}
	if open[t] {
		return d.walkRepeats
	}
	if d.encodesItself(t) {
		return false
	}
	open[t] = true
	defer delete(open, t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return d.findSuspicious(t.Elem(), open)
	case reflect.Map:
		return d.findSuspicious(t.Key(), open) || d.findSuspicious(t.Elem(), open)
	case reflect.Struct:
		for i := range t.NumField() {
			if d.findSuspicious(t.Field(i).Type, open) {
				return true
			}
		}
	}
	return false
}
