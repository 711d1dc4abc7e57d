package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/internal/value"
)

// How a codec may end with a value: it comes back equal, or one of these stages
// says no. Nothing else exists; above all no value comes back changed.
const (
	ok      = "ok"
	check   = "check"   // the type is refused before there is a value
	encode  = "append"  // the value is refused
	decode  = "decode"  // what was encoded is refused
	compare = "compare" // what was decoded is not what was encoded
)

// outcome runs v through c as the façade does and says where it ended and why.
func outcome[T any](c codec.Codec[T], v T) (stage string, why error) {
	if err := codec.Check(c); err != nil {
		return check, err
	}
	b, err := c.Append([]byte("before"), v)
	if err != nil {
		return encode, err
	}
	if string(b[:6]) != "before" {
		return "clobbered dst", nil
	}
	b = append([]byte{}, b[6:]...)
	got, err := c.Decode(b)
	if err != nil {
		return decode, err
	}
	for i := range b {
		b[i] = 0xff // Decode must not keep its argument
	}
	if path, same := value.Equal(got, v); !same {
		return compare, fmt.Errorf("differs at %q", path)
	}
	return ok, nil
}

// A row is a value with what each codec makes of it. A word after the stage
// must occur in the error.
type row struct {
	name       string
	run        func(c string) (string, error)
	json, cbor string
}

func with[T any](name string, v T, json, cbor string) row {
	return row{name, func(c string) (string, error) {
		if c == "json" {
			return outcome(codec.JSON[T](), v)
		}
		return outcome(codec.CBOR[T](), v)
	}, json, cbor}
}

func TestMatrix(t *testing.T) {
	var rows []row
	for _, group := range [][]row{numbers(), texts(), times(), emptiness(), maps(), structs(), interfaces(), wellKnown(), impossible()} {
		rows = append(rows, group...)
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			for name, want := range map[string]string{"json": r.json, "cbor": r.cbor} {
				stage, err := r.run(name)
				wantStage, word, _ := strings.Cut(want, " ")
				if stage != wantStage {
					t.Errorf("%s: %s (%v), want %s", name, stage, err, want)
					continue
				}
				if word != "" && !strings.Contains(err.Error(), word) {
					t.Errorf("%s: %v; want it to say %q", name, err, word)
				}
				var e *codec.Error
				if stage == check && (!errors.Is(err, codec.ErrNotSerializable) || !errors.As(err, &e) || e.Codec != name) {
					t.Errorf("%s: %v is no *codec.Error of it", name, err)
				}
			}
		})
	}
}

type box[T any] struct{ V T }

func numbers() []row {
	nan := math.Float64frombits(0x7ff8000000000123)
	return []row{
		with("int", math.MinInt64, ok, ok),
		with("uint64", uint64(math.MaxUint64), ok, ok),
		with("float64", math.SmallestNonzeroFloat64, ok, ok),
		with("float32", float32(0.1), ok, ok),
		with("minus zero", math.Copysign(0, -1), ok, ok),
		with("NaN", nan, "append use codec.CBOR", ok),
		with("NaN in field", box[[]float64]{[]float64{1, nan}}, "append V[1]", ok),
		with("infinity", []float32{float32(math.Inf(-1))}, "append [0]", ok),
		with("bool", []bool{true, false}, ok, ok),
		with("duration", time.Second, ok, ok),
		with("complex", box[complex128]{1i}, "check V", "check V"),
	}
}

func texts() []row {
	return []row{
		with("string", "a\u2028<b>\x00\"\U0001f600\ufffd", ok, ok),
		with("no UTF-8", box[string]{"a\xffb"}, "append V", ok),
		with("no UTF-8 in key", map[string]int{"\xff": 1}, `append ["\xff"]`, ok),
		with("the text of an escape", `\ufffd`, ok, ok),
		with("bytes", []byte{0, 255}, ok, ok),
		with("named bytes", box[payload]{payload{1, 2}}, ok, ok),
		with("array of bytes", [3]byte{1, 2, 3}, ok, ok),
	}
}

