package envelope

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	keyA   = [32]byte{0: 0xa, 31: 0xa}
	keyB   = [32]byte{0: 0xb, 31: 0xb}
	secret = []byte("sixteen or more bytes of secret")
)

func newSealer(t testing.TB, o Options) *Sealer {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func seal(t testing.TB, s *Sealer, codec string, key [32]byte, payload []byte) []byte {
	t.Helper()
	sealed, err := s.Seal(nil, Header{Codec: codec, Key: key}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// wantRefused opens sealed and requires every one of the errors and nothing of
// the record.
func wantRefused(t *testing.T, s *Sealer, sealed []byte, key [32]byte, want ...error) {
	t.Helper()
	payload, h, err := s.Open(sealed, key)
	for _, w := range append(want, ErrCorrupt) {
		if !errors.Is(err, w) {
			t.Errorf("error %v, want %v", err, w)
		}
	}
	if payload != nil || h != (Header{}) {
		t.Errorf("a refused record gave %d bytes and header %+v", len(payload), h)
	}
	if n := strings.Count(err.Error(), "envelope:"); n != 1 {
		t.Errorf("error %q names the package %d times", err, n)
	}
}

// text is n bytes that compress well; noise n that do not.
func text(n int) []byte { return bytes.Repeat([]byte(`{"name":"value"},`), n/17+1)[:n] }

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func TestRoundTrip(t *testing.T) {
	sealers := map[string]*Sealer{
		"default":    newSealer(t, Options{}),
		"signed":     newSealer(t, Options{MAC: secret}),
		"compressed": newSealer(t, Options{CompressAbove: 1}),
		"never":      newSealer(t, Options{CompressAbove: -1}),
		"both":       newSealer(t, Options{CompressAbove: 1, MAC: secret}),
	}
	for name, s := range sealers {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				payload := rapid.SliceOf(rapid.Byte()).Draw(t, "payload")
				payload = bytes.Repeat(payload, rapid.IntRange(1, 400).Draw(t, "times"))
				h := Header{Codec: rapid.StringN(0, 20, MaxCodecName).Draw(t, "codec")}
				copy(h.Key[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
				prefix := rapid.SliceOf(rapid.Byte()).Draw(t, "prefix")
				out, err := s.Seal(bytes.Clone(prefix), h, payload)
				if err != nil || !bytes.HasPrefix(out, prefix) {
					t.Fatalf("Seal: %v, prefix kept: %v", err, bytes.HasPrefix(out, prefix))
				}
				got, gotH, err := s.Open(out[len(prefix):], h.Key)
				if err != nil || !bytes.Equal(got, payload) {
					t.Fatalf("Open: %v, same payload: %v", err, bytes.Equal(got, payload))
				}
				h.Plain, h.Signed, h.Compressed = len(payload), s.mac != nil, gotH.Compressed
				if diff := cmp.Diff(h, gotH); diff != "" {
					t.Fatal(diff)
				}
				if gotH.Compressed && (s.compressAbove < 0 || len(payload) <= s.compressAbove) {
					t.Fatal("compressed below the threshold")
				}
			})
		})
	}
}

func TestLargePayloadsRoundTrip(t *testing.T) {
	s := newSealer(t, Options{})
	for _, n := range []int{sealWindow - 1, sealWindow, sealWindow + 1, inflateFirst + 1, 9 << 20} {
		for name, payload := range map[string][]byte{"text": text(n), "noise": noise(n), "zeros": make([]byte, n)} {
			sealed := seal(t, s, "raw", keyA, payload)
			got, h, err := s.Open(sealed, keyA)
			if err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("%s of %d: %v", name, n, err)
			}
			if h.Compressed != (name != "noise") {
				t.Errorf("%s of %d: compressed %v", name, n, h.Compressed)
			}
		}
	}
}

