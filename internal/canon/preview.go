package canon

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	userinfoType = reflect.TypeFor[url.Userinfo]()
	fileType     = reflect.TypeFor[File]()
	dirType      = reflect.TypeFor[Dir]()
)

// maxPreview is the length of a preview in characters.
const maxPreview = 80

// preview shows v to people, without ignored and private fields. Of types that
// are not encoded by their structure it shows the name, since what counts of
// them is theirs to say. It calls methods of the standard library only, and
// looks no further than it can show.
func preview(v reflect.Value, ignored *ignoreTree) string {
	var w previewer
	w.value(v, ignored, 0)
	return Printable(w.String())
}

// Printable cuts s to 80 characters and replaces what does not print, so that
// it can be shown on a terminal.
func Printable(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxPreview {
			return cutLast(b.String()) + "…"
		}
		if !strconv.IsPrint(r) {
			r = '\uFFFD'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func cutLast(s string) string {
	_, size := utf8.DecodeLastRuneInString(s)
	return s[:len(s)-size]
}

type previewer struct{ strings.Builder }

// full says that more would not be shown.
func (w *previewer) full() bool { return w.Len() > maxPreview*utf8.UTFMax }

func (w *previewer) value(v reflect.Value, ignored *ignoreTree, depth int) {
	if w.full() || depth > 8 {
		w.WriteString("…")
		return
	}
	if w.named(v) {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		w.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.WriteString(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		w.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()))
	case reflect.Complex64, reflect.Complex128:
		w.WriteString(strconv.FormatComplex(v.Complex(), 'g', -1, v.Type().Bits()))
	case reflect.String:
		w.text(v.String())
	case reflect.Slice, reflect.Array:
		w.list(v, ignored, depth)
	case reflect.Map:
		w.mapping(v)
	case reflect.Struct:
		w.structure(v, ignored, depth)
	case reflect.Pointer, reflect.Interface:
		w.referent(v, ignored, depth)
	default:
		w.WriteString(v.Type().String())
	}
}

func (w *previewer) referent(v reflect.Value, ignored *ignoreTree, depth int) {
	if v.IsNil() {
		w.WriteString("nil")
		return
	}
	w.value(v.Elem(), ignored, depth+1)
}

// named shows the types that have a form of their own.
func (w *previewer) named(v reflect.Value) bool {
	if !v.CanInterface() {
		return false
	}
	switch v.Type() {
	case timeType:
		w.WriteString(v.Interface().(time.Time).Format(time.RFC3339Nano))
	case durationType:
		w.WriteString(time.Duration(v.Int()).String())
	case userinfoType:
		w.WriteString("(private)")
	case fileType, dirType:
		w.WriteString(v.Field(0).String())
	default:
		return w.standard(v)
	}
	return true
}

// standard shows the other types of the standard library that the encoder
// knows by their String method, and other types without structure by name.
func (w *previewer) standard(v reflect.Value) bool {
	if special(v.Type()) == nil {
		return false
	}
	if wellKnown[v.Type()] == nil {
		w.WriteString(v.Type().String())
		return true
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	if s, ok := p.Interface().(interface{ String() string }); ok {
		w.WriteString(s.String())
		return true
	}
	return false
}

// text quotes s, or what of it can be shown.
func (w *previewer) text(s string) {
	if len(s) > maxPreview*utf8.UTFMax {
		s = s[:maxPreview*utf8.UTFMax]
	}
	w.WriteString(strconv.Quote(s))
}

func (w *previewer) list(v reflect.Value, ignored *ignoreTree, depth int) {
	switch {
	case v.Kind() == reflect.Slice && v.IsNil():
		w.WriteString("nil")
	case v.Type().Elem().Kind() == reflect.Uint8:
		w.WriteString(strconv.Itoa(v.Len()) + " bytes")
	default:
		w.WriteByte('[')
		for i := 0; i < v.Len() && !w.full(); i++ {
			if i > 0 {
				w.WriteByte(' ')
			}
			w.value(v.Index(i), ignored, depth+1)
		}
		w.WriteByte(']')
	}
}

// mapping shows the number of entries: their order is random.
func (w *previewer) mapping(v reflect.Value) {
	if v.IsNil() {
		w.WriteString("nil")
		return
	}
	w.WriteString("map of " + strconv.Itoa(v.Len()))
}

// structure shows the fields that count and are not private.
func (w *previewer) structure(v reflect.Value, ignored *ignoreTree, depth int) {
	t := v.Type()
	w.WriteByte('{')
	first := true
	for i := 0; i < t.NumField() && !w.full(); i++ {
		f := t.Field(i)
		tag, _ := parseTag(t, f, "")
		if tag.ignore || ignored.whole(f.Name) || !f.IsExported() {
			continue
		}
		if !first {
			w.WriteByte(' ')
		}
		first = false
		w.WriteString(f.Name + ":")
		if tag.private {
			w.WriteString("(private)")
			continue
		}
		w.value(v.Field(i), ignored.below(f.Name), depth+1)
	}
	w.WriteByte('}')
}
