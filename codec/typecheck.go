package codec

import (
	"fmt"
	"reflect"
	"strings"
)

// A finding is the first thing in a type or value that cannot be stored.
type finding struct{ path, reason string }

func (f *finding) in(step string) *finding {
	if f == nil {
		return nil
	}
	if f.path != "" && f.path[0] != '[' {
		step += "."
	}
	return &finding{step + f.path, f.reason}
}

func (d *dialect) error(t reflect.Type, f *finding) error {
	const enough = 200 // bytes of a path: deep values have paths that nobody reads
	path := f.path
	if len(path) > enough {
		path = path[:enough] + "…"
	}
	return &Error{Codec: d.name, Type: t, Path: path, Reason: f.reason}
}

// check looks for parts of t that are lost or refused whatever the value. The
// result is cached per type.
func (d *dialect) check(t reflect.Type) error {
	f, ok := d.checked.Load(t)
	if !ok {
		f = (&typeCheck{d, map[reflect.Type]bool{}}).visit(t, true)
		d.checked.Store(t, f)
	}
	if f := f.(*finding); f != nil {
		return d.error(t, f)
	}
	return nil
}

// typeCheck is one walk over a type.
type typeCheck struct {
	*dialect
	seen map[reflect.Type]bool
}

// visit checks t. Values in maps and interfaces have no address, and an
// encoder may not find methods of *T on them.
func (c *typeCheck) visit(t reflect.Type, addressable bool) *finding {
	if t == timeType || c.builtin[t] || t.Kind() == reflect.Interface {
		return nil
	}
	if s := c.coder(t); s != nil {
		return c.visitCoder(t, s, addressable)
	}
	if reason := c.kind(t.Kind()); reason != "" {
		return &finding{"", reason}
	}
	if c.seen[t] {
		return nil
	}
	c.seen[t] = true
	switch t.Kind() {
	case reflect.Pointer:
		return c.visit(t.Elem(), true)
	case reflect.Slice:
		return c.visit(t.Elem(), true).in("[]")
	case reflect.Array:
		return c.visit(t.Elem(), addressable).in("[]")
	case reflect.Map:
		return c.visitMap(t)
	case reflect.Struct:
		return c.visitStruct(t, addressable)
	}
	return nil
}

func (c *typeCheck) visitCoder(t reflect.Type, s *selfCoder, addressable bool) *finding {
	if !reflect.PointerTo(t).Implements(s.decode) && !t.Implements(s.decode) {
		return &finding{"", fmt.Sprintf("%s has %s but no %s; add it", t, s.names[0], s.names[1])}
	}
	if !addressable && !c.anyAddress && !t.Implements(s.encode) {
		return &finding{"", fmt.Sprintf("%s is a method of *%s, which values in maps do not have; store pointers or use codec.CBOR",
			s.names[0], t)}
	}
	return nil
}

func (c *typeCheck) visitMap(t reflect.Type) *finding {
	if reason := c.key(t.Key()); reason != "" {
		return (&finding{"", reason}).in("[]")
	}
	if c.valueKeys {
		if f := c.visit(t.Key(), false); f != nil {
			return f.in("[]")
		}
	}
	return c.visit(t.Elem(), false).in("[]")
}

func (c *typeCheck) visitStruct(t reflect.Type, addressable bool) *finding {
	if f := c.visitNames(t); f != nil {
		return f
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		if reason := c.lost(f); reason != "" {
			return &finding{f.Name, reason}
		}
		if found := c.visit(f.Type, addressable); found != nil {
			return found.in(f.Name)
		}
	}
	return nil
}

// lost says why the encoder passes over a field.
func (c *typeCheck) lost(f reflect.StructField) string {
	if c.tag(f) == "-" {
		return "the field is tagged to be left out, so a stored result would lack it; remove the tag, or split the type"
	}
	if f.IsExported() {
		return ""
	}
	switch {
	case !f.Anonymous:
		return "the field is unexported and would be lost; export it, or give a custom codec (codec.Func)"
	case f.Type.Kind() == reflect.Struct:
		return ""
	case f.Type.Kind() == reflect.Pointer:
		return "a pointer to an unexported struct is embedded, which decoders cannot set; embed the struct itself, or export its type"
	}
	return "the embedded field is unexported and would be lost; export its type, or name the field"
}

func (d *dialect) tag(f reflect.StructField) string {
	for _, key := range d.tags {
		if tag := f.Tag.Get(key); tag != "" {
			return tag
		}
	}
	return ""
}

// visitNames finds fields that hide each other: of two with one name, at most
// one is stored.
func (c *typeCheck) visitNames(t reflect.Type) *finding {
	byName := map[string]string{}
	return c.collectNames(t, "", byName, map[reflect.Type]bool{})
}

func (c *typeCheck) collectNames(t reflect.Type, prefix string, byName map[string]string, open map[reflect.Type]bool) *finding {
	open[t] = true
	defer delete(open, t)
	for i := range t.NumField() {
		f := t.Field(i)
		label, _, _ := strings.Cut(c.tag(f), ",")
		path := prefix + f.Name
		if inner := embedded(f); inner != nil && label == "" && c.tag(f) != "-" {
			if open[inner] {
				return &finding{path, "the struct embeds itself, and its fields hide each other; name the field"}
			}
			if found := c.collectNames(inner, path+".", byName, open); found != nil {
				return found
			}
			continue
		}
		if !f.IsExported() || c.tag(f) == "-" {
			continue
		}
		if label == "" {
			label = f.Name
		}
		if other, taken := byName[label]; taken {
			return &finding{path, fmt.Sprintf("the field has the name %q in common with %s, and one of them would be lost; give it a tag with another name", label, other)}
		}
		byName[label] = path
	}
	return nil
}

// embedded returns the struct whose fields f promotes, or nil.
func embedded(f reflect.StructField) reflect.Type {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !f.Anonymous || t.Kind() != reflect.Struct {
		return nil
	}
	return t
}
