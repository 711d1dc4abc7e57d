package value

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

type record struct {
	ID     int
	Name   string
	Score  float64
	Labels []string
	Attrs  map[string]string
	Parent *record
}

func records(n int) []record {
	rs := make([]record, n)
	for i := range rs {
		rs[i] = record{i, fmt.Sprint("name", i), float64(i), []string{"a", "b", "c"},
			map[string]string{"k": "v", "l": "w"}, &record{ID: i}}
	}
	return rs
}

func document() map[string]any {
	d := map[string]any{}
	for i := range 50 {
		d[fmt.Sprint("key", i)] = map[string]any{"id": float64(i), "tags": []any{"a", "b"}, "on": true}
	}
	return d
}

func benchmarkEqual[T any](b *testing.B, x, y T) {
	b.Run("value", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if path, ok := Equal(x, y); !ok {
				b.Fatal(path)
			}
		}
	})
	b.Run("DeepEqual", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !reflect.DeepEqual(x, y) {
				b.Fatal("differ")
			}
		}
	})
}

func BenchmarkEqual(b *testing.B) {
	type small struct {
		ID   int
		Name string
		X, Y float64
	}
	b.Run("struct", func(b *testing.B) { benchmarkEqual(b, small{1, "n", 1, 2}, small{1, "n", 1, 2}) })
	b.Run("100records", func(b *testing.B) { benchmarkEqual(b, records(100), records(100)) })
	b.Run("document", func(b *testing.B) { benchmarkEqual(b, document(), document()) })
	b.Run("1000floats", func(b *testing.B) { benchmarkEqual(b, make([]float64, 1000), make([]float64, 1000)) })
}

func benchmarkClone[T any](b *testing.B, v T) {
	b.Run("value", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := Clone(v); !ok {
				b.Fatal("not cloneable")
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			text, err := json.Marshal(v)
			if err != nil {
				b.Fatal(err)
			}
			var c T
			if err := json.Unmarshal(text, &c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkClone(b *testing.B) {
	b.Run("100records", func(b *testing.B) { benchmarkClone(b, records(100)) })
	b.Run("document", func(b *testing.B) { benchmarkClone(b, document()) })
	b.Run("1000floats", func(b *testing.B) { benchmarkClone(b, make([]float64, 1000)) })
}

func BenchmarkSizeOf(b *testing.B) {
	rs, doc := records(100), document()
	b.Run("100records", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			SizeOf(rs)
		}
	})
	b.Run("document", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			SizeOf(doc)
		}
	})
}
