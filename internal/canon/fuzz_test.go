package canon

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"testing"
)

// fuzzed is a type with most of what can be confused side by side.
type fuzzed struct {
	A, B  string
	List  []string
	Raw   []byte
	Map   map[string]string
	Ints  map[int16][]int8
	P     *string
	PP    **int8
	PS    *[]int8
	Any   any
	Anys  []any
	F     float64
	F32   float32
	Next  *fuzzed
	Array [2]any
}

// A source turns fuzzing input into values; exhausted, it yields zeros.
type source struct{ data []byte }

func (s *source) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *source) string() string {
	n := min(int(s.byte()%6), len(s.data))
	v := string(s.data[:n])
	s.data = s.data[n:]
	return v
}

func (s *source) float() float64 {
	var b [8]byte
	n := copy(b[:], s.data)
	s.data = s.data[n:]
	return math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
}

func (s *source) any(depth int) any {
	switch s.byte() % 12 {
	case 1:
		return s.string()
	case 2:
		return []byte(s.string())
	case 3:
		return int(s.byte())
	case 4:
		return int8(s.byte())
	case 5:
		return s.float()
	case 6:
		return map[string]string{s.string(): s.string()}
	case 7:
		return []any(nil)
	case 8:
		if depth < 3 {
			return []any{s.any(depth + 1), s.any(depth + 1)}
		}
	case 9:
		return ptr(s.string())
	case 10:
		return (*string)(nil)
	case 11:
		return map[any]any{s.string(): s.string(), int(s.byte()): s.byte()}
	}
	return nil
}

func (s *source) value(depth int) (v fuzzed) {
	for n := s.byte() % 16; n > 0; n-- {
		s.field(&v, depth)
	}
	return v
}

func (s *source) field(v *fuzzed, depth int) {
	switch s.byte() % 15 {
	case 0:
		v.A = s.string()
	case 1:
		v.B = s.string()
	case 2:
		v.List = append(v.List, s.string())
	case 3:
		v.Raw = []byte(s.string())
	case 4:
		v.Map = map[string]string{}
		for range s.byte() % 4 {
			v.Map[s.string()] = s.string()
		}
	case 5:
		v.Ints = map[int16][]int8{int16(s.byte()): nil, -int16(s.byte()): {int8(s.byte())}}
	case 6:
		v.P = ptr(s.string())
	case 7:
		v.PP = ptr[*int8](nil)
	case 8:
		v.PP = ptr(ptr(int8(s.byte())))
	case 9:
		v.PS = ptr[[]int8](nil)
	case 10:
		v.PS = ptr([]int8{})
	case 11:
		v.Any, v.Anys = s.any(0), append(v.Anys, s.any(0))
	case 12:
		v.F, v.F32 = s.float(), float32(s.float())
	case 13:
		if depth < 4 {
			v.Next = ptr(s.value(depth + 1))
		}
	case 14:
		v.Array[s.byte()%2] = s.any(0)
	}
}

// indistinguishable is reflect.DeepEqual, except that all NaN are one and zero
// is not negative zero.
func indistinguishable(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Float32, reflect.Float64:
		x, y := a.Float(), b.Float()
		return x != x && y != y || math.Float64bits(x) == math.Float64bits(y)
	case reflect.Pointer, reflect.Interface:
		return a.IsNil() == b.IsNil() && (a.IsNil() || indistinguishable(a.Elem(), b.Elem()))
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() || a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() {
			return false
		}
		for i := range a.Len() {
			if !indistinguishable(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() || a.IsNil() != b.IsNil() {
			return false
		}
		for _, k := range a.MapKeys() {
			if !indistinguishable(a.MapIndex(k), b.MapIndex(k)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if !indistinguishable(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

// FuzzInjective: bytes are equal exactly for values that cannot be told apart.
func FuzzInjective(f *testing.F) {
	f.Add([]byte{2, 0, 1, 'a', 1, 1, 'b'}, []byte{2, 0, 2, 'a', 'b', 1, 0})
	f.Add([]byte{1, 2, 1, 0xff}, []byte{1, 2, 1, 0xfe})
	f.Add([]byte{1, 7}, []byte{1, 8, 0})
	f.Add([]byte{1, 9}, []byte{1, 10})
	f.Add([]byte{1, 11, 3, 1, 4, 1}, []byte{1, 11, 4, 1, 3, 1})
	f.Add([]byte{1, 12, 0, 0, 0, 0, 0, 0, 0, 0x80}, []byte{1, 12})
	f.Add([]byte{1, 12, 1, 0, 0, 0, 0, 0, 0xf8, 0x7f}, []byte{1, 12, 2, 0, 0, 0, 0, 0, 0xf8, 0xff})
	f.Add([]byte{2, 4, 2, 1, 'a', 1, 'b', 13, 1, 3}, []byte{2, 13, 1, 3, 4, 2, 1, 'a', 1, 'b'})
	e := mustCompile[fuzzed](f)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := (&source{a}).value(0), (&source{b}).value(0)
		ex, err := e.Append(t.Context(), nil, reflect.ValueOf(&x).UnsafePointer())
		if err != nil {
			t.Fatal(err)
		}
		ey, err := e.Append(t.Context(), nil, reflect.ValueOf(&y).UnsafePointer())
		if err != nil {
			t.Fatal(err)
		}
		if same := indistinguishable(reflect.ValueOf(x), reflect.ValueOf(y)); same != bytes.Equal(ex, ey) {
			t.Fatalf("indistinguishable: %v\n%#v\n%x\n%#v\n%x", same, x, ex, y, ey)
		}
	})
}

// FuzzParseParts: parsing never panics, and accepts only what AppendParts
// writes.
func FuzzParseParts(f *testing.F) {
	f.Add(AppendParts(nil, nil))
	f.Add(AppendParts(nil, []Part{{Name: "A.B", Preview: "1"}, {Name: "C\xff", Private: true}}))
	f.Add([]byte{0x82, 0x01, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		parts, err := ParseParts(b)
		if err != nil {
			return
		}
		if again := AppendParts(nil, parts); !bytes.Equal(again, b) {
			t.Errorf("%x was read as %+v, which is %x", b, parts, again)
		}
	})
}
