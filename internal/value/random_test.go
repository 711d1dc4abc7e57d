package value

import (
	"math/big"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"time"
)

// everything has a field of each shape that a clone or a comparison treats in
// its own way. Its values are plain enough for reflect.DeepEqual: no NaN, -0 or
// time.
type everything struct {
	Bool    bool
	Int8    int8
	Uint16  uint16
	Int32   int32
	Int     int
	Float32 float32
	Float64 float64
	Complex complex128
	String  string
	Bytes   []byte
	Strings []string
	Named   tags
	Array   [3]*int
	Pointer *inner
	Inners  []inner
	Deep    [][]map[string][]int
	Texts   map[string]string
	Flags   map[string]bool
	Counts  map[string]int
	Totals  map[string]int64
	Rates   map[string]float64
	ByID    map[int]*inner
	ByAddr  map[netip.Addr]inner
	ByKey   map[key]string
	Any     any
	Tree    map[string]any
	List    []any
	Keyed   map[any]any
	Stringy interface{ String() string }
	Next    *everything
	Addr    netip.Addr
	URL     *url.URL
	inner
}

type tags []string

type key struct {
	A string
	B int
}

type inner struct {
	Name  string
	Score *float64
	Rest  []inner
	own   int
}

type label struct{ Text string }

func (l *label) String() string { return l.Text }

// random returns a value of T that depends on the seed only, so that two calls
// give equal values that share nothing.
func random[T any](seed uint64) T {
	var v T
	f := filler{rand.New(rand.NewPCG(seed, seed))}
	f.fill(reflect.ValueOf(&v).Elem(), 0)
	return v
}

type filler struct{ *rand.Rand }

const deepest = 5

func (f filler) fill(v reflect.Value, depth int) {
	if f.IntN(12) == 0 || depth > deepest || !v.CanSet() {
		return
	}
	switch v.Type() {
	case reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{byte(f.IntN(4)), 1, 2, 3})))
		return
	case reflect.TypeFor[*url.URL]():
		v.Set(reflect.ValueOf(&url.URL{Host: f.text(), User: url.UserPassword(f.text(), "p")}))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.IntN(100)))
	case reflect.Uint8, reflect.Uint16:
		v.SetUint(uint64(f.IntN(100)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(f.Float64() + 1)
	case reflect.Complex128:
		v.SetComplex(complex(f.Float64()+1, f.Float64()+1))
	case reflect.String:
		v.SetString(f.text())
	default:
		f.fillReference(v, depth)
	}
}

func (f filler) text() string { return "s" + strconv.Itoa(f.IntN(50)) }

func (f filler) fillReference(v reflect.Value, depth int) {
	t := v.Type()
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		f.fill(v.Elem(), depth+1)
	case reflect.Slice:
		n := f.IntN(4)
		v.Set(reflect.MakeSlice(t, n, n+f.IntN(3)))
		f.fillElems(v, depth)
	case reflect.Array:
		f.fillElems(v, depth)
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		for range f.IntN(4) {
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			f.fillKey(k)
			f.fill(e, depth+1)
			v.SetMapIndex(k, e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i), depth+1)
		}
	case reflect.Interface:
		f.fillInterface(v, depth)
	}
}

func (f filler) fillElems(v reflect.Value, depth int) {
	for i := range v.Len() {
		f.fill(v.Index(i), depth+1)
	}
}

// fillKey makes keys that need no second look: strings in interfaces.
func (f filler) fillKey(k reflect.Value) {
	if k.Kind() == reflect.Interface {
		k.Set(reflect.ValueOf(f.text()))
		return
	}
	f.fill(k, 0)
}

func (f filler) fillInterface(v reflect.Value, depth int) {
	if v.NumMethod() > 0 {
		v.Set(reflect.ValueOf(&label{f.text()}))
		return
	}
	kinds := []any{0, "", 1.5, true, []any(nil), map[string]any(nil), inner{}, (*inner)(nil), []int(nil),
		map[string]string(nil), [2]string{}, [1]*int{}, label{}, time.Duration(0), new(big.Int)}
	of := reflect.TypeOf(kinds[f.IntN(len(kinds))])
	own := reflect.New(of).Elem()
	if of == reflect.TypeFor[*big.Int]() {
		own.Set(reflect.ValueOf(big.NewInt(f.Int64())))
	} else {
		f.fill(own, depth+1)
	}
	v.Set(own)
}

// scramble modifies everything that can be reached from v and counts what it
// modified.
func scramble(v reflect.Value, seen map[any]bool) int {
	n := 0
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return 0
		}
		seen[v.Pointer()] = true
		if x, ok := v.Interface().(*big.Int); ok {
			for i := range x.Bits() {
				x.Bits()[i]++
			}
			return 1
		}
		return scramble(v.Elem(), seen)
	case reflect.Interface:
		if v.IsNil() {
			return 0
		}
		return scramble(v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				n += scramble(v.Field(i), seen)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			n += scramble(v.Index(i), seen)
		}
	case reflect.Map:
		n += scrambleMap(v, seen)
	default:
		n += scrambleBasic(v)
	}
	return n
}

func scrambleMap(v reflect.Value, seen map[any]bool) int {
	n := 0
	for _, k := range v.MapKeys() {
		n += scramble(v.MapIndex(k), seen)
		v.SetMapIndex(k, reflect.Zero(v.Type().Elem()))
		n++
	}
	if !v.IsNil() {
		v.SetMapIndex(reflect.Zero(v.Type().Key()), reflect.Zero(v.Type().Elem()))
		n++
	}
	return n
}

func scrambleBasic(v reflect.Value) int {
	if !v.CanSet() {
		return 0
	}
	switch {
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.CanUint():
		v.SetUint(v.Uint() + 1)
	case v.CanFloat():
		v.SetFloat(v.Float() + 1)
	case v.CanComplex():
		v.SetComplex(v.Complex() + 1)
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "!")
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	}
	return 1
}
