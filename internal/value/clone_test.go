package value

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"net/netip"
	"reflect"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

func TestImmutable(t *testing.T) {
	for typ, want := range map[reflect.Type]bool{
		reflect.TypeFor[int]():                true,
		reflect.TypeFor[complex64]():          true,
		reflect.TypeFor[string]():             true,
		reflect.TypeFor[key]():                true,
		reflect.TypeFor[[3]key]():             true,
		reflect.TypeFor[[0]func()]():          true,
		reflect.TypeFor[struct{}]():           true,
		reflect.TypeFor[time.Time]():          true,
		reflect.TypeFor[stamp]():              true,
		reflect.TypeFor[*time.Location]():     true,
		reflect.TypeFor[netip.Addr]():         true,
		reflect.TypeFor[netip.Prefix]():       true,
		reflect.TypeFor[uintptr]():            true,
		reflect.TypeFor[*int]():               false,
		reflect.TypeFor[[]int]():              false,
		reflect.TypeFor[map[int]int]():        false,
		reflect.TypeFor[any]():                false,
		reflect.TypeFor[func()]():             false,
		reflect.TypeFor[chan int]():           false,
		reflect.TypeFor[unsafe.Pointer]():     false,
		reflect.TypeFor[big.Int]():            false,
		reflect.TypeFor[sync.Mutex]():         false,
		reflect.TypeFor[atomic.Int64]():       false,
		reflect.TypeFor[struct{ B []byte }](): false,
		reflect.TypeFor[struct {
			sync.Mutex
			N int
		}](): false,
	} {
		if got := Immutable(typ); got != want {
			t.Errorf("Immutable(%s) = %v", typ, got)
		}
	}
}

func uncloneable[T any](t *testing.T, v T) {
	t.Helper()
	got, ok := Clone(v)
	if ok || !reflect.ValueOf(&got).Elem().IsZero() {
		t.Errorf("Clone(%T) = %v, %v; want the zero value and false", v, got, ok)
	}
}

func TestWhatCannotBeCopied(t *testing.T) {
	type hidden struct{ list []int }
	type guarded struct {
		sync.Mutex
		N []int
	}
	uncloneable(t, make(chan int))
	uncloneable(t, func() {})
	uncloneable(t, unsafe.Pointer(new(int)))
	uncloneable(t, hidden{[]int{1}})
	uncloneable(t, []hidden{{}})
	uncloneable(t, map[string]*hidden{})
	uncloneable(t, &guarded{})
	uncloneable(t, &sync.Map{})
	uncloneable(t, map[*int]int{})
	// What only the value shows.
	uncloneable(t, any(func() {}))
	uncloneable(t, []any{1, hidden{[]int{1}}})
	uncloneable(t, map[any]int{new(int): 1})
	uncloneable[error](t, &failedIn{errors.New("inner")})
	clone, ok := CompileClone(reflect.TypeFor[[]any]())
	src, dst := []any{1, func() {}}, []any{2}
	if !ok || clone(ptr(&dst), ptr(&src)) || dst != nil {
		t.Errorf("a Cloner took a function in an interface, and left %v", dst)
	}
	if _, ok := CompileClone(reflect.TypeFor[hidden]()); ok {
		t.Error("CompileClone took a type with hidden references")
	}
}

type failedIn struct{ cause error }

func (f *failedIn) Error() string { return f.cause.Error() }

func TestCloneKeepsShape(t *testing.T) {
	shared := &item{Price: 1}
	type doc struct {
		A, B  any
		List  []any
		Again []any
		Self  map[string]any
	}
	list := []any{1, 2}
	v := doc{A: &shared, List: list, Again: list, Self: map[string]any{}}
	v.B = v.A
	v.Self["self"] = v.Self
	c, ok := Clone(v)
	if !ok {
		t.Fatal("not cloneable")
	}
	c.Self["new"], c.List[0] = 1, 9
	if again := c.Self["self"].(map[string]any); again["new"] != 1 || len(v.Self) != 1 {
		t.Error("a map that holds itself became two")
	}
	if c.Again[0] != 9 || list[0] != 1 {
		t.Error("a slice that occurs twice became two, or is still shared")
	}
	r := circle(1, 2, 3)
	if c, ok := Clone(r); !ok || c == r || c.Next.Next.Next != c {
		t.Error("a ring did not stay a ring of its own")
	}
	d, ok := Clone(diamond(60))
	if !ok || d.A != d.B {
		t.Error("a shared subtree became two")
	}
}

