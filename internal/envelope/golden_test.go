package envelope

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The golden files pin format version 1: they must open for as long as this
// package reads it. So the flag makes files that are missing and changes none.
var addGolden = flag.Bool("add-golden", false, "write golden files that do not exist yet")

type goldenCase struct {
	file    string
	o       Options
	h       Header
	payload []byte
}

func goldenCases() []goldenCase {
	var key [32]byte
	for i := range key {
		key[i] = byte(i)
	}
	json := []byte(`{"answer":42}`)
	mac := []byte("golden secret, not used elsewhere")
	return []goldenCase{
		{"v1-empty.bin", Options{}, Header{Key: key}, []byte{}},
		{"v1-plain.bin", Options{}, Header{Codec: "json", Key: key}, json},
		{"v1-signed.bin", Options{MAC: mac}, Header{Codec: "json", Key: key}, json},
		{"v1-zstd.bin", Options{CompressAbove: 1}, Header{Codec: "json", Key: key}, text(3000)},
		{"v1-zstd-signed.bin", Options{CompressAbove: 1, MAC: mac}, Header{Codec: "json", Key: key}, text(3000)},
	}
}

func TestGoldenFilesPinTheFormat(t *testing.T) {
	for _, c := range goldenCases() {
		t.Run(c.file, func(t *testing.T) {
			s := newSealer(t, c.o)
			sealed := golden(t, s, c)
			payload, h, err := s.Open(sealed, c.h.Key)
			if err != nil {
				t.Fatal(err)
			}
			want := Header{
				Codec: c.h.Codec, Key: c.h.Key, Plain: len(c.payload),
				Compressed: c.o.CompressAbove > 0, Signed: c.o.MAC != nil,
			}
			if diff := cmp.Diff(want, h); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(payload, c.payload) {
				t.Errorf("payload %q, want %q", payload, c.payload)
			}
			// What zstd makes of a payload may change with its version, and
			// still be the same format. The rest may not.
			if !h.Compressed && !bytes.Equal(seal(t, s, c.h.Codec, c.h.Key, c.payload), sealed) {
				t.Error("Seal now writes other bytes than the file has")
			}
		})
	}
}

func golden(t testing.TB, s *Sealer, c goldenCase) []byte {
	t.Helper()
	path := filepath.Join("testdata", "golden", c.file)
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && *addGolden {
		sealed = seal(t, s, c.h.Codec, c.h.Key, c.payload)
		err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, sealed, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}
