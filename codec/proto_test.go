package codec_test

import (
	"errors"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/reprise-go/reprise/codec"
)

func TestProto(t *testing.T) {
	c := codec.Proto[*structpb.Struct]()
	if c.Name() != "proto" || codec.Check(c) != nil {
		t.Fatalf("%q, %v", c.Name(), codec.Check(c))
	}
	full, err := structpb.NewStruct(map[string]any{"a": math.NaN(), "b": []any{"x", nil}, "c": map[string]any{"d": true}})
	if err != nil {
		t.Fatal(err)
	}
	equal := c.(codec.Comparer[*structpb.Struct])
	for _, v := range []*structpb.Struct{nil, {}, full} {
		b, err := c.Append([]byte("before"), v)
		if err != nil || string(b[:6]) != "before" {
			t.Fatalf("%q, %v", b, err)
		}
		got, err := c.Decode(b[6:])
		if err != nil || !equal.Equal(got, v) {
			t.Errorf("%v came back as %v, %v", v, got, err)
		}
	}
	if equal.Equal(nil, &structpb.Struct{}) {
		t.Error("nil equals the empty message")
	}
}

func TestProtoKeepsUnknownFields(t *testing.T) {
	v := &wrapperspb.StringValue{Value: "x"}
	v.ProtoReflect().SetUnknown([]byte{0x28, 0x07})
	c := codec.Proto[*wrapperspb.StringValue]()
	b, err := c.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Decode(b); err != nil || !proto.Equal(got, v) || len(got.ProtoReflect().GetUnknown()) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestProtoClone(t *testing.T) {
	cloner := codec.Proto[*wrapperspb.BytesValue]().(codec.Cloner[*wrapperspb.BytesValue])
	v := wrapperspb.Bytes([]byte("abc"))
	c := cloner.Clone(v)
	c.Value[0] = 'x'
	if string(v.Value) != "abc" || cloner.Clone(nil) != nil {
		t.Errorf("%v, %v", v, cloner.Clone(nil))
	}
}

func TestProtoRefuses(t *testing.T) {
	c := codec.Proto[*wrapperspb.StringValue]()
	for _, b := range []string{"", "\x00\x00", "\x02", "\x01\xff", "\x01\x0a\x05a"} {
		if v, err := c.Decode([]byte(b)); err == nil {
			t.Errorf("%q decoded to %v", b, v)
		}
	}
	if _, err := c.Append(nil, wrapperspb.String("\xff")); err == nil {
		t.Error("a string that is no UTF-8 was stored")
	}
	anything := codec.Proto[proto.Message]()
	_, encoding := anything.Append(nil, wrapperspb.String(""))
	_, decoding := anything.Decode([]byte{1})
	for _, err := range []error{codec.Check(anything), encoding, decoding} {
		if !errors.Is(err, codec.ErrNotSerializable) {
			t.Errorf("an interface as message type: %v", err)
		}
	}
}
