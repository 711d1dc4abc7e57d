package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// JSON returns the codec named "json": encoding/json without HTML escaping,
// and stricter. What encoding/json changes in silence is an error here: strings
// that are no UTF-8, numbers in interfaces that come back as float64, times in
// zones that their offset does not name. Decoding refuses anything after the
// value. Unknown fields it skips, like encoding/json: the types of a result are
// in its key, so there are none in bytes that the envelope has verified, and
// looking for them would cost a third of the decoding. Unexported fields, fields tagged "-", fields that
// hide each other, channels, functions and complex numbers are errors of
// [Check].
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type jsonCodec[T any] struct{}

func (jsonCodec[T]) Name() string { return jsonDialect.name }

func (jsonCodec[T]) Check() error { return jsonDialect.check(reflect.TypeFor[T]()) }

func (c jsonCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	at := reflect.ValueOf(&v)
	if jsonDialect.suspicious(at.Type().Elem()) {
		if err := jsonDialect.inspect(at, false); err != nil {
			return dst, err
		}
	}
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&v); err != nil {
		return dst, c.explain(at, err)
	}
	out := buf.Bytes()
	out = out[:len(out)-1] // Encode ends with a line feed
	// This is what encoding/json puts in place of bytes that are no UTF-8,
	// though the text may also have stood in the value.
	if bytes.Contains(out[len(dst):], []byte(`\ufffd`)) {
		if err := jsonDialect.inspect(at, true); err != nil {
			return dst, err
		}
	}
	return out, nil
}

// explain turns an error of encoding/json, which names no field, into one that
// does.
func (c jsonCodec[T]) explain(at reflect.Value, err error) error {
	if err := c.Check(); err != nil {
		return err
	}
	if err := jsonDialect.inspect(at, true); err != nil {
		return err
	}
	return fmt.Errorf("codec: json: encode %s: %w", at.Type().Elem(), err)
}

func (jsonCodec[T]) Decode(b []byte) (T, error) {
	var v, zero T
	if err := json.Unmarshal(b, &v); err != nil {
		return zero, fmt.Errorf("codec: json: decode %s: %w", reflect.TypeFor[T](), err)
	}
	return v, nil
}

var jsonDialect = &dialect{
	name: "json",
	tags: []string{"json"},
	selves: []selfCoder{{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler](),
		[2]string{"MarshalJSON", "UnmarshalJSON"},
	}, textCoder},
	kind:   jsonKind,
	key:    jsonKey,
	inside: jsonInside,
	float: func(f float64) string {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Sprintf("JSON has no %v; use codec.CBOR", f)
		}
		return ""
	},
	text: func(s string) string {
		if !utf8.ValidString(s) {
			return "the string is no valid UTF-8, and JSON would replace the bytes that are not; use codec.CBOR, or []byte"
		}
		return ""
	},
	moment: jsonMoment,
}

func jsonKind(k reflect.Kind) string {
	switch k {
	case reflect.Complex64, reflect.Complex128:
		return "JSON has no complex numbers; give a custom codec (codec.Func)"
	}
	return neverStored(k)
}

func neverStored(k reflect.Kind) string {
	switch k {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return fmt.Sprintf("a %s lives in one process only; leave it out of the result", k)
	}
	return ""
}

func jsonKey(t reflect.Type) string {
	if t.Implements(textCoder.encode) {
		if reflect.PointerTo(t).Implements(textCoder.decode) {
			return ""
		}
		return fmt.Sprintf("the key type %s has MarshalText but no UnmarshalText; add it", t)
	}
	switch k := t.Kind(); {
	case k == reflect.String, k >= reflect.Int && k <= reflect.Uintptr:
		return ""
	}
	return fmt.Sprintf("JSON has no keys of type %s; use codec.CBOR, or a string key", t)
}

func jsonInside(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[bool](), reflect.TypeFor[float64](), reflect.TypeFor[string](),
		reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any]():
		return ""
	}
	back := "something else"
	switch k := t.Kind(); {
	case k >= reflect.Int && k <= reflect.Float32:
		back = "float64"
	case k == reflect.Slice, k == reflect.Array:
		back = "[]any"
	case k == reflect.Map, k == reflect.Struct:
		back = "map[string]any"
	}
	return fmt.Sprintf("%s in an interface comes back from JSON as %s; use a concrete type", t, back)
}

// jsonMoment refuses zones that RFC 3339 cannot name. Local is let through:
// it means the machine, wherever that is.
func jsonMoment(t time.Time) string {
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Sprintf("the year %d has more than four digits; store Unix seconds", y)
	}
	zone := t.Location().String()
	_, offset := t.Zone()
	switch {
	case offset%60 != 0:
		return fmt.Sprintf("the offset of zone %q has seconds, which JSON drops; use codec.CBOR or UTC", zone)
	case t.Location() == time.Local, t.Location() == time.UTC, strings.TrimSpace(zone) == "":
		return ""
	}
	return fmt.Sprintf("JSON keeps the offset but not the name of zone %q; use codec.CBOR or UTC", zone)
}
