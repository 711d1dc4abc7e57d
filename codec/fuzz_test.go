package codec_test

import (
	"bytes"
	"math/big"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/internal/value"
)

// target is as varied as decoders care for.
type target struct {
	A int8
	B []byte
	C map[string]target
	D []*target
	E any
	F time.Time
	G map[point][]float32
	H *big.Int
	I netip.Addr
	J [4]uint16
	K string
	L map[time.Time]bool `json:"-" cbor:"l"`
	Base
}

// hostile decodes b and, where that succeeds, demands that the value is fit to
// be stored again and comes back as itself.
func hostile[T any](t *testing.T, c codec.Codec[T], b []byte) {
	keep := bytes.Clone(b)
	v, err := c.Decode(b)
	if !bytes.Equal(keep, b) {
		t.Fatalf("%s modified its input", c.Name())
	}
	if err != nil {
		return
	}
	again, err := c.Append(nil, v)
	if err != nil {
		return // such as bytes that are no UTF-8 in a string that only CBOR can hold
	}
	got, err := c.Decode(again)
	if err != nil {
		return // such as a zero time in an interface, which has become nil
	}
	third, err := c.Append(nil, got)
	if err != nil {
		t.Fatalf("%s: encoded once, not twice: %v", c.Name(), err)
	}
	if _, same := value.Equal(got, v); same && c.Name() != "json" && !bytes.Equal(again, third) {
		t.Fatalf("%s: equal values, different bytes\n%x\n%x", c.Name(), again, third)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`null`, `{}`, `{"A":1,"B":"AA==","C":{"x":{}},"D":[null,{"E":[1,{"a":"b"}]}]}`,
		`{"F":"2024-01-01T00:00:00.5+01:00","H":123456789012345678901234567890,"I":"::1","J":[1,2,3,4],"ID":"x"}`,
		`{"E":{"a":1e308}}`, `[[[[[[[[`, `"\ud800"`, `{"A":1}{`, `{"B":"\ufffd"}`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		hostile(t, codec.JSON[jsonTarget](), b)
		hostile(t, codec.JSON[any](), b)
		hostile(t, codec.JSON[map[int][]string](), b)
		hostile(t, codec.JSON[*big.Float](), b)
	})
}

// jsonTarget leaves out the keys that JSON does not have.
type jsonTarget struct {
	A int8
	B []byte
	C map[string]jsonTarget
	D []*jsonTarget
	E any
	F time.Time
	H *big.Int
	I netip.Addr
	J [4]uint16
	Base
}

func FuzzCBOR(f *testing.F) {
	c := codec.CBOR[target]()
	berlin := time.FixedZone("CET", 3600)
	for _, v := range []target{{}, {A: 1, B: []byte{1}, C: map[string]target{"x": {}}, D: []*target{nil, {E: int64(1)}}},
		{F: time.Unix(1, 2).In(berlin), E: []any{time.Unix(3, 4).In(berlin)}, L: map[time.Time]bool{time.Unix(1, 0).UTC(): true}},
		{G: map[point][]float32{{1, 2}: {1.5}}, H: big.NewInt(1 << 62), I: netip.MustParseAddr("::1")}} {
		b, err := c.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "\xbb\x00\x00\x00\x01\x00\x00\x00\x00", "\x5b\x00\x00\x00\x00\x40\x00\x00\x00",
		"\x81\x81\x81\x81\x81\x00", "\xc0\x61x", "\xc2\x41\x01", "\xf9\x7e\x01", "\xd9\xd9\xf7\xa0", "\xa1\x81\x01\x01"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		hostile(t, c, b)
		hostile(t, codec.CBOR[any](), b)
		hostile(t, codec.CBOR[map[any]any](), b)
		hostile(t, codec.CBOR[[]time.Time](), b)
		hostile(t, codec.CBOR[map[float64][]*big.Int](), b)
	})
}

func FuzzProto(f *testing.F) {
	f.Add([]byte("\x00"))
	f.Add([]byte("\x01"))
	f.Add([]byte("\x01\x0a\x07\x0a\x01a\x12\x02\x20\x01"))
	f.Fuzz(func(t *testing.T, b []byte) { hostile(t, codec.Proto[*structpb.Value](), b) })
}

// A length that lies must not be believed: nine bytes that claim 2^30 elements
// cost nothing.
func TestClaimedLengthsCostNothing(t *testing.T) {
	for _, head := range []string{"\x9a\x40\x00\x00\x00", "\xba\x40\x00\x00\x00", "\x5a\x40\x00\x00\x00", "\x7a\x40\x00\x00\x00",
		"\xa1\x61B\x5a\x40\x00\x00\x00", "\xa1\x61D\x9a\x40\x00\x00\x00"} {
		b := append([]byte(head), make([]byte, 100)...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 10 {
			for _, err := range []error{refused[target](b), refused[any](b), refused[[]string](b), refused[[]byte](b), refused[map[int]int](b)} {
				if err == nil {
					t.Errorf("%x was decoded", head)
				}
			}
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%x: %d bytes allocated", head, grown)
		}
	}
}

func refused[T any](b []byte) error {
	_, err := codec.CBOR[T]().Decode(b)
	return err
}
