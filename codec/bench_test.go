package codec_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/reprise-go/reprise/codec"
)

type row50 struct {
	ID     int
	Name   string
	Score  float64
	Labels []string
	Attrs  map[string]string
}

func rows50() []row50 {
	rs := make([]row50, 50)
	for i := range rs {
		rs[i] = row50{i, fmt.Sprint("name", i), float64(i) / 3, []string{"a", "b"}, map[string]string{"k": "v"}}
	}
	return rs
}

func times50() []time.Time {
	ts := make([]time.Time, 50)
	for i := range ts {
		ts[i] = time.Unix(int64(i), 5).UTC()
	}
	return ts
}

func benchmark[T any](b *testing.B, c codec.Codec[T], v T) {
	encoded, err := c.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 2*len(encoded))
		for b.Loop() {
			if _, err := c.Append(buf, v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Decode(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The libraries as they come, for comparison.
func bareJSON[T any]() codec.Codec[T] {
	return codec.Func("bare", func(v T) ([]byte, error) { return json.Marshal(v) },
		func(b []byte) (v T, err error) { err = json.Unmarshal(b, &v); return })
}

func bareCBOR[T any]() codec.Codec[T] {
	return codec.Func("bare", func(v T) ([]byte, error) { return cbor.Marshal(v) },
		func(b []byte) (v T, err error) { err = cbor.Unmarshal(b, &v); return })
}

func BenchmarkStructs(b *testing.B) {
	b.Run("json", func(b *testing.B) { benchmark(b, codec.JSON[[]row50](), rows50()) })
	b.Run("encodingjson", func(b *testing.B) { benchmark(b, bareJSON[[]row50](), rows50()) })
	b.Run("cbor", func(b *testing.B) { benchmark(b, codec.CBOR[[]row50](), rows50()) })
	b.Run("fxamacker", func(b *testing.B) { benchmark(b, bareCBOR[[]row50](), rows50()) })
}

func BenchmarkTimes(b *testing.B) {
	b.Run("json", func(b *testing.B) { benchmark(b, codec.JSON[[]time.Time](), times50()) })
	b.Run("encodingjson", func(b *testing.B) { benchmark(b, bareJSON[[]time.Time](), times50()) })
	b.Run("cbor", func(b *testing.B) { benchmark(b, codec.CBOR[[]time.Time](), times50()) })
}

func BenchmarkBytes64K(b *testing.B) {
	v := make([]byte, 64<<10)
	b.Run("raw", func(b *testing.B) { benchmark(b, codec.Raw[[]byte](), v) })
	b.Run("cbor", func(b *testing.B) { benchmark(b, codec.CBOR[[]byte](), v) })
	b.Run("json", func(b *testing.B) { benchmark(b, codec.JSON[[]byte](), v) })
}

func BenchmarkSmall(b *testing.B) {
	type small struct {
		ID   int
		Name string
	}
	b.Run("json", func(b *testing.B) { benchmark(b, codec.JSON[small](), small{1, "n"}) })
	b.Run("encodingjson", func(b *testing.B) { benchmark(b, bareJSON[small](), small{1, "n"}) })
	b.Run("cbor", func(b *testing.B) { benchmark(b, codec.CBOR[small](), small{1, "n"}) })
}