type payload []byte

func times() []row {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	at := time.Date(2024, 7, 1, 2, 3, 4, 123456789, time.UTC)
	odd := at.In(time.FixedZone("LMT", 3208))
	type event struct{ At time.Time }
	many := map[string]event{"a": {at}, "b": {at.In(berlin)}, "c": {odd}, "d": {}}
	return []row{
		with("time", at, ok, ok),
		with("zero time", time.Time{}, ok, ok),
		with("monotonic", time.Now(), ok, ok),
		with("offset", at.In(time.FixedZone("", -3600)), ok, ok),
		with("named zone", event{at.In(berlin)}, "append use codec.CBOR or UTC", ok),
		with("fixed named zone", at.In(time.FixedZone("CET", 3600)), "append", ok),
		with("seconds in offset", odd, "append seconds", ok),
		with("seconds in nameless offset", at.In(time.FixedZone("", 3208)), "append seconds", ok),
		with("zero time elsewhere", time.Time{}.In(time.FixedZone("", 60)), ok, ok),
		with("year 10000", at.AddDate(8000, 0, 0), "append year", "append year"),
		with("year -1", at.AddDate(-2025, 0, 0), "append year", "append year"),
		with("times in map", many, `append ["`, ok),
		with("times in interfaces", []any{at.In(berlin), map[string]any{"t": odd}}, "append [0]", ok),
		with("times behind pointers", []*event{{at.In(berlin)}, nil, {at}}, "append [0].At", ok),
		with("time as key", map[time.Time]int{at: 1}, ok, ok),
		with("zoned time as key", map[time.Time]int{at.In(berlin): 1}, "append [", "compare"),
		with("pointer to zero time", &time.Time{}, ok, "compare"),
		with("embedded time", struct {
			time.Time
			N int
		}{at, 1}, "compare", "compare"),
	}
}

func emptiness() []row {
	type all struct {
		S []int
		B []byte
		M map[string]int
		P *int
		A any
	}
	type lossy struct {
		S []int          `json:",omitempty"`
		M map[string]int `json:",omitempty"`
		P *int           `json:"p,omitempty"`
		T time.Time      `json:",omitzero"`
	}
	var nilPointer *int
	return []row{
		with("all nil", all{}, ok, ok),
		with("all empty", all{[]int{}, []byte{}, map[string]int{}, new(int), ""}, ok, ok),
		with("nil slice", []int(nil), ok, ok),
		with("empty slice", []int{}, ok, ok),
		with("nil map", map[string]int(nil), ok, ok),
		with("nil any", any(nil), ok, ok),
		with("nil pointer", (*all)(nil), ok, ok),
		with("pointer to nil pointer", &nilPointer, "compare", "compare"),
		with("pointer to nil slice", new([]int), "compare", "compare"),
		with("nothing", struct{}{}, ok, ok),
		with("omitempty nil", lossy{}, ok, ok),
		with("omitempty set", lossy{[]int{1}, map[string]int{"a": 0}, new(int), time.Unix(1, 0).UTC()}, ok, ok),
		with("omitempty empty slice", lossy{S: []int{}}, "compare S", "compare S"),
		with("omitempty empty map", lossy{M: map[string]int{}}, "compare M", "compare M"),
	}
}

type point struct{ X, Y int }

// level is a key that names itself in text.
type level int

func (l level) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "level-%d", int(l)), nil }

func (l *level) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "level-%d", (*int)(l))
	return err
}

// vague has a text that says less than the value.
type vague int

func (vague) MarshalText() ([]byte, error)    { return []byte("vague"), nil }
func (v *vague) UnmarshalText(b []byte) error { *v = 1; return nil }

// mute can say what it is and not be told.
type mute int

func (mute) MarshalText() ([]byte, error) { return []byte("mute"), nil }

