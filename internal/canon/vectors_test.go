package canon

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden vectors; changing one changes every key")

// A vector pins the encoding of one value.
type vector struct {
	Name string `json:"name"`
	Go   string `json:"go"`
	Hex  string `json:"hex"`
}

// encodeValue encodes v under its own type, or under that of a pointer's
// element where the vector needs a static interface type.
func encodeValue(t testing.TB, v any) []byte {
	t.Helper()
	p := reflect.New(reflect.TypeOf(v))
	p.Elem().Set(reflect.ValueOf(v))
	e, err := Compile(reflect.TypeOf(v), Options{})
	if err != nil {
		t.Fatalf("compile %T: %v", v, err)
	}
	b, err := e.Append(context.Background(), nil, p.UnsafePointer())
	if err != nil {
		t.Fatalf("append %T: %v", v, err)
	}
	return b
}

type base struct{ ID int }

type generic[T any] struct{ V T }

type withEmbedded struct {
	base
	Name string
}

type hidden struct{ text string }

func (h hidden) MarshalText() ([]byte, error) { return []byte(h.text), nil }

type hiddenBinary struct{ b byte }

func (h *hiddenBinary) MarshalBinary() ([]byte, error) { return []byte{h.b}, nil }

type keyed struct {
	mu chan int
	id int
}

func (k *keyed) CacheKey() (any, error) { return k.id, nil }

type keyedFunc func()

func (keyedFunc) CacheKey() (any, error) { return "f", nil }

func longestRegexp() *regexp.Regexp {
	re := regexp.MustCompile("a|ab")
	re.Longest()
	return re
}

