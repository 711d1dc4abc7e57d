package canon

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"reflect"
	"testing"
	"unsafe"

	"github.com/fxamacker/cbor/v2"
)

type smallInput struct {
	Name string
	N    int
	Deep bool
}

// complexInput encodes to about 240 bytes.
type complexInput struct {
	Path   string
	Labels []string
	Limit  int
	Env    map[string]string
}

var (
	smallValue   = smallInput{"alpha/beta", 1234, true}
	complexValue = complexInput{
		Path:   "github.com/example/project/internal/parser/testdata/input.go",
		Labels: []string{"production", "eu-west-1", "canary", "build-2041"},
		Limit:  250_000,
		Env:    map[string]string{"GOOS": "linux", "GOARCH": "amd64", "CGO_ENABLED": "0", "GOFLAGS": "-trimpath -mod=readonly"},
	}
)

func mustCompile[T any](t testing.TB) *Encoder {
	t.Helper()
	e, err := Compile(reflect.TypeFor[T](), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// allocations counts what encoding v from the stack costs.
func allocations[T any](t *testing.T, v T) float64 {
	e := mustCompile[T](t)
	buf := make([]byte, 0, 1024)
	ctx := t.Context()
	return testing.AllocsPerRun(200, func() {
		in := v
		var err error
		if buf, err = e.Append(ctx, buf[:0], unsafe.Pointer(&in)); err != nil {
			t.Error(err)
		}
	})
}

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("pools drop at random under the race detector")
	}
	for name, n := range map[string]float64{
		"small":   allocations(t, smallValue),
		"complex": allocations(t, complexValue),
		"nested": allocations(t, struct {
			P *smallInput
			L []smallInput
		}{&smallValue, []smallInput{smallValue, smallValue}}),
		"int map":     allocations(t, map[int]string{1: "a", 2: "b", 3: "c"}),
		"struct map":  allocations(t, map[string]smallInput{"a": smallValue, "b": smallValue}),
		"set":         allocations(t, map[string]struct{}{"a": {}, "b": {}, "c": {}}),
		"nested maps": allocations(t, map[string]map[string]int{"a": {"x": 1, "y": 2}, "b": {"z": 3}}),
		"floats":      allocations(t, []float64{1, 2.5, 1e300}),
		"tree":        allocations(t, tree{Name: "a", Kids: []*tree{{Name: "b"}, {Name: "c"}}}),
	} {
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

type tree struct {
	Name string
	Kids []*tree
}

func benchmarkAppend[T any](b *testing.B, v T) {
	e := mustCompile[T](b)
	ctx := context.Background()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = e.Append(ctx, buf[:0], unsafe.Pointer(&v))
	}
}

func benchmarkAppendSHA256[T any](b *testing.B, v T) {
	e := mustCompile[T](b)
	ctx := context.Background()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = e.Append(ctx, buf[:0], unsafe.Pointer(&v))
		sum = sha256.Sum256(buf)
	}
}

var sum [32]byte

func benchmarkJSON[T any](b *testing.B, v T) {
	b.ReportAllocs()
	for b.Loop() {
		buf, _ := json.Marshal(&v)
		sum = sha256.Sum256(buf)
	}
}

func benchmarkFxamacker[T any](b *testing.B, v T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		buf, _ := mode.Marshal(&v)
		sum = sha256.Sum256(buf)
	}
}

func BenchmarkAppendSmall(b *testing.B)         { benchmarkAppend(b, smallValue) }
func BenchmarkAppendSmallSHA256(b *testing.B)   { benchmarkAppendSHA256(b, smallValue) }
func BenchmarkJSONSmallSHA256(b *testing.B)     { benchmarkJSON(b, smallValue) }
func BenchmarkCoreDetSmallSHA256(b *testing.B)  { benchmarkFxamacker(b, smallValue) }
func BenchmarkAppendComplex(b *testing.B)       { benchmarkAppend(b, complexValue) }
func BenchmarkAppendComplexSHA256(b *testing.B) { benchmarkAppendSHA256(b, complexValue) }
func BenchmarkJSONComplexSHA256(b *testing.B)   { benchmarkJSON(b, complexValue) }
func BenchmarkCoreDetComplexSHA256(b *testing.B) {
	benchmarkFxamacker(b, complexValue)
}
