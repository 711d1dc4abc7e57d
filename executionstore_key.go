package reprise

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/internal/value"
	"github.com/reprise-go/reprise/store"
)

// The codecs' names in the envelopes of values.
const (
	jsonCodec = "json"
	rawCodec  = "raw" // of SetBytes
)

// key is the store's key for a key of this execution store.
func (s *ExecutionStore) key(key string) store.Key {
	b := canon.AppendArray(nil, 5)
	b = canon.AppendString(b, "reprise entry 1")
	b = canon.AppendString(b, s.opts.Collection)
	b = canon.AppendString(b, s.name)
	b = canon.AppendString(b, s.opts.Dataset)
	b = canon.AppendString(b, key)
	return sha256.Sum256(b)
}

func (s *ExecutionStore) labels(key string) store.Labels {
	return store.Labels{Kind: store.KindEntry, Collection: s.opts.Collection, Function: s.name, Dataset: s.opts.Dataset, Entry: key}
}

func (s *ExecutionStore) policy(p Policy) (store.Policy, error) {
	switch p {
	case DefaultPolicy:
		return s.policy(s.opts.Policy)
	case Persist:
		return store.Persist, nil
	case Evict:
		return store.Evict, nil
	}
	return 0, refuse(true, "Policy: %d is none of Persist, Evict", p)
}

func (s *ExecutionStore) wrap(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reprise: execution store %s: %s %q: %w", s.name, op, key, err)
}

// encodeAny makes JSON of v and proves that it comes back.
func encodeAny(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, &codec.Error{Codec: jsonCodec, Type: reflect.TypeOf(v), Reason: err.Error()}
	}
	if v == nil {
		return b, nil
	}
	t := reflect.TypeOf(v)
	a, back := reflect.New(t), reflect.New(t)
	a.Elem().Set(reflect.ValueOf(v))
	if err := json.Unmarshal(b, back.Interface()); err != nil {
		return nil, &codec.Error{Codec: jsonCodec, Type: t, Reason: "does not come back: " + err.Error()}
	}
	path, ok := value.CompileEqual(t)(unsafe.Pointer(a.Pointer()), unsafe.Pointer(back.Pointer()))
	if !ok {
		return nil, &codec.Error{Codec: jsonCodec, Type: t, Path: path, Reason: "would not come back as it went"}
	}
	return b, nil
}
