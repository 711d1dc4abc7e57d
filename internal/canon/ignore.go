package canon

import (
	"reflect"
	"slices"
	"strings"
)

// An ignoreTree holds the ignored paths below one place of a type.
type ignoreTree struct {
	all    bool // the place itself is ignored
	fields map[string]*ignoreTree
}

// whole reports whether the field is ignored altogether.
func (t *ignoreTree) whole(field string) bool {
	below := t.below(field)
	return below != nil && below.all
}

// below is the tree of a field, nil where nothing of it is ignored.
func (t *ignoreTree) below(field string) *ignoreTree {
	if t == nil {
		return nil
	}
	return t.fields[field]
}

func (t *ignoreTree) add(path []string) {
	for _, name := range path {
		if t.fields == nil {
			t.fields = map[string]*ignoreTree{}
		}
		next := t.fields[name]
		if next == nil {
			next = &ignoreTree{}
			t.fields[name] = next
		}
		t = next
	}
	t.all = true
}

// parseIgnore checks the paths against t.
func parseIgnore(t reflect.Type, paths []string) (*ignoreTree, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	root := &ignoreTree{}
	for _, path := range paths {
		names := strings.Split(path, ".")
		if !hasPath(t, names) {
			return nil, &UnkeyableError{Type: t, Path: path, Reason: "there is no such field to ignore", advice: choices(t)}
		}
		root.add(names)
	}
	return root, nil
}

// hasPath reports whether the names lead from t to a field.
func hasPath(t reflect.Type, names []string) bool {
	for _, name := range names {
		s := structOf(t)
		if s == nil {
			return false
		}
		f, ok := directField(s, name)
		if !ok {
			return false
		}
		t = f.Type
	}
	return true
}

// directField finds a field of t itself, not a promoted one.
func directField(t reflect.Type, name string) (reflect.StructField, bool) {
	f, ok := t.FieldByName(name)
	return f, ok && len(f.Index) == 1 && name != "_"
}

// maxWrapping bounds the pointers, slices, arrays and maps around a struct;
// a type like "type list []list" has no end of them.
const maxWrapping = 32

// structOf is the struct whose fields a path through t names, nil where there
// is none: an encoding that is not by structure has no fields to leave out.
func structOf(t reflect.Type) reflect.Type {
	for range maxWrapping {
		if special(t) != nil {
			return nil
		}
		switch t.Kind() {
		case reflect.Struct:
			return t
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			t = t.Elem()
		default:
			return nil
		}
	}
	return nil
}

// maxChoices bounds the list of fields in a message.
const maxChoices = 50

// choices lists the fields that can be ignored.
func choices(t reflect.Type) string {
	list := appendPaths(nil, t, "", map[reflect.Type]bool{})
	if len(list) == 0 {
		return "this type has no fields"
	}
	slices.Sort(list)
	more := ""
	if len(list) > maxChoices {
		list, more = list[:maxChoices], ", …"
	}
	return "available: " + strings.Join(list, ", ") + more
}

func appendPaths(list []string, t reflect.Type, path string, on map[reflect.Type]bool) []string {
	s := structOf(t)
	if s == nil || on[s] || len(list) > maxChoices {
		return list
	}
	on[s] = true
	defer delete(on, s)
	for i := range s.NumField() {
		f := s.Field(i)
		if f.Name == "_" {
			continue
		}
		list = append(list, join(path, f.Name))
		list = appendPaths(list, f.Type, join(path, f.Name), on)
	}
	return list
}