func maps() []row {
	return []row{
		with("int keys", map[int8]string{-1: "a"}, ok, ok),
		with("uint keys", map[uint64]string{math.MaxUint64: "a"}, ok, ok),
		with("struct keys", map[point]int{{1, 2}: 3}, "check use codec.CBOR", ok),
		with("array keys", map[[2]int]int{{1, 2}: 3}, "check use codec.CBOR", ok),
		with("bool keys", map[bool]int{true: 3}, "check", ok),
		with("float keys", map[float64]int{1.5: 3, math.Inf(1): 4}, "check", ok),
		with("NaN keys", map[float64]int{math.NaN(): 3}, "check", ok),
		with("pointer keys", map[*int]int{new(int): 3}, "check", "check pointers"),
		with("interface keys", map[any]int{"a": 1, int64(2): 2}, "check", ok),
		with("int in interface keys", map[any]int{1: 1}, "check", "append [1]"),
		with("text keys", map[level]int{1: 1, 2: 2}, ok, ok),
		with("keys with one text", map[vague]int{1: 1, 2: 2}, "compare", "decode"),
		with("keys that cannot read", map[mute]int{1: 1}, "check UnmarshalText", "check UnmarshalText"),
		with("address keys", map[netip.Addr]int{netip.MustParseAddr("::1"): 1}, ok, ok),
		with("nested maps", map[string]map[int][]string{"a": {1: {"x"}}, "b": nil}, ok, ok),
		with("map of pointers", map[string]*point{"a": {1, 2}, "b": nil}, ok, ok),
		with("keys in other case", map[string]int{"a": 1, "A": 2}, ok, ok),
	}
}

type (
	Base  struct{ ID, Name string }
	Other struct{ ID int }
	base  struct{ Kind string }
	list  struct {
		Value int
		Next  *list
	}
	tree[K comparable, V any] struct {
		Key         K
		Value       V
		Left, Right *tree[K, V]
	}
)

func structs() []row {
	type embeds struct {
		Base
		base
		Own int
	}
	type pointerEmbeds struct {
		*Base
		Own int
	}
	type hiddenPointer struct{ *base }
	type conflict struct {
		Base
		Other
	}
	type shadow struct {
		Base
		Name int
	}
	type renamed struct {
		Base
		Name int `json:"outer"`
	}
	type named struct {
		Base  `json:"base"`
		Other `json:"other"`
	}
	type twice struct {
		A int `json:"B"`
		B int
	}
	type unexported struct {
		A int
		b int
	}
	type skipped struct {
		A int
		B int `json:"-"`
	}
	type dashed struct {
		A int `json:"-,"`
	}
	type quoted struct {
		A int64 `json:",string"`
	}
	type cases struct {
		A int `json:"a"`
		B int `json:"A"`
	}
	type blank struct {
		A int
		_ int
	}
	loop := &list{Value: 1}
	loop.Next = loop
	var long *list
	for range maxNesting + 10 {
		long = &list{Next: long}
	}
	var deep *list
	for range maxNesting / 2 {
		deep = &list{Next: deep}
	}
	return []row{
		with("embedded", embeds{Base{"1", "n"}, base{"k"}, 2}, ok, ok),
		with("embedded pointer", pointerEmbeds{&Base{"1", "n"}, 2}, ok, ok),
		with("embedded nil pointer", pointerEmbeds{nil, 2}, ok, ok),
		with("embedded pointer to unexported", hiddenPointer{}, "check embed", "check embed"),
		with("conflicting names", conflict{}, "check Other.ID", "check Other.ID"),
		with("shadowed name", shadow{}, "check tag", "check tag"),
		with("shadow renamed", renamed{Base{"1", "n"}, 3}, ok, ok),
		with("embedded under a name", named{Base{"1", "n"}, Other{3}}, ok, ok),
		with("one name twice", twice{}, "check B", "check B"),
		with("unexported", []unexported{{1, 2}}, "check [].b", "check [].b"),
		with("left out by tag", skipped{}, "check B", "check B"),
		with("named dash", dashed{1}, ok, ok),
		with("string option", quoted{1 << 62}, ok, ok),
		with("names in two cases", cases{1, 2}, ok, ok),
		with("blank field", blank{A: 1}, ok, ok),
		with("generic", tree[string, []float64]{"k", []float64{1}, &tree[string, []float64]{Key: "l"}, nil}, ok, ok),
		with("recursive", list{1, &list{2, nil}}, ok, ok),
		with("deep", deep, ok, ok),
		with("too deep", long, "decode", "append levels"),
		with("cyclic", loop, "append itself", "append itself"),
		with("array", [2]point{{1, 2}, {3, 4}}, ok, ok),
	}
}

