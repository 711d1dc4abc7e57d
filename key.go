package reprise

import (
	"context"
	"crypto/sha256"
	"reflect"
	"sync"
	"unsafe"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/internal/engine"
	"github.com/reprise-go/reprise/store"
)

// keyFormat names the derivation below; docs/keys.md specifies it. Any change
// to it or to package canon's encoding changes this string.
const keyFormat = "reprise key 1"

// A keyer derives the keys of one function's calls. What is the same for all
// of them (name, version, types) is hashed once, into prefix. What differs
// (dataset, scopes, inputs) is encoded per call: these bytes are the key in
// the memory tier, and SHA-256 over prefix and bytes is the key in the store.
type keyer[In any] struct {
	engine  *engine.Engine
	prefix  [sha256.Size]byte
	enc     *canon.Encoder // of In; nil beside keyFunc
	keyFunc func(context.Context, In) (any, error)
	linked  bool
	scope   Scope
	pool    sync.Pool
}

// scratch is what one call needs to be keyed. In lives here because a pointer
// to it goes through compiled encoders, which would put each call's input on
// the heap.
type scratch[In any] struct {
	in  In
	key []byte
}

// identity is the part of the key that all calls of a function share.
type identity struct {
	collection, name, version, salt string
	in, out                         reflect.Type
}

func (id *identity) digest() [sha256.Size]byte {
	in, out := canon.Fingerprint(id.in), canon.Fingerprint(id.out)
	b := canon.AppendArray(nil, 7)
	b = canon.AppendString(b, keyFormat)
	b = canon.AppendString(b, id.collection)
	b = canon.AppendString(b, id.name)
	b = canon.AppendString(b, id.version)
	b = canon.AppendString(b, id.salt)
	b = canon.AppendBytes(b, in[:])
	b = canon.AppendBytes(b, out[:])
	return sha256.Sum256(b)
}

func (k *keyer[In]) get(in In) *scratch[In] {
	sc, _ := k.pool.Get().(*scratch[In])
	if sc == nil {
		sc = &scratch[In]{key: make([]byte, 0, 256)}
	}
	sc.in = in
	return sc
}

// put gives sc back. The input is forgotten: a pool must not keep it alive.
func (k *keyer[In]) put(sc *scratch[In]) {
	var zero In
	sc.in = zero
	if cap(sc.key) <= maxPooledKey {
		k.pool.Put(sc)
	}
}

// maxPooledKey keeps one huge input from pinning its buffer.
const maxPooledKey = 64 << 10

// encode fills sc.key with the canonical bytes of what differs between calls.
func (k *keyer[In]) encode(ctx context.Context, s *settings, sc *scratch[In]) error {
	b, err := k.appendCaller(ctx, sc.key[:0], s)
	if err != nil {
		return err
	}
	if k.keyFunc == nil {
		b, err = k.enc.Append(ctx, b, unsafe.Pointer(&sc.in))
	} else {
		b, err = k.appendCustom(ctx, b, sc.in)
	}
	sc.key = b
	return err
}

// noCaller is what appendCaller appends for a call that neither a dataset nor
// a scope separates from others: an array of three that begins with two nulls.
var noCaller = canon.AppendNull(canon.AppendNull(canon.AppendArray(nil, 3)))

// appendCaller begins the array of three with who calls; the inputs follow.
func (k *keyer[In]) appendCaller(ctx context.Context, b []byte, s *settings) ([]byte, error) {
	if k.scope == 0 && (s == nil || s.exec == nil) {
		return append(b, noCaller...), nil
	}
	b, err := k.appendDataset(canon.AppendArray(b, 3), s)
	if err != nil {
		return b, err
	}
	return k.appendScopes(ctx, b, s)
}

func (k *keyer[In]) appendCustom(ctx context.Context, b []byte, in In) ([]byte, error) {
	v, err := k.keyFunc(ctx, in)
	if err != nil {
		return b, err
	}
	return canon.AppendAny(ctx, b, v)
}

// appendDataset refuses an Execution without a dataset for a linked function:
// whoever forgot it would share results across datasets. A ctx without any
// Execution is outside of all datasets.
func (k *keyer[In]) appendDataset(b []byte, s *settings) ([]byte, error) {
	if !k.linked || s == nil || s.exec == nil {
		return canon.AppendNull(b), nil
	}
	if s.exec.Dataset == "" {
		return b, &ScopeError{Field: "Dataset"}
	}
	return canon.AppendString(b, s.exec.Dataset), nil
}

func (k *keyer[In]) appendScopes(ctx context.Context, b []byte, s *settings) ([]byte, error) {
	if k.scope == 0 {
		return canon.AppendNull(b), nil
	}
	var exec *execution
	if s != nil {
		exec = s.exec
	}
	hashes, err := exec.scopes(ctx, k.engine)
	if err != nil {
		return b, err
	}
	b = canon.AppendArray(b, len(scopes))
	for i, sc := range scopes {
		switch {
		case k.scope&sc.bit == 0:
			b = canon.AppendNull(b)
		case sc.value(exec) == "":
			return b, &ScopeError{Field: sc.field}
		default:
			b = canon.AppendBytes(b, hashes.of[i][:])
		}
	}
	return b, nil
}

// digest is the key in the store for the bytes in sc.key.
func (k *keyer[In]) digest(key []byte) store.Key {
	h := sha256.New()
	h.Write(k.prefix[:])
	h.Write(key)
	var d store.Key
	h.Sum(d[:0])
	return d
}

// maxMemoryKey is where the memory tier keeps a hash in place of the bytes.
const maxMemoryKey = 512

// memoryKey is the key in the memory tier: the bytes, or for long ones their
// hash, whose first byte no canonical encoding of ours begins with.
func memoryKey(key []byte, buf *[1 + sha256.Size]byte) []byte {
	if len(key) <= maxMemoryKey {
		return key
	}
	buf[0] = 0xff
	sum := sha256.Sum256(key)
	copy(buf[1:], sum[:])
	return buf[:]
}
