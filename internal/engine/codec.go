package engine

import (
	"fmt"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/store"
)

// Codec turns values into bytes and copies. All functions are safe for
// concurrent use.
type Codec struct {
	Name   string
	Encode func(v any) ([]byte, error)
	Decode func(b []byte) (any, error)
	// Verify reports how back differs from v, which were to be equal.
	Verify func(v, back any) error
	// Copy gives a value that shares nothing mutable with v.
	Copy func(v any) (any, error)
	// Size estimates the bytes that v holds in memory.
	Size func(v any) int64
}

// encode is Encode, with a panic of somebody's marshaler as an error: it must
// not take a computed value with it.
func (c *Codec) encode(v any) (b []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, fmt.Errorf("codec %s panicked while encoding: %v", c.Name, r)
		}
	}()
	return c.Encode(v)
}

// decode is Decode, with a panic as an error: stored bytes are nobody's to
// trust.
func (c *Codec) decode(b []byte) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			v, err = nil, fmt.Errorf("codec %s panicked while decoding: %v", c.Name, r)
		}
	}()
	return c.Decode(b)
}

// Seal makes the bytes of a payload for the store.
func (e *Engine) Seal(key store.Key, codec string, payload []byte) ([]byte, error) {
	return e.sealer.Seal(nil, envelope.Header{Codec: codec, Key: key}, payload)
}

// Unseal gives back what Seal was given for this key and codec, or an error.
func (e *Engine) Unseal(key store.Key, codec string, sealed []byte) ([]byte, error) {
	payload, h, err := e.sealer.Open(sealed, key)
	if err == nil && h.Codec != codec {
		err = fmt.Errorf("the value is of codec %q, not %q", h.Codec, codec)
	}
	return payload, err
}
