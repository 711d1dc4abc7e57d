package canon

import (
	"encoding/hex"
	"reflect"
	"testing"
	"time"
)

func TestFingerprintsDiffer(t *testing.T) {
	type named struct{ A int }
	type cell struct {
		V    int
		Next *cell
	}
	types := []reflect.Type{
		nil,
		reflect.TypeFor[int](),
		reflect.TypeFor[int64](),
		reflect.TypeFor[uint](),
		reflect.TypeFor[time.Duration](),
		reflect.TypeFor[time.Time](),
		reflect.TypeFor[string](),
		reflect.TypeFor[any](),
		reflect.TypeFor[error](),
		reflect.TypeFor[func()](),
		reflect.TypeFor[func(int)](),
		reflect.TypeFor[func() int](),
		reflect.TypeFor[func([]int)](),
		reflect.TypeFor[func(...int)](),
		reflect.TypeFor[chan int](),
		reflect.TypeFor[<-chan int](),
		reflect.TypeFor[[]int](),
		reflect.TypeFor[*int](),
		reflect.TypeFor[[2]int](),
		reflect.TypeFor[[3]int](),
		reflect.TypeFor[map[int]string](),
		reflect.TypeFor[map[string]int](),
		reflect.TypeFor[struct{ A int }](),
		reflect.TypeFor[struct{ A int64 }](),
		reflect.TypeFor[struct{ B int }](),
		reflect.TypeFor[struct{ A, B int }](),
		reflect.TypeFor[struct{ B, A int }](),
		reflect.TypeFor[struct {
			A int `json:"a"`
		}](),
		reflect.TypeFor[struct {
			A int
			b int
		}](),
		reflect.TypeFor[named](),
		reflect.TypeFor[struct{ named }](),
		reflect.TypeFor[struct{ named named }](),
		reflect.TypeFor[cell](),
		reflect.TypeFor[*cell](),
		reflect.TypeFor[[]struct{ X []struct{ Y *int } }](),
		reflect.TypeFor[[]struct{ X []struct{ Y *int8 } }](),
		reflect.TypeFor[generic[int]](),
		reflect.TypeFor[generic[string]](),
		reflect.TypeFor[interface{ M(int) }](),
		reflect.TypeFor[interface{ M(string) }](),
	}
	seen := map[[32]byte]reflect.Type{}
	for _, typ := range types {
		fp := Fingerprint(typ)
		if other, ok := seen[fp]; ok {
			t.Errorf("%v and %v have the same fingerprint", other, typ)
		}
		seen[fp] = typ
		if Fingerprint(typ) != fp {
			t.Errorf("%v: the second fingerprint is another", typ)
		}
	}
}

// Two types of one name, as before and after an edit.
func before() reflect.Type {
	type T struct {
		A   int
		Sub []struct{ X int }
	}
	return reflect.TypeFor[T]()
}

func after() reflect.Type {
	type T struct {
		A   int
		Sub []struct{ X, Y int }
	}
	return reflect.TypeFor[T]()
}

func again() reflect.Type {
	type T struct {
		A   int
		Sub []struct{ X int }
	}
	return reflect.TypeFor[T]()
}

func TestFingerprintSeesEdits(t *testing.T) {
	if before().String() != after().String() {
		t.Fatal("the types are meant to have one name")
	}
	if Fingerprint(before()) == Fingerprint(after()) {
		t.Error("a new field deep in the type does not count")
	}
	if Fingerprint(before()) != Fingerprint(again()) {
		t.Error("equal structure, other fingerprint")
	}
}

// TestFingerprintPinned: another value here changes every key.
func TestFingerprintPinned(t *testing.T) {
	type cell struct {
		V     int `json:"v"`
		Next  *cell
		Since time.Time
		Any   map[string]any
	}
	fp := Fingerprint(reflect.TypeFor[cell]())
	const want = "493b2fb5de6ad7f2e192ad090100d7705c8b26fffa1d69a37a8a358a6ae7030e"
	if got := hex.EncodeToString(fp[:]); got != want {
		t.Errorf("fingerprint %s, pinned %s", got, want)
	}
}

func TestTypeName(t *testing.T) {
	const here = "github.com/reprise-go/reprise/internal/canon."
	for want, typ := range map[string]reflect.Type{
		"int":                            reflect.TypeFor[int](),
		"time.Duration":                  reflect.TypeFor[time.Duration](),
		"map[string][]*" + here + "ring": reflect.TypeFor[map[string][]*ring](),
		"[2]chan " + here + "ring":       reflect.TypeFor[[2]chan ring](),
		"func(int, []string...) (error)": reflect.TypeFor[func(int, ...string) error](),
		"interface { M(time.Time) }":     reflect.TypeFor[interface{ M(time.Time) }](),
		"struct{A int \"json:\\\"a\\\"\"; embed Inner " + here + "Inner}": reflect.TypeFor[struct {
			A int `json:"a"`
			Inner
		}](),
	} {
		if got := typeName(typ); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
