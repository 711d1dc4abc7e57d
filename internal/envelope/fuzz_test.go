package envelope

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzOpen gives Open arbitrary bytes, as they are and with the checksum put
// right behind them, since no fuzzer would find one.
func FuzzOpen(f *testing.F) {
	const maxSize = 1 << 20
	s := newSealer(f, Options{MaxSize: maxSize})
	again := newSealer(f, Options{MaxSize: maxSize, CompressAbove: -1})
	for _, c := range goldenCases() {
		sealed := golden(f, newSealer(f, c.o), c)
		f.Add(sealed, c.h.Key[:])
		f.Add(sealed[:len(sealed)-sumSize], c.h.Key[:])
		f.Add(sealed[:len(sealed)/2], c.h.Key[:])
	}
	f.Add(forge(compressionZstd, 1<<30, singleSegment(1<<30)), keyA[:])
	f.Add(forge(compressionZstd, 1<<20, window(23)), keyA[:])
	f.Add(storedLength(1<<63), keyA[:])

	f.Fuzz(func(t *testing.T, b, rawKey []byte) {
		var key [32]byte
		copy(key[:], rawKey)
		for _, sealed := range [][]byte{b, resum(bytes.Clone(b))} {
			before := bytes.Clone(sealed)
			payload, h, err := s.Open(sealed, key)
			if !bytes.Equal(before, sealed) {
				t.Fatal("Open changed the record")
			}
			if err != nil {
				if !errors.Is(err, ErrCorrupt) || payload != nil || h != (Header{}) {
					t.Fatalf("refused with %v, %d bytes, %+v", err, len(payload), h)
				}
				continue
			}
			if h.Plain != len(payload) || h.Plain > maxSize || h.Key != key {
				t.Fatalf("header %+v of a payload of %d bytes", h, len(payload))
			}
			got, _, err := again.Open(seal(t, again, h.Codec, key, payload), key)
			if err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("sealed again: %v", err)
			}
		}
	})
}
