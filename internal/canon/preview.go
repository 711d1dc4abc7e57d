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

// preview shows v to people. It calls no method of a type that is not ours or
// the standard library's, and looks no further than it can show.
func preview(v reflect.Value) string {
	var w previewer
	w.value(v, 0)
	return printable(w.String())
}

// printable cuts s to maxPreview characters and replaces what does not print.
func printable(s string) string {
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

func (w *previewer) value(v reflect.Value, depth int) {
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
		w.list(v, depth)
	case reflect.Map:
		w.mapping(v, depth)
	case reflect.Struct:
		w.structure(v, depth)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			w.WriteString("nil")
			return
		}
		w.value(v.Elem(), depth+1)
	default:
		w.WriteString(v.Type().String())
	}
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
// knows by their String method.
func (w *previewer) standard(v reflect.Value) bool {
	if wellKnown[v.Type()] == nil {
		return false
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

func (w *previewer) list(v reflect.Value, depth int) {
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
			w.value(v.Index(i), depth+1)
		}
		w.WriteByte(']')
	}
}

// mapping shows the number of entries: their order is random.
func (w *previewer) mapping(v reflect.Value, _ int) {
	if v.IsNil() {
		w.WriteString("nil")
		return
	}
	w.WriteString("map of " + strconv.Itoa(v.Len()))
}

// structure shows the fields that count and are not private.
func (w *previewer) structure(v reflect.Value, depth int) {
	t := v.Type()
	w.WriteByte('{')
	first := true
	for i := 0; i < t.NumField() && !w.full(); i++ {
		f := t.Field(i)
		tag, _ := parseTag(t, f, "")
		if tag.ignore || !f.IsExported() {
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
		w.value(v.Field(i), depth+1)
	}
	w.WriteByte('}')
}
