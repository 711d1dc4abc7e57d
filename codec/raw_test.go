package codec_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise/codec"
)

func TestRaw(t *testing.T) {
	for _, v := range [][]byte{nil, {}, {0}, {0, 0}, {0, 1}, []byte("plain"), {1, 0}} {
		if stage, err := outcome(codec.Raw[[]byte](), v); stage != ok {
			t.Errorf("%v: %s: %v", v, stage, err)
		}
		if stage, err := outcome(codec.Raw[payload](), payload(v)); stage != ok {
			t.Errorf("%v: %s: %v", v, stage, err)
		}
		if stage, err := outcome(codec.Raw[string](), string(v)); stage != ok {
			t.Errorf("%q: %s: %v", v, stage, err)
		}
	}
	b, err := codec.Raw[[]byte]().Append(nil, []byte("as it is"))
	if string(b) != "as it is" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// Of all bytes, each is either refused or the only encoding of what it decodes to.
func TestRawIsCanonical(t *testing.T) {
	c := codec.Raw[[]byte]()
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 4).Draw(t, "b")
		v, err := c.Decode(b)
		if err != nil {
			return
		}
		again, err := c.Append(nil, v)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v decodes to %v, which encodes to %v, %v", b, v, again, err)
		}
	})
	if _, err := c.Decode([]byte{0, 1}); err == nil || !strings.Contains(err.Error(), "zero byte") {
		t.Errorf("a needless zero byte: %v", err)
	}
}
