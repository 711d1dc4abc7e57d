package envelope

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
)

// BenchmarkOpen is to be read beside BenchmarkSHA256, its floor.
func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("plain/%dKiB", size>>10), func(b *testing.B) { benchOpen(b, Options{CompressAbove: -1}, size) })
	}
	b.Run("signed/1KiB", func(b *testing.B) { benchOpen(b, Options{CompressAbove: -1, MAC: secret}, 1<<10) })
	for _, size := range []int{1 << 10, 4 << 10, 16 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("zstd/%dKiB", size>>10), func(b *testing.B) { benchOpen(b, Options{CompressAbove: 1}, size) })
	}
}

func benchOpen(b *testing.B, o Options, size int) {
	s := newSealer(b, o)
	sealed := seal(b, s, "json", keyA, jsonLike(size))
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Open(sealed, keyA); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSHA256(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			data := jsonLike(size)
			var sum [32]byte
			b.SetBytes(int64(size))
			for b.Loop() {
				sum = sha256.Sum256(data)
			}
			_ = sum
		})
	}
}

func BenchmarkSeal(b *testing.B) {
	for name, o := range map[string]Options{"plain": {CompressAbove: -1}, "zstd": {CompressAbove: 1}} {
		for _, size := range []int{1 << 10, 16 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", name, size>>10), func(b *testing.B) {
				s := newSealer(b, o)
				payload := jsonLike(size)
				var dst []byte
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if dst, err = s.Seal(dst[:0], Header{Codec: "json", Key: keyA}, payload); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(size)/float64(len(dst)), "ratio")
			})
		}
	}
}

// jsonLike is text that compresses as real results do: names recur, the
// numbers do not.
func jsonLike(size int) []byte {
	var out bytes.Buffer
	for digits := noise(size); out.Len() < size; digits = digits[4:] {
		fmt.Fprintf(&out, `{"package":"p%d","identifiers":%d,"exported":%d,"ok":true},`, digits[0], int(digits[1])<<8|int(digits[2]), digits[3])
	}
	return out.Bytes()[:size]
}