func TestCloneKeepsNilAndEmpty(t *testing.T) {
	type both struct {
		NilS, S []string
		NilB, B []byte
		NilM, M map[string]int
		NilR, R map[int]int
		P       *int
		I       any
		Room    []int
	}
	v := both{S: []string{}, B: []byte{}, M: map[string]int{}, R: map[int]int{}, Room: make([]int, 1, 9)}
	c, ok := Clone(v)
	if path, same := Equal(c, v); !ok || !same {
		t.Errorf("differs at %s", path)
	}
	if cap(c.Room) != 1 {
		t.Errorf("capacity %d: what lies beyond the length was copied", cap(c.Room))
	}
}

func TestCloneKnownTypes(t *testing.T) {
	type numbers struct {
		I  *big.Int
		R  big.Rat
		F  *big.Float
		Re *regexp.Regexp
		E  error
	}
	v := numbers{big.NewInt(7), *big.NewRat(1, 3), big.NewFloat(1.5).SetPrec(70), regexp.MustCompile("a|ab"), io.EOF}
	c, ok := Clone(v)
	if path, same := Equal(c, v); !ok || !same {
		t.Fatalf("%v, differs at %s", ok, path)
	}
	if c.E != io.EOF {
		t.Error("a sentinel error lost its identity")
	}
	c.I.Add(c.I, c.I)
	c.R.Num().Bits()[0]++
	c.F.Add(c.F, c.F)
	c.Re.Longest()
	if v.I.Int64() != 7 || v.R.RatString() != "1/3" || v.F.String() != "1.5" || v.Re.FindString("ab") != "a" {
		t.Errorf("the original changed: %v", v)
	}
	if c.Re.FindString("ab") != "ab" {
		t.Error("the copied expression does not work")
	}
}

func TestCloneOfPlainTypeIsAssignment(t *testing.T) {
	now := time.Now()
	clone, ok := CompileClone(reflect.TypeFor[time.Time]())
	var dst time.Time
	if !ok || !clone(ptr(&dst), ptr(&now)) || dst != now {
		t.Error("time.Time was not copied")
	}
	if allocs := testing.AllocsPerRun(100, func() { Clone(now) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestConcurrentUse(t *testing.T) {
	type local struct {
		Next *local
		M    map[string][]local
	}
	v := local{M: map[string][]local{"k": {{Next: &local{}}}}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c, ok := Clone(v)
			if path, same := Equal(c, v); !ok || !same || SizeOf(c) != SizeOf(v) {
				t.Errorf("differs at %s", path)
			}
		})
	}
	wg.Wait()
}

func TestSizeOf(t *testing.T) {
	word := int64(unsafe.Sizeof(uintptr(0)))
	check := func(name string, got, low, high int64) {
		t.Helper()
		if got < low || got > high {
			t.Errorf("%s: %d bytes, want %d to %d", name, got, low, high)
		}
	}
	check("int64", SizeOf(int64(1)), 8, 8)
	check("string", SizeOf("hello"), 2*word+5, 2*word+5)
	check("bytes", SizeOf(make([]byte, 10, 100)), 3*word+100, 3*word+100)
	check("time", SizeOf(time.Now()), 24, 24)
	check("pointer", SizeOf(&[4]int64{}), word+32, word+32)
	check("nil", SizeOf[*int](nil), word, word)
	check("array", SizeOf([2]string{"ab", "c"}), 4*word+3, 4*word+3)
	check("any", SizeOf[any](int64(1)), 2*word+8, 2*word+8)
	check("any pointer", SizeOf[any](new(int64)), 2*word+8, 2*word+8)
	check("nil any", SizeOf[any](nil), 2*word, 2*word)
	check("big", SizeOf(big.NewInt(1).Lsh(big.NewInt(1), 8000)), 1000, 1100)
	check("map", SizeOf(map[int64]int64{1: 1, 2: 2}), word+32, word+100)
	check("nil map", SizeOf(map[int64]int64(nil)), word, word)
	many := make([]string, 100_000)
	for i := range many {
		many[i] = string(bytes.Repeat([]byte("x"), 10))
	}
	check("sampled slice", SizeOf(many), 26*100_000, 26*100_000+3*word)
	texts := map[string]string{}
	for i := range 10_000 {
		texts[string(binary(i))] = "0123456789"
	}
	check("sampled map", SizeOf(texts), 50*10_000, 60*10_000)
	check("ring", SizeOf(circle(1, 2, 3)), word+3*16, word+3*16)
	check("diamond", SizeOf(diamond(60)), word+60*16, word+60*16)
	var long *ring
	for range 1_000_000 {
		long = &ring{Next: long}
	}
	check("long list", SizeOf(long), maxWalk*16, maxWalk*16+64)
	check("everything", SizeOf(random[everything](1)), int64(reflect.TypeFor[everything]().Size()), 1<<20)
}

func binary(i int) []byte { return []byte{byte(i), byte(i >> 8), 0, 0} }
