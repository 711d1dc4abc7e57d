package value

import (
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"regexp"
	"testing"
	"time"
	"unsafe"
)

func ptr[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

type item struct {
	Price float64
	Meta  map[string]any
}

type order struct {
	Items []item
	Meta  map[string]any
	ByID  map[int]item
	By    map[key]int
	Next  *order
	Pair  [2]string
	note  string
	hook  func()
	pipe  chan int
	_     int
}

// differ wants x and y to differ at path, "=" meaning that they do not. Both
// directions are tried.
func differ[T any](t *testing.T, x, y T, path string) {
	t.Helper()
	for range 2 {
		got, ok := Equal(x, y)
		if ok != (path == "=") || !ok && got != path {
			t.Errorf("Equal of two %T = %q, %v; want %q", x, got, ok, path)
		}
		x, y = y, x
	}
}

func TestPathOfFirstDifference(t *testing.T) {
	differ(t, 1, 1, "=")
	differ(t, 1, 2, "")
	differ(t, order{}, order{}, "=")
	differ(t, order{Items: []item{{}, {}, {}, {Price: 1}}}, order{Items: make([]item, 4)}, "Items[3].Price")
	differ(t, order{Items: make([]item, 3)}, order{Items: make([]item, 4)}, "Items")
	differ(t, order{Meta: map[string]any{"k": 1}}, order{Meta: map[string]any{"k": 2}}, `Meta["k"]`)
	differ(t, order{Meta: map[string]any{"k": 1}}, order{Meta: map[string]any{"k": 1.0}}, `Meta["k"]`)
	differ(t, order{Meta: map[string]any{"k": nil}}, order{Meta: map[string]any{"k": 1.0}}, `Meta["k"]`)
	differ(t, order{Meta: map[string]any{"k": []any{1, item{Price: 2}}}}, order{Meta: map[string]any{"k": []any{1, item{Price: 3}}}}, `Meta["k"][1].Price`)
	differ(t, order{Next: &order{Pair: [2]string{"", "x"}}}, order{Next: &order{}}, "Next.Pair[1]")
	differ(t, order{Next: &order{}}, order{}, "Next")
	differ(t, order{ByID: map[int]item{7: {Price: 1}}}, order{ByID: map[int]item{7: {Price: 2}}}, "ByID[7].Price")
	differ(t, order{By: map[key]int{{"a", 1}: 1}}, order{By: map[key]int{{"a", 1}: 2}}, "By[{a 1}]")
	differ(t, order{note: "a"}, order{note: "b"}, "note")
	differ(t, order{pipe: make(chan int)}, order{}, "pipe")
	differ(t, order{hook: func() {}}, order{}, "hook")
	f := func() {}
	differ(t, order{hook: f}, order{hook: f}, "hook") // functions have no equality
	differ(t, []byte("abc"), []byte("abd"), "[2]")
	differ(t, map[any]int{"a": 1, 2: 1}, map[any]int{"a": 1, 2: 3}, "[2]")
	if path, _ := Equal(map[string]int{"a": 1}, map[string]int{"b": 1}); path != `["a"]` {
		t.Errorf("a key that is missing: %q", path)
	}
}

func TestNilIsNotEmpty(t *testing.T) {
	differ(t, []int(nil), []int{}, "")
	differ(t, []byte(nil), []byte{}, "")
	differ(t, map[string]int(nil), map[string]int{}, "")
	differ(t, map[int]int(nil), map[int]int{}, "")
	differ(t, (*int)(nil), new(int), "")
	differ(t, any(nil), any((*int)(nil)), "")
	differ(t, error(nil), error((*failure)(nil)), "")
	differ[error](t, &failure{"a"}, &failure{"b"}, "Text")
	differ[error](t, &failure{"a"}, &failure{"a"}, "=")
}

type failure struct{ Text string }

func (f *failure) Error() string { return f.Text }

func TestNumbers(t *testing.T) {
	payload := math.Float64frombits(0x7ff8000000000123)
	negZero := math.Copysign(0, -1)
	differ(t, math.NaN(), payload, "=")
	differ(t, float32(math.NaN()), float32(payload), "=")
	differ(t, 0, negZero, "")
	differ(t, negZero, negZero, "=")
	differ(t, float32(negZero), 0, "")
	differ(t, math.Inf(1), math.Inf(-1), "")
	differ(t, complex(math.NaN(), 1), complex(payload, 1), "=")
	differ(t, complex(0, negZero), 0, "")
	differ(t, complex64(complex(0, 1)), 0, "")
	differ(t, []float64{1, math.NaN()}, []float64{1, payload}, "=")
	differ(t, uint8(1), 2, "")
	differ(t, int16(1), 2, "")
	differ(t, int32(1), 2, "")
	differ(t, true, false, "")
}

func TestKnownTypes(t *testing.T) {
	differ(t, big.NewInt(7), big.NewInt(7), "=")
	differ(t, *big.NewInt(0), big.Int{}, "=")
	differ(t, big.NewInt(7), big.NewInt(8), "")
	differ(t, big.NewRat(1, 2), big.NewRat(2, 4), "=")
	differ(t, big.NewRat(1, 2), big.NewRat(1, 3), "")
	differ(t, big.NewFloat(1), big.NewFloat(1), "=")
	differ(t, big.NewFloat(1), big.NewFloat(1).SetPrec(20), "")
	differ(t, regexp.MustCompile("a+"), regexp.MustCompile("a+"), "=")
	differ(t, regexp.MustCompile("a+"), regexp.MustCompile("b+"), "")
	longest := regexp.MustCompile("a+")
	longest.Longest()
	differ(t, regexp.MustCompile("a+"), longest, "")
	differ(t, netip.MustParseAddr("::1%eth0"), netip.MustParseAddr("::1%eth0"), "=")
	differ(t, netip.MustParseAddr("::1%eth0"), netip.MustParseAddr("::1"), "")
	differ(t, reflect.TypeFor[int](), reflect.TypeFor[int](), "=")
	differ(t, reflect.TypeFor[int](), reflect.TypeFor[string](), "")
	differ(t, time.FixedZone("A", 60), time.FixedZone("A", 60), "=")
	differ(t, time.FixedZone("A", 60), time.FixedZone("A", 120), "")
	differ(t, time.FixedZone("A", 60), time.FixedZone("B", 60), "")
}

func TestTimes(t *testing.T) {
	now := time.Now()
	differ(t, now, now.Round(0), "=") // the monotonic reading
	differ(t, now, now.Add(1), "")
	utc := time.Date(2024, 5, 6, 7, 8, 9, 10, time.UTC)
	fixed := time.FixedZone("", 7200)
	named := time.FixedZone("CEST", 7200)
	differ(t, utc, utc.In(fixed), "")
	differ(t, utc.In(fixed), utc.In(named), "")
	differ(t, utc.In(named), utc.In(time.FixedZone("CEST", 7200)), "=")
	differ(t, utc.In(named), utc.In(time.FixedZone("CEST", 3600)), "")
	differ(t, stamp(utc), stamp(utc.In(fixed)), "")
	differ(t, []time.Time{utc}, []time.Time{utc.Add(1)}, "[0]")
	_, offset := utc.Local().Zone()
	differ(t, utc.Local(), utc.In(time.FixedZone("", offset)), "=")
	differ(t, utc.Local(), utc.In(time.FixedZone("", offset+60)), "")
}

type stamp time.Time

func TestKeysThatLookupMisses(t *testing.T) {
	nan, other := math.NaN(), math.Float64frombits(0x7ff8000000000123)
	differ(t, map[float64]int{nan: 1, 2: 3}, map[float64]int{other: 1, 2: 3}, "=")
	differ(t, map[float64]int{nan: 1}, map[float64]int{nan: 2}, "[NaN]")
	differ(t, nans(1, 1, 2), nans(2, 1, 1), "=")
	differ(t, nans(1, 1, 2), nans(2, 2, 1), "[NaN]")
	a, b := 1, 1
	differ(t, map[*int]string{&a: "x"}, map[*int]string{&b: "x"}, "=")
	differ(t, map[*int]string{&a: "x"}, map[*int]string{&a: "x"}, "=")
	utc := time.Date(2024, 5, 6, 7, 8, 9, 10, time.UTC)
	here, there := time.FixedZone("Z", 3600), time.FixedZone("Z", 3600)
	differ(t, map[time.Time]int{utc.In(here): 1}, map[time.Time]int{utc.In(there): 1}, "=")
	differ(t, map[any]int{&item{}: 1}, map[any]int{&item{}: 1}, "=")
	// One side's pointer is on both sides: it must not stand in for another.
	same := &item{Price: 1}
	differ(t, map[*item]int{same: 1, {Price: 1}: 1}, map[*item]int{same: 1, {Price: 1}: 1}, "=")
	if _, ok := Equal(map[*item]int{same: 1, {Price: 1}: 1}, map[*item]int{same: 1, {Price: 2}: 1}); ok {
		t.Error("one entry was taken for two")
	}
}

func nans(elems ...int) map[float64]int {
	m := map[float64]int{}
	for _, e := range elems {
		m[math.NaN()] = e
	}
	return m
}

type ring struct {
	Next  *ring
	Value int
}

func circle(values ...int) *ring {
	nodes := make([]ring, len(values))
	for i, v := range values {
		nodes[i] = ring{&nodes[(i+1)%len(nodes)], v}
	}
	return &nodes[0]
}

func TestCyclesEnd(t *testing.T) {
	differ(t, circle(1, 2, 3), circle(1, 2, 3), "=")
	differ(t, circle(1, 1), circle(1, 1, 1), "=") // told apart by no walk along Next
	differ(t, circle(1, 2, 3), circle(1, 2, 4), "Next.Next.Value")
	x, y := map[string]any{}, map[string]any{}
	x["self"], y["self"] = x, y
	differ(t, x, y, "=")
	y["more"] = 1
	differ(t, x, y, "")
	s, u := []any{nil}, []any{nil}
	s[0], u[0] = s, u
	differ(t, s, u, "=")
	type keyed map[any]keyed
	k, l := keyed{}, keyed{}
	k[&k], l[&l] = k, l
	if _, ok := Equal(k, l); ok {
		t.Error("maps that hold themselves in their keys have no comparison")
	}
	// A shared subtree at every level: 2^60 paths, 60 nodes.
	differ(t, diamond(60), diamond(60), "=")
}

type twin struct{ A, B *twin }

func diamond(n int) *twin {
	var at *twin
	for range n {
		at = &twin{at, at}
	}
	return at
}

func TestEqualDoesNotAllocate(t *testing.T) {
	type plain struct {
		A int
		B string
		C float64
		D [3]int
		E time.Time
		F []byte
		G []string
		H map[string]int
		I *item
		J netip.Addr
	}
	x := plain{A: 1, B: "b", E: time.Now(), F: []byte("x"), G: []string{"g"}, H: map[string]int{"h": 1}}
	y := x
	y.F, y.G, y.H = []byte("x"), []string{"g"}, map[string]int{"h": 1}
	Equal(x, y)
	allocs := testing.AllocsPerRun(100, func() {
		if path, ok := Equal(x, y); !ok {
			t.Error(path)
		}
	})
	type bare struct {
		A int
		B string
		C []string
	}
	plainAllocs := testing.AllocsPerRun(100, func() {
		if path, ok := Equal(bare{1, "b", x.G}, bare{1, "b", y.G}); !ok {
			t.Error(path)
		}
	})
	if plainAllocs != 0 || allocs > 3 {
		t.Errorf("%v allocations on a plain struct, %v on one with an interface in a map of a pointer", plainAllocs, allocs)
	}
}

// The values lie on a stack that must grow while they are compared.
func TestEqualWhileTheStackGrows(t *testing.T) {
	done := make(chan bool)
	go func() {
		type deep struct {
			M map[int][]string
			A [64]string
		}
		x, y := deep{M: map[int][]string{}}, deep{M: map[int][]string{}}
		for i := range 64 {
			x.M[i], y.M[i] = []string{"v"}, []string{"v"}
			x.A[i], y.A[i] = string(rune('a'+i)), string(rune('a'+i))
		}
		_, ok := Equal(x, y)
		done <- ok
	}()
	if !<-done {
		t.Error("differ")
	}
}
