package canon

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

func TestCompileRefuses(t *testing.T) {
	type nested struct{ Q struct{ Handler func() } }
	for name, c := range map[string]struct {
		typ    reflect.Type
		path   string
		reason string
	}{
		"func":            {reflect.TypeFor[func()](), "", "functions cannot be compared"},
		"func field":      {reflect.TypeFor[nested](), "Q.Handler", "functions cannot be compared"},
		"channel":         {reflect.TypeFor[struct{ C chan int }](), "C", "a channel has no value"},
		"unsafe.Pointer":  {reflect.TypeFor[struct{ P unsafe.Pointer }](), "P", "an address means nothing"},
		"uintptr":         {reflect.TypeFor[[]uintptr](), "", "an address means nothing"},
		"mutex":           {reflect.TypeFor[struct{ Mu sync.Mutex }](), "Mu", "it synchronises goroutines"},
		"atomic":          {reflect.TypeFor[struct{ N atomic.Int64 }](), "N", "it synchronises goroutines"},
		"wait group":      {reflect.TypeFor[*sync.WaitGroup](), "", "it synchronises goroutines"},
		"unexported":      {reflect.TypeFor[struct{ A struct{ b int } }](), "A", "unexported field b would be lost"},
		"unexported top":  {reflect.TypeFor[struct{ b int }](), "b", "unexported field b would be lost"},
		"location":        {reflect.TypeFor[time.Location](), "name", "unexported field name would be lost"},
		"pointer key":     {reflect.TypeFor[struct{ M map[*int]bool }](), "M", "by address, not by value"},
		"pointer in key":  {reflect.TypeFor[map[struct{ P *int }]bool](), "", "by address, not by value"},
		"func in element": {reflect.TypeFor[struct{ L []map[string]*func() }](), "L", "functions cannot be compared"},
		"unknown tag": {reflect.TypeFor[struct {
			A int `reprise:"ingore"`
		}](), "A", "unknown tag"},
		"no type": {nil, "", "no type"},
	} {
		_, err := Compile(c.typ, Options{})
		var u *UnkeyableError
		if !errors.As(err, &u) || !errors.Is(err, ErrUnkeyable) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if u.Path != c.path || !strings.Contains(u.Reason, c.reason) {
			t.Errorf("%s: path %q, %s", name, u.Path, u.Reason)
		}
	}
}

func TestUnkeyableErrorNamesTheWaysOut(t *testing.T) {
	_, err := Compile(reflect.TypeFor[struct{ Q struct{ Handler func() } }](), Options{})
	for _, want := range []string{"canon: field Q.Handler", "func()", `ignore the field ("Q.Handler")`, "CacheKeyer", "KeyFunc"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %s", err, want)
		}
	}
}

