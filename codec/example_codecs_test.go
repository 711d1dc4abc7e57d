package codec_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/reprise-go/reprise/codec"
)

func ExampleJSON() {
	type city struct {
		Name string
		Lat  float64
	}
	c := codec.JSON[city]()
	b, err := c.Append(nil, city{"Bergen & Voss", 60.39})
	fmt.Println(string(b), err)
	v, err := c.Decode(b)
	fmt.Println(v.Name, err)
	// Output:
	// {"Name":"Bergen & Voss","Lat":60.39} <nil>
	// Bergen & Voss <nil>
}

func ExampleCBOR() {
	type sample struct {
		At    time.Time
		Level float64
		ByID  map[int]string
	}
	c := codec.CBOR[sample]()
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.FixedZone("BRT", -3*3600))
	b, err := c.Append(nil, sample{at, math.NaN(), map[int]string{7: "seven"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := c.Decode(b)
	fmt.Println(v.At, v.Level, v.ByID, err)
	// Output: 2024-05-06 07:08:09 -0300 BRT NaN map[7:seven] <nil>
}

func ExampleRaw() {
	c := codec.Raw[[]byte]()
	b, _ := c.Append(nil, []byte("<html>"))
	fmt.Println(string(b))
	// Output: <html>
}

func ExampleProto() {
	c := codec.Proto[*wrapperspb.Int64Value]()
	b, _ := c.Append(nil, wrapperspb.Int64(300))
	v, err := c.Decode(b)
	fmt.Println(hex.EncodeToString(b), v.Value, err)
	// Output: 0108ac02 300 <nil>
}

func ExampleFunc() {
	c := codec.Func("seconds/1",
		func(d time.Duration) ([]byte, error) { return strconv.AppendFloat(nil, d.Seconds(), 'g', -1, 64), nil },
		func(b []byte) (time.Duration, error) {
			s, err := strconv.ParseFloat(string(b), 64)
			return time.Duration(s * float64(time.Second)), err
		})
	b, _ := c.Append(nil, 1500*time.Millisecond)
	v, err := c.Decode(b)
	fmt.Println(string(b), v, err)
	// Output: 1.5 1.5s <nil>
}

func ExampleCheck() {
	type session struct {
		User string
		done chan struct{}
	}
	err := codec.Check(codec.JSON[map[string]session]())
	fmt.Println(err)
	fmt.Println(errors.Is(err, codec.ErrNotSerializable))
	// Output:
	// codec: json cannot store map[string]codec_test.session at [].done: the field is unexported and would be lost; export it, or give a custom codec (codec.Func)
	// true
}

func ExampleError() {
	type report struct{ Totals map[string]float64 }
	_, err := codec.JSON[report]().Append(nil, report{map[string]float64{"mean": math.NaN()}})
	var e *codec.Error
	if errors.As(err, &e) {
		fmt.Println(e.Path)
		fmt.Println(e.Reason)
	}
	// Output:
	// Totals["mean"]
	// JSON has no NaN; use codec.CBOR
}
