package canon

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"unsafe"
)

// A structField is one field that counts. Fields stand in the order of their
// encoded names, as CBOR's deterministic maps want.
type structField struct {
	key     []byte // the encoded name; the first field's begins with the head of the map
	offset  uintptr
	op      opcode
	fails   bool
	private bool
	enc     encodeFunc
	node    *node
	name    string
}

// structure compiles a struct: a map from field names to values.
func (c *compiler) structure(n *node, ignored *ignoreTree, path string) error {
	var fields []structField
	for i := range n.typ.NumField() {
		f := n.typ.Field(i)
		tag, err := parseTag(n.typ, f, path)
		if err != nil {
			return err
		}
		if tag.ignore || ignored.whole(f.Name) || lostNothing(f) {
			continue
		}
		if !f.IsExported() && !promotes(f) {
			return unexported(n.typ, f, path)
		}
		child, err := c.node(f.Type, ignored.below(f.Name), join(path, f.Name))
		if err != nil {
			return err
		}
		fields = append(fields, structField{
			key: AppendString(nil, f.Name), offset: f.Offset, private: tag.private, node: child, name: f.Name,
		})
	}
	finishStruct(n, fields)
	return nil
}

func finishStruct(n *node, fields []structField) {
	slices.SortFunc(fields, func(a, b structField) int { return bytes.Compare(a.key, b.key) })
	if len(fields) > 0 {
		fields[0].key = append(AppendMap(nil, len(fields)), fields[0].key...)
	}
	for i := range fields {
		f := &fields[i]
		f.op, f.enc, f.fails = f.node.op, f.node.encoder(), f.node.fails
		n.fails = n.fails || f.fails
		n.foreign = n.foreign || f.node.foreign
	}
	n.parts = structParts(fields)
	if len(fields) == 0 {
		n.enc = func(_ *state, dst []byte, _ unsafe.Pointer) []byte { return AppendMap(dst, 0) }
		return
	}
	n.enc = structEncoder(fields)
}

// structEncoder runs the commonest kinds inline: a call through a pointer
// costs more than encoding them.
func structEncoder(fields []structField) encodeFunc {
	return func(s *state, dst []byte, p unsafe.Pointer) []byte {
		for i := range fields {
			f := &fields[i]
			dst = append(dst, f.key...)
			q := unsafe.Add(p, f.offset)
			switch f.op {
			case opString:
				dst = AppendString(dst, *(*string)(q))
			case opInt:
				dst = AppendInt(dst, *(*int64)(q))
			case opBool:
				dst = AppendBool(dst, *(*bool)(q))
			default:
				dst = f.enc(s, dst, q)
				if f.fails && s.err != nil {
					s.at("." + f.name)
					return dst
				}
			}
		}
		return dst
	}
}

// lostNothing reports fields without any value to lose: blank ones, which no
// function can read, and unexported ones of no size.
func lostNothing(f reflect.StructField) bool {
	return f.Name == "_" || !f.IsExported() && f.Type.Size() == 0
}

// promotes reports embedded structs of unexported type: their exported fields
// are fields of the outer struct.
func promotes(f reflect.StructField) bool {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return f.Anonymous && t.Kind() == reflect.Struct
}

func unexported(t reflect.Type, f reflect.StructField, path string) error {
	reason := "unexported field " + f.Name + " would be lost"
	if p := t.PkgPath(); p == "sync" || p == "sync/atomic" {
		return &UnkeyableError{Type: t, Path: path, Reason: "it synchronises goroutines and has no value to compare"}
	}
	if path == "" {
		path = f.Name
	}
	return &UnkeyableError{Type: t, Path: path, Reason: reason}
}

// fieldTag is what a `reprise:"..."` struct tag says.
type fieldTag struct{ ignore, private bool }

func parseTag(t reflect.Type, f reflect.StructField, path string) (fieldTag, error) {
	var tag fieldTag
	text, ok := f.Tag.Lookup("reprise")
	if !ok {
		return tag, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		switch word {
		case "ignore":
			tag.ignore = true
		case "private":
			tag.private = true
		default:
			return tag, &UnkeyableError{
				Type: t, Path: join(path, f.Name), Reason: "unknown tag reprise:\"" + text + "\"",
				advice: "write ignore or private",
			}
		}
	}
	return tag, nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
