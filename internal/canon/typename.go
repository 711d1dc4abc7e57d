package canon

import (
	"reflect"
	"strconv"
	"strings"
)

// typeName names t in full: package paths instead of package names, and the
// structure of types that have no name.
func typeName(t reflect.Type) string {
	if t.Name() != "" {
		if t.PkgPath() == "" {
			return t.Name()
		}
		return t.PkgPath() + "." + t.Name()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + typeName(t.Elem())
	case reflect.Slice:
		return "[]" + typeName(t.Elem())
	case reflect.Array:
		return "[" + strconv.Itoa(t.Len()) + "]" + typeName(t.Elem())
	case reflect.Map:
		return "map[" + typeName(t.Key()) + "]" + typeName(t.Elem())
	case reflect.Struct:
		return structName(t)
	case reflect.Func:
		return "func" + signature(t)
	case reflect.Interface:
		return interfaceName(t)
	case reflect.Chan:
		return t.ChanDir().String() + " " + typeName(t.Elem())
	}
	return t.String()
}

func structName(t reflect.Type) string {
	var b strings.Builder
	b.WriteString("struct{")
	for i := range t.NumField() {
		f := t.Field(i)
		if i > 0 {
			b.WriteString("; ")
		}
		if f.Anonymous {
			b.WriteString("embed ")
		}
		if f.PkgPath != "" {
			b.WriteString(f.PkgPath + ".")
		}
		b.WriteString(f.Name + " " + typeName(f.Type))
		if f.Tag != "" {
			b.WriteString(" " + strconv.Quote(string(f.Tag)))
		}
	}
	return b.String() + "}"
}

func signature(t reflect.Type) string {
	var in, out []string
	for i := range t.NumIn() {
		in = append(in, typeName(t.In(i)))
	}
	for i := range t.NumOut() {
		out = append(out, typeName(t.Out(i)))
	}
	dots := ""
	if t.IsVariadic() {
		dots = "..."
	}
	return "(" + strings.Join(in, ", ") + dots + ") (" + strings.Join(out, ", ") + ")"
}

// interfaceName names packages by their last element only: methods are not
// looked up, for the reason that declares gives.
func interfaceName(t reflect.Type) string {
	if t.NumMethod() == 0 {
		return "interface{}"
	}
	return t.String()
}
