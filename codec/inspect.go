package codec

import (
	"fmt"
	"reflect"
	"time"
)

// maxDepth is how deeply values may nest. encoding/json decodes no deeper, and
// a value that contains itself is found at this depth.
const maxDepth = 10_000

// inspect looks for what would be refused or come back changed in the value
// that at points to. It looks everywhere where thorough is set, and otherwise
// only into types that are suspicious. It returns nil where it finds nothing:
// the value may still be at fault in ways that only decoding shows.
func (d *dialect) inspect(at reflect.Value, thorough bool) error {
	i := inspection{dialect: d, thorough: thorough}
	if f := i.visit(at.Elem(), 0); f != nil {
		return d.error(at.Type().Elem(), f)
	}
	return nil
}

type inspection struct {
	*dialect
	thorough bool
}

func (i inspection) visit(v reflect.Value, depth int) *finding {
	t := v.Type()
	if t == timeType {
		return say(i.moment(timeOf(v)))
	}
	if !i.thorough && !i.suspicious(t) {
		return nil
	}
	if i.encodesItself(t) {
		return nil
	}
	if depth > maxDepth {
		return &finding{"", fmt.Sprintf("the value nests deeper than %d levels, or contains itself", maxDepth)}
	}
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		return say(i.float(v.Float()))
	case reflect.String:
		return say(i.text(v.String()))
	case reflect.Interface:
		return i.visitInterface(v, depth)
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return i.visit(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		return i.visitElems(v, depth)
	case reflect.Map:
		return i.visitMap(v, depth)
	case reflect.Struct:
		return i.visitStruct(v, depth)
	}
	return nil
}

func say(reason string) *finding {
	if reason == "" {
		return nil
	}
	return &finding{"", reason}
}

// timeOf reads v without a copy on the heap where it has an address.
func timeOf(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

func (i inspection) visitInterface(v reflect.Value, depth int) *finding {
	if v.IsNil() {
		return nil
	}
	if v.NumMethod() > 0 {
		return &finding{"", fmt.Sprintf("nothing says which type to decode into %s; use a concrete type, or give a custom codec (codec.Func)", v.Type())}
	}
	if reason := i.inside(v.Elem().Type()); reason != "" {
		return &finding{"", reason}
	}
	return i.visit(v.Elem(), depth+1)
}

func (i inspection) visitElems(v reflect.Value, depth int) *finding {
	if !i.thorough && !i.suspicious(v.Type().Elem()) || v.Type().Elem().Kind() == reflect.Uint8 {
		return nil
	}
	for n := range v.Len() {
		if f := i.visit(v.Index(n), depth+1); f != nil {
			return f.in(fmt.Sprintf("[%d]", n))
		}
	}
	return nil
}

func (i inspection) visitMap(v reflect.Value, depth int) *finding {
	for it := v.MapRange(); it.Next(); {
		f := i.visit(it.Key(), depth+1)
		if f == nil {
			f = i.visit(it.Value(), depth+1)
		}
		if f != nil {
			return f.in(keyStep(it.Key()))
		}
	}
	return nil
}

// keyStep shows only the type of keys that may be large or contain themselves.
func keyStep(k reflect.Value) string {
	switch kind := k.Kind(); {
	case kind == reflect.String:
		return fmt.Sprintf("[%q]", k.String())
	case kind == reflect.Interface && !k.IsNil():
		return keyStep(k.Elem())
	case kind <= reflect.Complex128:
		return fmt.Sprintf("[%v]", k)
	}
	return "[" + k.Type().String() + "]"
}

func (i inspection) visitStruct(v reflect.Value, depth int) *finding {
	t := v.Type()
	for n := range t.NumField() {
		f := t.Field(n)
		if !f.IsExported() && !f.Anonymous || i.tag(f) == "-" {
			continue
		}
		if found := i.visit(v.Field(n), depth+1); found != nil {
			return found.in(f.Name)
		}
	}
	return nil
}
