package envelope

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// forge builds a record with whatever lengths and compression, and a checksum
// that is right for them: what someone can write who controls the store.
func forge(compression byte, plain uint64, stored []byte) []byte {
	b := appendHeader(nil, &Header{Codec: "raw", Key: keyA}, len(stored), false)
	b[offCompression] = compression
	binary.BigEndian.PutUint64(b[offPlain:], plain)
	return resum(append(b, stored...))
}

// resum appends the right checksum.
func resum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

type record struct {
	s      *Sealer
	sealed []byte
}

// records4K are sealed records of 4 KiB in every variant of the format.
func records4K(t *testing.T) map[string]record {
	t.Helper()
	out := map[string]record{}
	for name, o := range map[string]Options{
		"plain":             {CompressAbove: -1},
		"signed":            {CompressAbove: -1, MAC: secret},
		"compressed":        {CompressAbove: 1},
		"signed compressed": {CompressAbove: 1, MAC: secret},
	} {
		out[name] = record4K(t, newSealer(t, o))
	}
	return out
}

// record4K seals text that compresses and noise that does not, of a length
// that makes the record exactly 4 KiB long.
func record4K(t *testing.T, s *Sealer) record {
	t.Helper()
	n := 3000
	for range 20 {
		sealed := seal(t, s, "cbor", keyA, append(text(500), noise(n)...))
		if len(sealed) == 4096 {
			if compressed := sealed[offCompression] == compressionZstd; compressed != (s.compressAbove > 0) {
				t.Fatalf("compressed: %v", compressed)
			}
			return record{s, sealed}
		}
		n += 4096 - len(sealed)
	}
	t.Fatal("no payload gives a record of 4 KiB")
	return record{}
}

func TestGuarantee07_EveryTruncationIsAnError(t *testing.T) {
	for name, r := range records4K(t) {
		t.Run(name, func(t *testing.T) {
			for n := range len(r.sealed) {
				wantRefused(t, r.s, r.sealed[:n], keyA, ErrTruncated)
			}
			for _, more := range []int{1, sumSize, 4096} {
				wantRefused(t, r.s, append(bytes.Clone(r.sealed), make([]byte, more)...), keyA)
			}
		})
	}
}

func TestGuarantee07_EveryBitFlipIsAnError(t *testing.T) {
	for name, r := range records4K(t) {
		t.Run(name, func(t *testing.T) {
			damaged := bytes.Clone(r.sealed)
			for bit := range 8 * len(damaged) {
				damaged[bit/8] ^= 1 << (bit % 8)
				wantRefused(t, r.s, damaged, keyA)
				damaged[bit/8] ^= 1 << (bit % 8)
			}
			if _, _, err := r.s.Open(damaged, keyA); err != nil {
				t.Errorf("the record as it was: %v", err)
			}
		})
	}
}

func TestGuarantee08_SwappedValueIsAnError(t *testing.T) {
	for name, r := range records4K(t) {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, r.s, r.sealed, keyB, ErrKeyMismatch)
			for bit := range 256 {
				near := keyA
				near[bit/8] ^= 1 << (bit % 8)
				wantRefused(t, r.s, r.sealed, near, ErrKeyMismatch)
			}
		})
	}
}

func TestGuarantee09_HostileLengthsGrowMemoryByLessThan32MiB(t *testing.T) {
	const gib = 1 << 30
	big := newSealer(t, Options{MaxSize: 4 * gib})
	small := newSealer(t, Options{})
	cases := []struct {
		name   string
		s      *Sealer
		sealed []byte
		want   error
	}{
		{"1 GiB claimed, over MaxSize", small, forge(compressionZstd, gib, frame(t, text(1000))), ErrTooLarge},
		{"1 GiB claimed, 1 KB there", big, forge(compressionZstd, gib, frame(t, text(1000))), ErrCorrupt},
		{"1 GiB claimed, nothing there", big, forge(compressionZstd, gib, nil), ErrCorrupt},
		{"1 GiB claimed, uncompressed", big, forge(compressionNone, gib, []byte("x")), ErrCorrupt},
		{"all lengths at their largest", small, forge(compressionZstd, 1<<64-1, nil), ErrTooLarge},
		{"1 GiB there, 1 KiB claimed", big, forge(compressionZstd, 1024, bomb(t, gib)), ErrCorrupt},
		{"zstd claims 1 GiB in one segment", big, forge(compressionZstd, gib, singleSegment(gib)), ErrCorrupt},
		{"zstd claims a window of 1 GiB", big, forge(compressionZstd, gib, window(30)), ErrCorrupt},
		{"zstd claims a window of 8 MiB", big, forge(compressionZstd, gib, window(23)), ErrCorrupt},
		{"stored length 1 GiB", big, storedLength(gib), ErrTruncated},
		{"stored length 2^64-1", big, storedLength(1<<64 - 1), ErrTruncated},
		{"stored length 2^63", big, storedLength(1 << 63), ErrTruncated},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			grown := allocated(func() { wantRefused(t, c.s, c.sealed, keyA, c.want) })
			if grown >= 32<<20 {
				t.Errorf("allocated %d bytes", grown)
			}
			t.Logf("allocated %.1f KiB", float64(grown)/1024)
		})
	}
}

