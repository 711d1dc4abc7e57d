package canon

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// Types whose encoding the general library shares: no embedding, no
// interfaces, no pointer to what may be null, no invalid UTF-8.
type (
	plainScalars struct {
		Bool    bool
		I8      int8
		I16     int16
		I32     int32
		I64     int64
		Int     int
		U8      uint8
		U16     uint16
		U32     uint32
		U64     uint64
		F32     float32
		F64     float64
		Text    string
		Wait    time.Duration
		Z, AA   int
		A, B, C string
	}
	plainNested struct {
		Scalars *plainScalars
		List    []plainScalars
		Raw     []byte
		Sum     [4]byte
		Pair    [2]string
		Names   []string
		Floats  []float64
		Next    *plainNested
	}
	plainMaps struct {
		Text    map[string]string
		Counts  map[string]int
		Flags   map[string]bool
		Narrow  map[string]int16
		Numbers map[int64]string
		Wide    map[uint16]float32
		Set     map[string]struct{}
		Pairs   map[[2]int8]bool
		Deep    map[string]map[string][]int
		Structs map[string]plainScalars
	}
)

func sameAsLibrary[T any](t *testing.T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	values := rapid.Make[T]()
	rapid.Check(t, func(r *rapid.T) {
		v := values.Draw(r, "v")
		want, err := mode.Marshal(v)
		if err != nil {
			r.Fatal(err)
		}
		if got := encode(t, v); !bytes.Equal(got, want) {
			r.Fatalf("%#v\ngot  %x\nwant %x", v, got, want)
		}
	})
}

func TestSameAsLibrary(t *testing.T) {
	t.Run("scalars", sameAsLibrary[plainScalars])
	t.Run("nested", sameAsLibrary[plainNested])
	t.Run("maps", sameAsLibrary[plainMaps])
	t.Run("list", sameAsLibrary[[]map[int8][]string])
}

// TestFloatsSameAsLibrary draws bit patterns: random floats are hardly ever
// short, special or subnormal.
func TestFloatsSameAsLibrary(t *testing.T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	check := func(r *rapid.T, f float64) {
		want, err := mode.Marshal(f)
		if err != nil {
			r.Fatal(err)
		}
		if got := appendFloat(nil, f); !bytes.Equal(got, want) {
			r.Fatalf("%x: got %x, want %x", math.Float64bits(f), got, want)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		check(r, math.Float64frombits(rapid.Uint64().Draw(r, "bits")))
		check(r, float64(math.Float32frombits(rapid.Uint32().Draw(r, "bits32"))))
		small := math.Ldexp(float64(rapid.IntRange(-4096, 4096).Draw(r, "mantissa")), rapid.IntRange(-40, 10).Draw(r, "exponent"))
		check(r, small)
	})
}

// TestPartsAgreeWithBytes: two values differ in a part exactly if their
// encodings differ.
func TestPartsAgreeWithBytes(t *testing.T) {
	type input struct {
		Name   *string
		Labels map[string]string
		Inner  *struct {
			A []int
			B map[int8]bool
		}
		Any any
		N   int8
	}
	e := mustCompile[input](t)
	values := rapid.Custom(func(r *rapid.T) input {
		small := rapid.IntRange(0, 2)
		in := input{N: int8(small.Draw(r, "n"))}
		in.Labels = rapid.SampledFrom([]map[string]string{nil, {}, {"a": "x"}, {"a": "y"}, {"b": "x"}}).Draw(r, "labels")
		in.Name = rapid.SampledFrom([]*string{nil, ptr(""), ptr("n")}).Draw(r, "name")
		in.Any = rapid.SampledFrom([]any{nil, 1, int8(1), "1", []int{1}}).Draw(r, "any")
		if rapid.Bool().Draw(r, "inner") {
			in.Inner = &struct {
				A []int
				B map[int8]bool
			}{A: rapid.SampledFrom([][]int{nil, {}, {1}}).Draw(r, "a"), B: rapid.SampledFrom([]map[int8]bool{nil, {}, {1: true}}).Draw(r, "b")}
		}
		return in
	})
	rapid.Check(t, func(r *rapid.T) {
		a, b := values.Draw(r, "a"), values.Draw(r, "b")
		same := bytes.Equal(encode(t, a), encode(t, b))
		diff := Diff(parts(t, e, &a), parts(t, e, &b))
		if same != (len(diff) == 0) {
			r.Fatalf("equal bytes: %v, differences: %+v", same, diff)
		}
	})
}