func TestCompressesWhereItPays(t *testing.T) {
	little := append(noise(2000), make([]byte, 150)...)
	if n := len(frame(t, little)); n >= len(little) || pays(n, len(little)) {
		t.Fatalf("%d bytes compress to %d: meant to be a saving of less than a tenth", len(little), n)
	}
	cases := []struct {
		name    string
		above   int
		payload []byte
		want    bool
	}{
		{"default, at the threshold", 0, text(DefaultCompressAbove), false},
		{"default, over it", 0, text(DefaultCompressAbove + 1), true},
		{"default, over it but noise", 0, noise(DefaultCompressAbove + 1), false},
		{"own threshold", 100, text(101), true},
		{"never", -1, text(1 << 20), false},
		{"saves less than a tenth", 1, little, false},
		{"empty", 1, nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSealer(t, Options{CompressAbove: c.above})
			sealed := seal(t, s, "raw", keyA, c.payload)
			_, h, err := s.Open(sealed, keyA)
			if err != nil || h.Compressed != c.want {
				t.Fatalf("compressed %v, want %v (error %v)", h.Compressed, c.want, err)
			}
			if most := len(c.payload) + len("raw") + Overhead; len(sealed) > most || !c.want && len(sealed) != most {
				t.Errorf("sealed to %d bytes, want at most %d", len(sealed), most)
			}
		})
	}
}

func TestUncompressedPayloadAliasesTheRecordWithoutSpareCapacity(t *testing.T) {
	s := newSealer(t, Options{})
	sealed := seal(t, s, "raw", keyA, []byte("payload"))
	got, _, err := s.Open(sealed, keyA)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(sealed)
	_ = append(got, "overwrites what follows?"...)
	if !bytes.Equal(before, sealed) {
		t.Error("appending to the payload changed the record")
	}
	if &got[0] != &sealed[fixedSize+len("raw")] {
		t.Error("the payload is a copy")
	}
}

func TestEmptyPayloadIsNotNil(t *testing.T) {
	s := newSealer(t, Options{})
	got, h, err := s.Open(seal(t, s, "", keyA, nil), keyA)
	if err != nil || got == nil || len(got) != 0 || h.Codec != "" {
		t.Fatalf("got %v, %+v, %v", got, h, err)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"short MAC":        {MAC: secret[:MinMAC-1]},
		"empty MAC":        {MAC: []byte{}},
		"negative MaxSize": {MaxSize: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "sixteen") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
	newSealer(t, Options{MAC: secret[:MinMAC], MaxSize: 1 << 62})
}

func TestNewCopiesTheMACKey(t *testing.T) {
	mac := bytes.Clone(secret)
	s := newSealer(t, Options{MAC: mac})
	clear(mac)
	sealed := seal(t, s, "raw", keyA, []byte("x"))
	if _, _, err := newSealer(t, Options{MAC: secret}).Open(sealed, keyA); err != nil {
		t.Fatal(err)
	}
}

func TestSealRefusesAndLeavesDst(t *testing.T) {
	s := newSealer(t, Options{MaxSize: 10})
	dst := []byte("before")
	out, err := s.Seal(dst, Header{}, make([]byte, 11))
	if !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrCorrupt) || string(out) != "before" {
		t.Errorf("too large: %v, dst %q", err, out)
	}
	out, err = s.Seal(dst, Header{Codec: strings.Repeat("c", MaxCodecName+1)}, nil)
	if !errors.Is(err, ErrCodecName) || string(out) != "before" {
		t.Errorf("codec name: %v, dst %q", err, out)
	}
	if _, err := s.Seal(nil, Header{Codec: strings.Repeat("c", MaxCodecName)}, make([]byte, 10)); err != nil {
		t.Errorf("at the limits: %v", err)
	}
}

func TestSealerIsSafeForConcurrentUse(t *testing.T) {
	s := newSealer(t, Options{MAC: secret, CompressAbove: 1})
	done := make(chan error)
	for i := range 8 {
		go func() {
			payload, codec := text(100*(i+1)), string(rune('a'+i))
			for range 200 {
				sealed, err := s.Seal(nil, Header{Codec: codec, Key: keyA}, payload)
				if err == nil {
					var got []byte
					var h Header
					got, h, err = s.Open(sealed, keyA)
					if err == nil && (!bytes.Equal(got, payload) || h.Codec != codec) {
						err = errors.New("another goroutine's payload or codec")
					}
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestCodecNamesAreBounded(t *testing.T) {
	var c codecs
	for i := range 2 * maxCodecs {
		want := strings.Repeat("n", i)
		if got := c.name([]byte(want)); got != want {
			t.Fatalf("name %q, want %q", got, want)
		}
	}
	if n := len(*c.known.Load()); n != maxCodecs {
		t.Errorf("remembers %d names, want %d", n, maxCodecs)
	}
}