const maxNesting = 10_000

func interfaces() []row {
	self := []any{nil}
	self[0] = self
	return []row{
		with("plain any", map[string]any{"a": 1.5, "b": "x", "c": true, "d": nil, "e": []any{"y"}, "f": map[string]any{}}, ok, ok),
		with("int in any", map[string]any{"a": []any{1}}, `append ["a"][0]`, `append ["a"][0]`),
		with("int64 in any", any(int64(-5)), "append float64", ok),
		with("uint64 in any", any(uint64(5)), "append float64", "append int64"),
		with("large float in any", any(1e300), ok, ok),
		with("NaN in any", any(math.NaN()), "append NaN", ok),
		with("bytes in any", any([]byte("x")), "append", ok),
		with("[]string in any", any([]string{"x"}), "append []any", "append []any"),
		with("struct in any", any(point{1, 2}), "append map[string]any", "append map[string]any"),
		with("pointer in any", any(&point{1, 2}), "append", "append"),
		with("json.Number in any", any(json.Number("1")), "append", "append"),
		with("time in any", any(time.Unix(1, 2).UTC()), "append", ok),
		with("zero time in any", any(time.Time{}), "append", "compare"),
		with("func in any", any(func() {}), "append", "append"),
		with("cyclic any", self, "append itself", "append itself"),
		with("nil error", box[error]{}, ok, ok),
		with("error", box[error]{errors.New("x")}, "append custom codec", "append custom codec"),
		with("stringer", []fmt.Stringer{time.Second}, "append [0]", "append [0]"),
		with("any in map key order", map[string]any{"b": map[string]any{"z": nil, "y": []any{}}, "a": ""}, ok, ok),
	}
}

func wellKnown() []row {
	u, _ := url.Parse("https://user:pw@host:1/a%2Fb?q=1#f")
	huge, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	return []row{
		with("big.Int", box[*big.Int]{huge}, ok, ok),
		with("big.Int value", box[big.Int]{*huge}, ok, ok),
		with("nil big.Int", box[*big.Int]{}, ok, ok),
		with("big.Int values in map", map[string]big.Int{"a": *huge}, "check pointers", ok),
		with("big.Int in any", any(huge), "append", ok),
		with("big.Rat", big.NewRat(1, 3), ok, ok),
		with("big.Float", big.NewFloat(0.1), "compare", "compare"),
		with("json.RawMessage", box[json.RawMessage]{json.RawMessage(`{"a":[1,2]}`)}, ok, ok),
		with("spaced json.RawMessage", box[json.RawMessage]{json.RawMessage(`{ "a": 1 }`)}, "compare V", ok),
		with("nil json.RawMessage", box[json.RawMessage]{}, "compare V", ok),
		with("broken json.RawMessage", box[json.RawMessage]{json.RawMessage(`{`)}, "append", ok),
		with("json.Number", box[json.Number]{"12345678901234567890.5"}, ok, ok),
		with("empty json.Number", box[json.Number]{""}, "compare V", ok),
		with("netip.Addr", []netip.Addr{netip.MustParseAddr("fe80::1%eth0"), {}}, ok, ok),
		with("netip.Prefix", netip.MustParsePrefix("10.0.0.0/8"), ok, ok),
		with("url.URL", u, "check", ok),
	}
}

func impossible() []row {
	return []row{
		with("chan", box[chan int]{}, "check V", "check V"),
		with("func", []func(){}, "check []", "check []"),
		with("func in map of lists", map[string][]box[func()]{}, "check [][].V", "check [][].V"),
		with("complex in key", map[complex64]int{}, "check", "check"),
	}
}
