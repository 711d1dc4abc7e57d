package codec

import (
	"bytes"
	"encoding"
	"fmt"
	"math/big"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// CBOR returns the codec named "cbor": RFC 8949 in its core deterministic form,
// by the tags "cbor" or else "json". It stores what JSON cannot: NaN,
// infinities and -0, strings of any bytes, map keys of any comparable type,
// int64 and []byte in interfaces, and times with their nanoseconds and the name
// of their zone. Types that implement encoding.BinaryMarshaler or
// encoding.TextMarshaler are stored by that. Decoding refuses unknown fields,
// duplicate keys, anything after the value, and nesting deeper than 10,000.
//
// A zone that has a name is loaded from the time zone database when decoding;
// where that has changed, so that the offset is another, decoding fails.
func CBOR[T any]() Codec[T] { return cborCodec[T]{} }

type cborCodec[T any] struct{}

func (cborCodec[T]) Name() string { return cborDialect.name }

func (cborCodec[T]) Check() error { return cborDialect.check(reflect.TypeFor[T]()) }

func (c cborCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	at := reflect.ValueOf(&v)
	t := at.Type().Elem()
	if cborDialect.suspicious(t) {
		if err := cborDialect.inspect(at, false); err != nil {
			return dst, err
		}
	}
	buf := bytes.NewBuffer(dst)
	if err := cborEncoding.MarshalToBuffer(&v, buf); err != nil {
		if err := c.Check(); err != nil {
			return dst, err
		}
		return dst, fmt.Errorf("codec: cbor: encode %s: %w", t, err)
	}
	if !holdsTime(t) {
		return buf.Bytes(), nil
	}
	return appendZones(buf, at)
}

func (cborCodec[T]) Decode(b []byte) (T, error) {
	var v, zero T
	rest, err := cborDecoding.UnmarshalFirst(b, &v)
	if err == nil && len(rest) > 0 {
		err = restoreZones(rest, reflect.ValueOf(&v))
	}
	if err != nil {
		return zero, fmt.Errorf("codec: cbor: decode %s: %w", reflect.TypeFor[T](), err)
	}
	return v, nil
}

var (
	cborEncoding = cborEncoder()
	cborDecoding = cborDecoder()
)

func cborEncoder() cbor.UserBufferEncMode {
	o := cbor.CoreDetEncOptions()
	o.NaNConvert = cbor.NaNConvertNone // keep the payload
	o.Time = cbor.TimeRFC3339Nano
	o.TimeTag = cbor.EncTagRequired
	o.TextMarshaler = cbor.TextMarshalerTextString
	m, err := o.UserBufferEncMode()
	if err != nil {
		panic("codec: " + err.Error()) // the options are constant: a test would show it
	}
	return m
}

// Elements and pairs are limited only by the input: the decoder has seen each
// of them before it makes room, so a length that lies costs nothing.
func cborDecoder() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:   maxDepth,
		MaxArrayElements:  1<<31 - 1,
		MaxMapPairs:       1<<31 - 1,
		IndefLength:       cbor.IndefLengthForbidden,
		IntDec:            cbor.IntDecConvertSigned,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		DefaultMapType:    reflect.TypeFor[map[string]any](),
		UTF8:              cbor.UTF8DecodeInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		BigIntDec:         cbor.BigIntDecodePointer,
		TextUnmarshaler:   cbor.TextUnmarshalerTextString,
	}.DecMode()
	if err != nil {
		panic("codec: " + err.Error())
	}
	return m
}

var cborDialect = &dialect{
	name: "cbor",
	tags: []string{"cbor", "json"},
	selves: []selfCoder{{
		reflect.TypeFor[cbor.Marshaler](), reflect.TypeFor[cbor.Unmarshaler](),
		[2]string{"MarshalCBOR", "UnmarshalCBOR"},
	}, {
		reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.BinaryUnmarshaler](),
		[2]string{"MarshalBinary", "UnmarshalBinary"},
	}, textCoder},
	builtin:     map[reflect.Type]bool{reflect.TypeFor[big.Int](): true},
	anyAddress:  true,
	valueKeys:   true,
	kind:        cborKind,
	key:         cborKey,
	inside:      cborInside,
	float:       func(float64) string { return "" },
	text:        func(string) string { return "" },
	moment:      cborMoment,
	walkRepeats: true,
}

func cborKind(k reflect.Kind) string {
	switch k {
	case reflect.Complex64, reflect.Complex128:
		return "CBOR has no complex numbers; give a custom codec (codec.Func)"
	}
	return neverStored(k)
}

func cborKey(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return "pointers as map keys would come back as other keys; use a value as key"
	}
	return ""
}

func cborInside(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[bool](), reflect.TypeFor[int64](), reflect.TypeFor[float64](), reflect.TypeFor[string](),
		reflect.TypeFor[[]byte](), reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](),
		timeType, reflect.TypeFor[*big.Int]():
		return ""
	}
	back := "something else"
	switch k := t.Kind(); {
	case k >= reflect.Int && k <= reflect.Uintptr:
		back = "int64"
	case k == reflect.Float32:
		back = "float64"
	case k == reflect.Slice, k == reflect.Array:
		back = "[]any"
	case k == reflect.Map, k == reflect.Struct:
		back = "map[string]any"
	}
	return fmt.Sprintf("%s in an interface comes back from CBOR as %s; use a concrete type", t, back)
}

func cborMoment(t time.Time) string {
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Sprintf("the year %d has more than four digits; store Unix seconds", y)
	}
	return ""
}