func TestIgnoredFieldsNeedNotBeKeyable(t *testing.T) {
	type input struct {
		N    int
		Log  func(string)
		mu   sync.Mutex
		hook func()   `reprise:"ignore"`
		Ch   chan int `reprise:"ignore,private"`
		_    func()
		none struct{}
	}
	in := input{N: 1}
	_, _, _ = &in.mu, in.hook, in.none
	e, err := Compile(reflect.TypeFor[input](), Options{Ignore: []string{"Log", "mu"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Append(t.Context(), nil, unsafe.Pointer(&in))
	if err != nil {
		t.Fatal(err)
	}
	if want := encode(t, struct{ N int }{1}); string(got) != string(want) {
		t.Errorf("ignored fields left a trace: %x, want %x", got, want)
	}
}

func TestAppendRefuses(t *testing.T) {
	type holder struct {
		Items []any
		Named map[string]any
	}
	for name, c := range map[string]struct {
		in   holder
		path string
	}{
		"func in slice":   {holder{Items: []any{1, func() {}}}, "Items[1]"},
		"struct in slice": {holder{Items: []any{struct{ F struct{ C chan int } }{}}}, "Items[0].F.C"},
		"func in map":     {holder{Named: map[string]any{"a]b": func() {}}}, `Named["a]b"]`},
		"pointer key":     {holder{Items: []any{map[any]int{ptr(1): 1}}}, "Items[0][1]"},
		"error value":     {holder{Items: []any{errors.New("x")}}, "Items[0].s"},
	} {
		got, err := tryEncode(t, c.in)
		var u *UnkeyableError
		if !errors.As(err, &u) || got != nil {
			t.Errorf("%s: %x, %v", name, got, err)
			continue
		}
		if u.Path != c.path {
			t.Errorf("%s: path %q, want %q", name, u.Path, c.path)
		}
	}
	_, err := tryEncode(t, holder{Named: map[string]any{"a]b": func() {}}})
	if !strings.Contains(err.Error(), `ignore the field ("Named")`) {
		t.Errorf("%q does not say which field to ignore", err)
	}
}

func TestErrorReturnsDstAsItWas(t *testing.T) {
	in := struct {
		A string
		B any
	}{"a long string that was appended already", func() {}}
	e := mustCompile[struct {
		A string
		B any
	}](t)
	dst := append(make([]byte, 0, 100), "before"...)
	got, err := e.Append(t.Context(), dst, unsafe.Pointer(&in))
	if err == nil || string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
}

type ring struct {
	Name string
	Next *ring
}

type loop []loop

type maze map[string]maze

func TestCyclesAreErrors(t *testing.T) {
	r := &ring{Name: "a"}
	r.Next = &ring{Name: "b", Next: r}
	l := loop{nil}
	l[0] = l
	m := maze{}
	m["x"] = m
	anys := []any{nil}
	anys[0] = anys
	named := map[string]any{}
	named["x"] = []any{named}
	var self any
	self = &self
	for name, v := range map[string]any{"pointer": r, "slice": l, "map": m, "any slice": anys, "any map": named, "any pointer": self} {
		_, err := AppendAny(t.Context(), nil, v)
		var u *UnkeyableError
		if !errors.As(err, &u) || u.Reason != "contains itself" {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	if _, err := tryEncode(t, r); !errors.Is(err, ErrUnkeyable) {
		t.Errorf("static type: %.300v", err)
	}
}

// TestSharedIsNoCycle: the same value may be reached on several ways, also far
// down where cycles are looked for.
func TestSharedIsNoCycle(t *testing.T) {
	leaf := &tree{Name: "leaf"}
	deep := &tree{Name: "deep", Kids: []*tree{leaf, leaf}}
	for range 200 {
		deep = &tree{Kids: []*tree{deep, leaf}}
	}
	encode(t, deep)

	type list []list
	all := list{nil, nil, nil}
	all[2] = all[:1]
	nest := all
	for range 200 {
		nest = list{nest}
	}
	encode(t, nest)
}

func TestDepthIsBounded(t *testing.T) {
	var top *ring
	for range maxDepth / 2 {
		top = &ring{Next: top}
	}
	encode(t, top)
	for range maxDepth {
		top = &ring{Next: top}
	}
	_, err := tryEncode(t, top)
	if !errors.Is(err, ErrUnkeyable) || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("%.200v", err)
	}
}

type endless struct{ N int }

func (e endless) CacheKey() (any, error) { return endless{e.N + 1}, nil }

type failing struct{ err error }

func (f *failing) CacheKey() (any, error)       { return nil, f.err }
func (f *failing) MarshalText() ([]byte, error) { return nil, f.err }

type failingText struct{ err error }

func (f failingText) MarshalText() ([]byte, error) { return nil, f.err }

func TestErrorsOfMethods(t *testing.T) {
	want := errors.New("no identity")
	for name, err := range map[string]error{
		"cache key": func() error { _, err := tryEncode(t, struct{ A *failing }{&failing{want}}); return err }(),
		"marshaler": func() error { _, err := tryEncode(t, struct{ A []failingText }{[]failingText{{want}}}); return err }(),
	} {
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "canon: field A") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := tryEncode(t, endless{}); !errors.Is(err, ErrUnkeyable) {
		t.Errorf("a CacheKey without end: %.200v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	e, in := mustCompile[partsInput](t), sampleInput()
	in.Repo = map[int]any{1: "a", 2: []string{"b"}}
	want, err := e.Append(t.Context(), nil, unsafe.Pointer(&in))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				got, err := e.Append(context.Background(), nil, unsafe.Pointer(&in))
				if err != nil || string(got) != string(want) {
					t.Errorf("%x, %v", got, err)
					return
				}
				if _, err := e.Parts(context.Background(), unsafe.Pointer(&in)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestStackValues encodes values that live on stacks which grow and shrink
// while the collector runs.
func TestStackValues(t *testing.T) {
	e := mustCompile[partsInput](t)
	want := string(encode(t, sampleInput()))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 100 {
				if got := deepEncode(e, i%20); got != want {
					t.Errorf("%x", got)
				}
			}
		})
	}
	wg.Wait()
}

//go:noinline
func deepEncode(e *Encoder, depth int) string {
	var pad [512]byte
	if depth > 0 {
		s := deepEncode(e, depth-1)
		pad[0] = s[0]
		return string(pad[:1]) + s[1:]
	}
	in := sampleInput()
	b, err := e.Append(context.Background(), nil, unsafe.Pointer(&in))
	if err != nil {
		return err.Error() + "."
	}
	return string(b)
}
