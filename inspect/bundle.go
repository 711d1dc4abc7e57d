package inspect

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/reprise-go/reprise/store"
)

// The bundle, as docs/bundle.md specifies it. Whoever changes anything here
// gives bundleVersion the next number.
const (
	bundleMagic   = "rprsbndl"
	bundleVersion = 1
	bundleGzip    = 1 // compression
	bundleSigned  = 1 // flag
	prologueSize  = len(bundleMagic) + 4

	frameHeader = 'H'
	frameEntry  = 'E'
	frameEnd    = 'F'
	frameFixed  = 1 + 4 + 8 // type, length of the description, length of the value

	maxDescription = 32 << 20 // bytes
)

// bundleHeader describes a bundle. Moments are microseconds since 1970.
type bundleHeader struct {
	_        struct{} `cbor:",toarray"`
	Exported int64    // by the clock of the store that it is from
	Source   []byte   // which store that was: see sourceOf
}

// bundleEntry describes an entry. Durations are nanoseconds.
type bundleEntry struct {
	_          struct{} `cbor:",toarray"`
	Key        []byte
	Kind       uint8
	Collection []byte
	Function   []byte
	Dataset    []byte
	Version    []byte
	Entry      []byte
	Tags       [][]byte
	Policy     uint8
	Begun      uint64
	Created    int64
	Expires    int64 // 0: never
	Grace      int64
	Cost       int64
	Manifest   []byte
}

// bundleEnd ends a bundle.
type bundleEnd struct {
	_       struct{} `cbor:",toarray"`
	Entries uint64
	Bytes   uint64 // of values
}

var (
	bundleEncoding = must(cbor.CoreDetEncOptions().EncMode())
	bundleDecoding = must(cbor.DecOptions{
		MaxNestedLevels:  4,
		MaxArrayElements: 1 << 20,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
	}.DecMode())
)

// must is for options that are constant: a test would show an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic("inspect: " + err.Error())
	}
	return v
}

// describe decodes a description, and takes no other encoding than its own.
func describe(b []byte, v any) error {
	if err := bundleDecoding.Unmarshal(b, v); err != nil {
		return err
	}
	again, err := bundleEncoding.Marshal(v)
	if err == nil && !bytes.Equal(again, b) {
		err = errors.New("it is not encoded as it should be")
	}
	return err
}

// sourceOf tells stores apart without giving away their ID, which keys the
// hashes of scopes where no Config.Secret does.
func sourceOf(id [32]byte) []byte {
	sum := sha256.Sum256(append([]byte("reprise bundle source 1\x00"), id[:]...))
	return sum[:]
}

// signature signs a frame by its checksum.
func signature(key []byte, sum [sha256.Size]byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("reprise bundle 1\x00"))
	m.Write(sum[:])
	return m.Sum(nil)
}

// describeRecord is rec without its value.
func describeRecord(rec *store.Record) *bundleEntry {
	l := &rec.Labels
	e := &bundleEntry{
		Key: rec.Key[:], Kind: uint8(l.Kind), Policy: uint8(rec.Policy), Begun: rec.Begun, Created: rec.Created.UnixMicro(),
		Grace: int64(rec.Grace), Cost: int64(rec.Cost), Manifest: orEmpty(rec.Manifest), Tags: make([][]byte, len(l.Tags)),
		Collection: []byte(l.Collection), Function: []byte(l.Function), Dataset: []byte(l.Dataset),
		Version: []byte(l.Version), Entry: []byte(l.Entry),
	}
	for n, t := range l.Tags {
		e.Tags[n] = []byte(t)
	}
	if !rec.Expires.IsZero() {
		e.Expires = max(1, rec.Expires.UnixMicro())
	}
	return e
}

// orEmpty keeps nil, which is encoded otherwise, out of descriptions.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// record is the entry for a store, but for Begun and TTL. What no store would
// have given out is an error.
func (e *bundleEntry) record(value []byte) (*store.Record, error) {
	rec := &store.Record{
		Labels: store.Labels{
			Kind: store.Kind(e.Kind), Collection: string(e.Collection), Function: string(e.Function), Dataset: string(e.Dataset),
			Version: string(e.Version), Entry: string(e.Entry),
		},
		Value: value, Size: int64(len(value)), Policy: store.Policy(e.Policy), Begun: e.Begun, Created: time.UnixMicro(e.Created),
		Grace: time.Duration(e.Grace), Cost: time.Duration(e.Cost), Manifest: e.Manifest,
	}
	null := e.Tags == nil
	for _, b := range [][]byte{e.Collection, e.Function, e.Dataset, e.Version, e.Entry, e.Manifest} {
		null = null || b == nil
	}
	for _, t := range e.Tags {
		rec.Labels.Tags, null = append(rec.Labels.Tags, string(t)), null || t == nil
	}
	if e.Expires != 0 {
		rec.Expires = time.UnixMicro(e.Expires)
	}
	switch tags := rec.Labels.Tags; {
	case null:
		return nil, errors.New("null where a string or a list should be")
	case copy(rec.Key[:], e.Key) != len(rec.Key) || len(e.Key) != len(rec.Key):
		return nil, fmt.Errorf("a key of %d bytes", len(e.Key))
	case rec.Labels.Kind > store.KindEntry, rec.Policy > store.Persist:
		return nil, fmt.Errorf("kind %d, policy %d", e.Kind, e.Policy)
	case e.Expires < 0, e.Grace < 0, e.Cost < 0:
		return nil, errors.New("a negative duration")
	case !slices.IsSorted(tags) || len(slices.Compact(slices.Clone(tags))) != len(tags):
		return nil, errors.New("tags that are not sorted, or appear twice")
	case reserved(&rec.Labels):
		return nil, fmt.Errorf("an entry of reprise's own collection %q", rec.Labels.Collection)
	}
	return rec, nil
}
