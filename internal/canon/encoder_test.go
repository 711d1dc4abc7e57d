package canon

import (
	"encoding/hex"
	"reflect"
	"testing"
	"unsafe"
)

// encode compiles and encodes v under its static type.
func encode[T any](t testing.TB, v T, ignore ...string) []byte {
	t.Helper()
	b, err := tryEncode(t, v, ignore...)
	if err != nil {
		t.Fatalf("encode %#v: %v", v, err)
	}
	return b
}

func tryEncode[T any](t testing.TB, v T, ignore ...string) ([]byte, error) {
	t.Helper()
	e, err := Compile(reflect.TypeFor[T](), Options{Ignore: ignore})
	if err != nil {
		return nil, err
	}
	return e.Append(t.Context(), nil, unsafe.Pointer(&v))
}

func TestAppendSmoke(t *testing.T) {
	got := hex.EncodeToString(encode(t, struct {
		B map[string]any
		A int
	}{map[string]any{"x": 1, "w": nil}, -1}))
	fp := Fingerprint(reflect.TypeFor[int]())
	want := "a2" + "6141" + "20" + "6142" + "a2" + "6177" + "f6" + "6178" + "83" + "63696e74" + "48" + hex.EncodeToString(fp[:8]) + "01"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