func bigInt(s string) *big.Int {
	v, ok := new(big.Int).SetString(s, 0)
	if !ok {
		panic(s)
	}
	return v
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

func ptr[T any](v T) *T { return &v }

var plus2 = time.FixedZone("CEST", 7200)

// values are what the vectors encode. No two may have the same encoding and
// the same type; TestVectorsDiffer relies on it.
var values = []struct {
	name, text string
	v          any
}{
	{"false", "false", false},
	{"true", "true", true},
	{"int 0", "0", 0},
	{"int 23", "23", 23},
	{"int 24", "24", 24},
	{"int -1", "-1", -1},
	{"int -25", "-25", -25},
	{"int8 min", "int8(-128)", int8(-128)},
	{"int16 max", "int16(32767)", int16(32767)},
	{"int32 min", "int32(math.MinInt32)", int32(math.MinInt32)},
	{"int64 min", "int64(math.MinInt64)", int64(math.MinInt64)},
	{"uint", "uint(1000)", uint(1000)},
	{"uint8", "uint8(255)", uint8(255)},
	{"uint16", "uint16(65535)", uint16(65535)},
	{"uint32", "uint32(1000000)", uint32(1000000)},
	{"uint64 max", "uint64(math.MaxUint64)", uint64(math.MaxUint64)},
	{"duration", "1500 * time.Millisecond", 1500 * time.Millisecond},
	{"float 0", "0.0", 0.0},
	{"float -0", "math.Copysign(0, -1)", math.Copysign(0, -1)},
	{"float 1.5", "1.5", 1.5},
	{"float 1.1", "1.1", 1.1},
	{"float 100000", "100000.0", 100000.0},
	{"float half max", "65504.0", 65504.0},
	{"float smallest half", "math.Ldexp(1, -24)", math.Ldexp(1, -24)},
	{"float NaN", "math.NaN()", math.NaN()},
	{"float +Inf", "math.Inf(1)", math.Inf(1)},
	{"float -Inf", "math.Inf(-1)", math.Inf(-1)},
	{"float32 3.4e38", "float32(math.MaxFloat32)", float32(math.MaxFloat32)},
	{"float32 NaN", "float32(math.NaN())", float32(math.NaN())},
	{"complex64", "complex64(1+2i)", complex64(1 + 2i)},
	{"complex128", "complex(0, -1.5)", complex(0, -1.5)},
	{"string empty", `""`, ""},
	{"string", `"héllo"`, "héllo"},
	{"string of 24", `"abcdefghijklmnopqrstuvwx"`, "abcdefghijklmnopqrstuvwx"},
	{"string not UTF-8", `"\xff"`, "\xff"},
	{"string not UTF-8, other", `"\xfe"`, "\xfe"},
	{"bytes nil", "[]byte(nil)", []byte(nil)},
	{"bytes empty", "[]byte{}", []byte{}},
	{"bytes", "[]byte{1, 2}", []byte{1, 2}},
	{"raw JSON", `json.RawMessage("{}")`, json.RawMessage("{}")},
	{"byte array", "[4]byte{1, 2, 3, 4}", [4]byte{1, 2, 3, 4}},
	{"array", "[2]int{1, 2}", [2]int{1, 2}},
	{"slice nil", "[]int(nil)", []int(nil)},
	{"slice empty", "[]int{}", []int{}},
	{"slice", "[]int{1, 2, 3}", []int{1, 2, 3}},
	{"strings", `[]string{"a", "b"}`, []string{"a", "b"}},
	{"strings joined", `[]string{"ab"}`, []string{"ab"}},
	{"map nil", "map[string]int(nil)", map[string]int(nil)},
	{"map empty", "map[string]int{}", map[string]int{}},
	{"map int key", `map[int]string{1: "x"}`, map[int]string{1: "x"}},
	{"map string key", `map[string]string{"1": "x"}`, map[string]string{"1": "x"}},
	{"map sorted", `map[string]int{"b": 1, "aa": 2, "a": 3}`, map[string]int{"b": 1, "aa": 2, "a": 3}},
	{"map sorted ints", "map[int]bool{10: true, 100: false, -1: true}", map[int]bool{10: true, 100: false, -1: true}},
	{"set", `map[string]struct{}{"b": {}, "a": {}}`, map[string]struct{}{"b": {}, "a": {}}},
	{"map of any key", `map[any]int{1: 1, "1": 2}`, map[any]int{1: 1, "1": 2}},
	{"map struct key", "map[base]int{{1}: 1, {2}: 2}", map[base]int{{1}: 1, {2}: 2}},
	{"pointer nil", "(*int)(nil)", (*int)(nil)},
	{"pointer", "ptr(7)", ptr(7)},
	{"pointer to nil pointer", "ptr((*int)(nil))", ptr((*int)(nil))},
	{"pointer to pointer", "ptr(ptr(7))", ptr(ptr(7))},
	{"pointer to nil slice", "ptr([]int(nil))", ptr([]int(nil))},
	{"any nil", "generic[any]{}", generic[any]{}},
	{"any int", "generic[any]{1}", generic[any]{1}},
	{"any int8", "generic[any]{int8(1)}", generic[any]{int8(1)}},
	{"any pointer", "generic[any]{ptr(1)}", generic[any]{ptr(1)}},
	{"any nil pointer", "generic[any]{(*int)(nil)}", generic[any]{(*int)(nil)}},
	{"any named", "generic[any]{time.Second}", generic[any]{time.Second}},
	{"interface", "generic[error]{}", generic[error]{}},
	{"struct empty", "struct{}{}", struct{}{}},
	{"struct order", `struct{ BB, A int }{1, 2}`, struct{ BB, A int }{1, 2}},
	{"struct embedded", `withEmbedded{base{1}, "n"}`, withEmbedded{base{1}, "n"}},
	{"struct generic", `generic[string]{"v"}`, generic[string]{"v"}},
	{"list", "a linked list of two", tree{Name: "a", Kids: []*tree{{Name: "b"}}}},
	{"time UTC", "time.Unix(1, 2).UTC()", time.Unix(1, 2).UTC()},
	{"time zone", "time.Unix(1, 2).In(CEST)", time.Unix(1, 2).In(plus2)},
	{"time zero", "time.Time{}", time.Time{}},
	{"big int small", "big.NewInt(-7)", *big.NewInt(-7)},
	{"big int", "1 << 64", *bigInt("0x10000000000000000")},
	{"big int negative", "-1<<64 - 1", *bigInt("-0x10000000000000001")},
	{"big int smallest 64", "-1 << 64", *bigInt("-0x10000000000000000")},
	{"big rat", "big.NewRat(1, -3)", *big.NewRat(1, -3)},
	{"big rat zero", "big.Rat{}", big.Rat{}},
	{"big float", "big.NewFloat(1.5)", *big.NewFloat(1.5)},
	{"big float precise", "1.5 with 100 bits", *big.NewFloat(1.5).SetPrec(100)},
	{"addr zero", "netip.Addr{}", netip.Addr{}},
	{"addr 4", `netip.MustParseAddr("1.2.3.4")`, netip.MustParseAddr("1.2.3.4")},
	{"addr 4 in 6", `netip.MustParseAddr("::ffff:1.2.3.4")`, netip.MustParseAddr("::ffff:1.2.3.4")},
	{"addr zone", `netip.MustParseAddr("fe80::1%eth0")`, netip.MustParseAddr("fe80::1%eth0")},
	{"addr port", `netip.MustParseAddrPort("1.2.3.4:80")`, netip.MustParseAddrPort("1.2.3.4:80")},
	{"prefix", `netip.MustParsePrefix("10.0.0.0/8")`, netip.MustParsePrefix("10.0.0.0/8")},
	{"prefix invalid", "netip.PrefixFrom(1.2.3.4, 99)", netip.PrefixFrom(netip.MustParseAddr("1.2.3.4"), 99)},
	{"userinfo", `url.UserPassword("u", "")`, *url.UserPassword("u", "")},
	{"userinfo without password", `url.User("u")`, *url.User("u")},
	{"regexp", `regexp.MustCompile("a|ab")`, regexp.MustCompile("a|ab")},
	{"regexp longest", "the same, Longest", longestRegexp()},
	{"text marshaler", `hidden{"t"}`, hidden{"t"}},
	{"binary marshaler", "hiddenBinary{9}", hiddenBinary{9}},
	{"cache keyer", "keyed{id: 3}", keyed{id: 3}},
	{"cache keyer nil", "(*keyed)(nil)", (*keyed)(nil)},
	{"cache keyer func", "keyedFunc(nil)", keyedFunc(nil)},
}

const vectorFile = "testdata/vectors.json"

func TestVectors(t *testing.T) {
	var got []vector
	for _, v := range values {
		got = append(got, vector{v.name, v.text, hex.EncodeToString(encodeValue(t, v.v))})
	}
	if *update {
		b, err := json.MarshalIndent(got, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var want []vector
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("encodings changed, and with them every key (-pinned +now):\n%s", diff)
	}
}

// TestVectorsDiffer: fingerprint and encoding together tell all values apart.
func TestVectorsDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, v := range values {
		fp := Fingerprint(reflect.TypeOf(v.v))
		key := string(fp[:]) + string(encodeValue(t, v.v))
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s have the same key", other, v.name)
		}
		seen[key] = v.name
	}
}