// allocated is how many bytes f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// frame is b as zstd.
func frame(t *testing.T, b []byte) []byte {
	t.Helper()
	var d deflator
	out, err := d.deflate(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bomb is n zero bytes as zstd.
func bomb(t *testing.T, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(sealWindow))
	if err != nil {
		t.Fatal(err)
	}
	for chunk := make([]byte, 1<<20); n > 0; n -= len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The frames below are written by hand, after RFC 8878, section 3.1.1.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// rleBlock announces 128 KiB of one byte, and is not the last block.
var rleBlock = []byte{0x02, 0x00, 0x10, 'x'}

// singleSegment is the begin of a frame that claims n bytes of content and
// asks for a window just as large.
func singleSegment(n uint32) []byte {
	b := append(slices.Clone(zstdMagic), 0xa0)
	return append(binary.LittleEndian.AppendUint32(b, n), rleBlock...)
}

// window is the begin of a frame that asks for a window of 2^exponent bytes.
func window(exponent byte) []byte {
	return append(append(slices.Clone(zstdMagic), 0x00, (exponent-10)<<3), rleBlock...)
}

// storedLength is a record whose header claims that stored length.
func storedLength(n uint64) []byte {
	b := appendHeader(nil, &Header{Codec: "raw", Key: keyA}, 1, false)
	binary.BigEndian.PutUint64(b[offStored:], n)
	return resum(append(b, 'x'))
}

func TestGuarantee10_ForgedSignatureIsAnError(t *testing.T) {
	ours := newSealer(t, Options{MAC: secret})
	theirs := newSealer(t, Options{MAC: []byte("another secret of the same kind")})
	open := newSealer(t, Options{})
	good := seal(t, ours, "raw", keyA, []byte("payload"))
	poisoned := seal(t, theirs, "raw", keyA, []byte("poison"))

	if _, h, err := ours.Open(good, keyA); err != nil || !h.Signed {
		t.Fatalf("our own record: signed %v, %v", h.Signed, err)
	}
	wantRefused(t, ours, poisoned, keyA, ErrMAC)
	wantRefused(t, ours, seal(t, open, "raw", keyA, []byte("poison")), keyA, ErrMAC)
	graft := append(bytes.Clone(poisoned[:len(poisoned)-sumSize]), good[len(good)-sumSize:]...)
	wantRefused(t, ours, graft, keyA, ErrMAC)

	unsigned := bytes.Clone(good[:len(good)-2*sumSize])
	unsigned[offFlags] = 0
	unsigned = resum(unsigned)
	wantRefused(t, ours, unsigned, keyA, ErrMAC)
	if _, h, err := open.Open(unsigned, keyA); err != nil || h.Signed {
		t.Errorf("the stripped record is well-formed, but: signed %v, %v", h.Signed, err)
	}
}

func TestSignedRecordOpensWithoutAKey(t *testing.T) {
	sealed := seal(t, newSealer(t, Options{MAC: secret}), "raw", keyA, []byte("payload"))
	got, h, err := newSealer(t, Options{}).Open(sealed, keyA)
	if err != nil || string(got) != "payload" || !h.Signed {
		t.Fatalf("got %q, signed %v, %v", got, h.Signed, err)
	}
}

func TestForeignAndNewerRecordsAreErrFormat(t *testing.T) {
	s := newSealer(t, Options{})
	sealed := seal(t, s, "raw", keyA, []byte("payload"))
	body := sealed[:len(sealed)-sumSize]
	for name, at := range map[string]struct {
		off int
		to  byte
	}{
		"magic":       {0, 'R'},
		"version 0":   {offVersion, 0},
		"version 2":   {offVersion, 2},
		"flag":        {offFlags, 0x80},
		"compression": {offCompression, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := bytes.Clone(body)
			b[at.off] = at.to
			wantRefused(t, s, resum(b), keyA, ErrFormat)
		})
	}
	wantRefused(t, s, []byte(`{"json":"from before there were envelopes"}`), keyA, ErrFormat)
}

func TestInconsistentZstdIsCorrupt(t *testing.T) {
	s := newSealer(t, Options{})
	whole := frame(t, text(5000))
	for name, c := range map[string]struct {
		plain  uint64
		stored []byte
	}{
		"shorter than claimed": {5001, whole},
		"longer than claimed":  {4999, whole},
		"empty claimed":        {0, whole},
		"cut":                  {5000, whole[:len(whole)-3]},
		"junk":                 {5000, []byte("no zstd at all")},
		"junk behind":          {5000, append(bytes.Clone(whole), "junk behind"...)},
		"second frame":         {5000, append(bytes.Clone(whole), whole...)},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, s, forge(compressionZstd, c.plain, c.stored), keyA)
		})
	}
	// The decoders that met them must be as good as new.
	sealed := forge(compressionZstd, 5000, whole)
	got, _, err := s.Open(sealed, keyA)
	if err != nil || !bytes.Equal(got, text(5000)) {
		t.Fatal(fmt.Errorf("a good record after bad ones: %w", err))
	}
}
