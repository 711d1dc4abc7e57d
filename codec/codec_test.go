package codec_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/codec"
)

func TestNames(t *testing.T) {
	for want, got := range map[string]string{
		"json": codec.JSON[int]().Name(),
		"cbor": codec.CBOR[int]().Name(),
		"raw":  codec.Raw[string]().Name(),
		"mine": codec.Func[int]("mine", nil, nil).Name(),
	} {
		if got != want {
			t.Errorf("name %q, want %q: records of released versions become unreadable", got, want)
		}
	}
}

func TestErrorNamesThePlaceAndTheWayOut(t *testing.T) {
	type item struct{ Price float64 }
	type order struct{ Items []item }
	_, err := codec.JSON[order]().Append(nil, order{[]item{{1}, {math.Inf(1)}}})
	var e *codec.Error
	if !errors.As(err, &e) || !errors.Is(err, codec.ErrNotSerializable) {
		t.Fatalf("%T: %v", err, err)
	}
	if e.Codec != "json" || e.Path != "Items[1].Price" || e.Type != reflect.TypeFor[order]() {
		t.Errorf("%+v", e)
	}
	want := "codec: json cannot store codec_test.order at Items[1].Price: JSON has no +Inf; use codec.CBOR"
	if err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	type point struct{ X, Y int }
	refuse := func(name string, err error) {
		t.Helper()
		if err == nil || !strings.HasPrefix(err.Error(), "codec: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{``, ` `, `{`, `{"X":1}x`, `{"X":1}{}`, `{"X":"1"}`, `[1]`, `nul`} {
		_, err := codec.JSON[point]().Decode([]byte(text))
		refuse("json "+text, err)
	}
	for name, b := range map[string]string{
		"nothing":           "",
		"half a map":        "\xa1\x61X",
		"unknown field":     "\xa1\x61Z\x01",
		"duplicate field":   "\xa2\x61X\x01\x61X\x02",
		"field of any case": "\xa1\x61x\x01",
		"more after it":     "\xa0\x00",
		"no zones after it": "\xa0\x80",
		"endless map":       "\xbf\xff",
		"long claim":        "\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
	} {
		_, err := codec.CBOR[point]().Decode([]byte(b))
		refuse("cbor "+name, err)
	}
	_, err := codec.CBOR[any]().Decode([]byte(strings.Repeat("\x81", 20_000) + "\x00"))
	refuse("cbor nesting", err)
	_, err = codec.JSON[any]().Decode([]byte(strings.Repeat("[", 20_000)))
	refuse("json nesting", err)
}

// Zones behind a value are input like any other.
func TestDecodeRefusesZones(t *testing.T) {
	c := codec.CBOR[time.Time]()
	good, err := c.Append(nil, time.Unix(1, 2).In(time.FixedZone("CET", 3600)))
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := c.Append(nil, time.Unix(1, 2).UTC())
	if len(good) == len(plain) {
		t.Fatal("no zone was stored")
	}
	zones := good[len(plain)+5:] // +01:00 is five bytes longer than Z
	for name, b := range map[string]string{
		"of a time that is not there": strings.Replace(string(good), "\x81\x85\x00", "\x81\x85\x01", 1),
		"unknown place":               strings.Replace(string(good), "CET\xf5", "CEX\xf4", 1),
		"other offset":                strings.Replace(string(good), "CET\xf5\x19\x0e\x10", "CET\xf4\x19\x0e\x11", 1),
		"path":                        strings.Replace(string(good), "\x63CET\xf5", "\x65../CE\xf4", 1),
		"twice":                       string(good) + string(zones),
		"cut off":                     string(good[:len(good)-1]),
	} {
		if b == string(good) {
			t.Errorf("%s: the test changes nothing in %x", name, good)
		}
		if v, err := c.Decode([]byte(b)); err == nil {
			t.Errorf("%s: decoded to %v", name, v)
		}
	}
}

func TestDeterministic(t *testing.T) {
	at := time.Unix(1, 2).In(time.FixedZone("CET", 3600))
	v := map[string]map[int]time.Time{}
	for _, k := range []string{"a", "b", "c", "d", "e"} {
		v[k] = map[int]time.Time{1: at, 2: at.UTC(), 3: at.Add(time.Hour)}
	}
	c := codec.CBOR[map[string]map[int]time.Time]()
	first, err := c.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if again, _ := c.Append(nil, v); string(again) != string(first) {
			t.Fatalf("%x\n%x", first, again)
		}
	}
}

func TestFunc(t *testing.T) {
	broken := errors.New("broken")
	encode := func(n int) ([]byte, error) {
		if n < 0 {
			return nil, broken
		}
		return []byte{byte(n)}, nil
	}
	decode := func(b []byte) (int, error) {
		if len(b) != 1 {
			return 7, broken
		}
		return int(b[0]), nil
	}
	c := codec.Func("byte/1", encode, decode)
	if stage, err := outcome(c, 5); stage != ok {
		t.Errorf("%s: %v", stage, err)
	}
	if _, err := c.Append(nil, -1); !errors.Is(err, broken) {
		t.Errorf("serialize: %v", err)
	}
	if v, err := c.Decode(nil); !errors.Is(err, broken) || v != 0 {
		t.Errorf("deserialize: %d, %v", v, err)
	}
	for want, c := range map[string]codec.Codec[int]{
		"name":        codec.Func("", encode, decode),
		"serialize":   codec.Func("x", nil, decode),
		"deserialize": codec.Func("x", encode, nil),
	} {
		_, appending := c.Append(nil, 1)
		_, decoding := c.Decode([]byte{1})
		for _, err := range []error{codec.Check(c), appending, decoding} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("without %s: %v", want, err)
			}
		}
	}
	if err := codec.Check[int](nil); err == nil {
		t.Error("a nil codec passes the check")
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	room := make([]byte, 3, 1000)
	copy(room, "abc")
	for name, c := range map[string]codec.Codec[string]{"json": codec.JSON[string](), "cbor": codec.CBOR[string](), "raw": codec.Raw[string]()} {
		b, err := c.Append(room, "d")
		if err != nil || !strings.HasPrefix(string(b), "abc") || &b[0] != &room[0] {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