func TestURLKeepsUser(t *testing.T) {
	a := encode(t, mustURL("https://u:p@example.com/x?q#f"))
	b := encode(t, mustURL("https://u:q@example.com/x?q#f"))
	if string(a) == string(b) {
		t.Error("the password does not count")
	}
}

func TestMonotonicReadingDoesNotCount(t *testing.T) {
	now := time.Now()
	if string(encode(t, now)) != string(encode(t, now.Round(0))) {
		t.Error("the monotonic reading counts")
	}
}

func TestMapOrderDoesNotMatter(t *testing.T) {
	a, b := map[string]smallInput{}, map[string]smallInput{}
	for i := range 100 {
		a[string(rune('a'+i))] = smallInput{N: i}
		b[string(rune('a'+99-i))] = smallInput{N: 99 - i}
	}
	want := string(encode(t, a))
	for range 20 {
		if string(encode(t, a)) != want || string(encode(t, b)) != want {
			t.Fatal("two encodings of equal maps differ")
		}
	}
}

func TestNaNKeys(t *testing.T) {
	m := map[float64]int{math.NaN(): 1, math.NaN(): 2, 1: 3}
	want := string(encode(t, m))
	for range 20 {
		if string(encode(t, m)) != want {
			t.Fatal("entries under NaN are not sorted by value")
		}
	}
}

func TestPromotedMethodsDoNotSpeakForTheWhole(t *testing.T) {
	type outer struct {
		time.Time
		secret int
	}
	if _, err := Compile(reflect.TypeFor[outer](), Options{}); err == nil {
		t.Error("MarshalBinary of the embedded time stands for a struct with another field")
	}
	type keyedOuter struct {
		keyedFunc
		N int
	}
	_, err := Compile(reflect.TypeFor[keyedOuter](), Options{})
	if err == nil {
		t.Error("an unexported embedded func was accepted")
	}
	a, b := promoting{Inner{1}, 1}, promoting{Inner{1}, 2}
	if string(encode(t, a)) == string(encode(t, b)) {
		t.Error("the promoted CacheKey hides N")
	}
	c, d := overriding{Inner{1}, 1}, overriding{Inner{2}, 1}
	if string(encode(t, c)) == string(encode(t, d)) {
		t.Error("an embedded CacheKeyer does not count beside a CacheKey that may be promoted from it")
	}
}

type Inner struct{ ID int }

func (i Inner) CacheKey() (any, error) { return i.ID, nil }

type promoting struct {
	Inner
	N int
}

type overriding struct {
	Inner
	N int
}

func (o *overriding) CacheKey() (any, error) { return o.N, nil }

func TestAppendAnyFramesTheType(t *testing.T) {
	a, err := AppendAny(t.Context(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := AppendAny(t.Context(), nil, int64(1))
	if err != nil {
		t.Fatal(err)
	}
	if string(a) == string(b) {
		t.Error("int and int64 are one")
	}
	if got, err := AppendAny(t.Context(), []byte{9}, func() {}); err == nil || string(got) != "\x09" {
		t.Errorf("a func gave %x, %v", got, err)
	}
}

// TestAppendAnyDirect covers what interfaces hold without a pointer.
func TestAppendAnyDirect(t *testing.T) {
	n := 5
	type one struct{ P *int }
	for _, v := range []any{&n, map[string]int{"a": 1}, one{&n}, [1]*int{&n}, one{}, [1]map[int]int{}} {
		want := encodeValue(t, v)
		got, err := AppendAny(t.Context(), nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if string(got[len(got)-len(want):]) != string(want) {
			t.Errorf("%T: %x does not end in %x", v, got, want)
		}
	}
}

// TestKeyersMayKeepTheirReceiver: no later encoding changes what it points to.
func TestKeyersMayKeepTheirReceiver(t *testing.T) {
	kept = nil
	in := map[string]keeper{"a": {1}, "b": {2}, "c": {3}}
	encode(t, in)
	encode(t, [2]keeper{{4}, {5}})
	got := map[int]bool{}
	for _, k := range kept {
		got[k.ID] = true
	}
	if len(kept) != 5 || len(got) != 5 {
		t.Errorf("receivers hold %v", got)
	}
}

var kept []*keeper

type keeper struct{ ID int }

func (k *keeper) CacheKey() (any, error) {
	kept = append(kept, k)
	return k.ID, nil
}
