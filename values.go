package reprise

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/internal/engine"
	"github.com/reprise-go/reprise/internal/value"
)

// values handles results of type Out for the engine, to which each is a *Out.
type values[Out any] struct {
	codec  codec.Codec[Out]
	equal  value.Comparer
	clone  value.Cloner // nil: copies go through the codec
	shared bool         // results are handed out as they are
}

func newValues[Out any](c codec.Codec[Out], shared bool) *values[Out] {
	t := reflect.TypeFor[Out]()
	v := &values[Out]{codec: c, equal: value.CompileEqual(t), shared: shared || value.Immutable(t)}
	v.clone, _ = value.CompileClone(t)
	return v
}

// check says at Wrap what can be known of Out: whether it can be stored, and
// whether callers can be given copies.
func (v *values[Out]) check(r Residency) error {
	serr := codec.Check(v.codec)
	if r != Ephemeral {
		return serr
	}
	return refuse(!v.shared && v.clone == nil && serr != nil,
		"results of type %v cannot be copied for each caller; set Options.Shared if nobody modifies them", reflect.TypeFor[Out]())
}

func (v *values[Out]) engineCodec() engine.Codec {
	return engine.Codec{
		Name:   v.codec.Name(),
		Encode: func(x any) ([]byte, error) { return v.codec.Append(nil, *x.(*Out)) },
		Decode: func(b []byte) (any, error) {
			out, err := v.codec.Decode(b)
			return &out, err
		},
		Verify: v.verify,
		Copy:   v.copy,
		Size:   func(x any) int64 { return value.SizeOf(*x.(*Out)) },
	}
}

// verify holds a stored result against the original: a hit must equal a miss.
// A codec that knows better what is equal decides.
func (v *values[Out]) verify(x, back any) error {
	a, b := x.(*Out), back.(*Out)
	var path string
	var ok bool
	if c, knows := v.codec.(codec.Comparer[Out]); knows {
		ok = c.Equal(*a, *b)
	} else {
		path, ok = v.equal(unsafe.Pointer(a), unsafe.Pointer(b))
	}
	if ok {
		return nil
	}
	return &codec.Error{Codec: v.codec.Name(), Type: reflect.TypeFor[Out](), Path: path,
		Reason: "would not come back as it went; choose a codec that keeps it, or return what this one keeps"}
}

// copy gives a result that shares nothing mutable with x.
func (v *values[Out]) copy(x any) (any, error) {
	p := x.(*Out)
	if v.shared {
		return p, nil
	}
	if c, knows := v.codec.(codec.Cloner[Out]); knows {
		out := c.Clone(*p)
		return &out, nil
	}
	if v.clone != nil {
		out := new(Out)
		if v.clone(unsafe.Pointer(out), unsafe.Pointer(p)) {
			return out, nil
		}
	}
	return v.recode(p)
}

// recode copies by way of the codec, whose panic is an error: it must not take
// a computed value with it.
func (v *values[Out]) recode(p *Out) (own any, err error) {
	defer func() {
		if r := recover(); r != nil {
			own, err = nil, fmt.Errorf("codec %s panicked while copying a result: %v", v.codec.Name(), r)
		}
	}()
	b, err := v.codec.Append(nil, *p)
	if err != nil {
		return nil, err
	}
	out, err := v.codec.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("copy of a result: %w", err)
	}
	return &out, v.verify(p, &out)
}

// take is the caller's own value of x.
func (v *values[Out]) take(x any, owned bool) (Out, error) {
	p := x.(*Out)
	if owned || v.shared {
		return *p, nil
	}
	own, err := v.copy(p)
	if err != nil {
		var zero Out
		return zero, err
	}
	return *own.(*Out), nil
}
