// Package canon turns Go values into canonical bytes: equal bytes only for
// values that no function can tell apart, and the same bytes on every machine,
// in every process and whatever the order of a map. The encoding is CBOR in
// the core deterministic form of RFC 8949, section 4.2; docs/keys.md specifies
// it and testdata pins it.
//
// [Compile] builds an [Encoder] for one type, once. After that no reflection
// walks the value: each part of the type has become a function over a pointer,
// and types without interfaces, files or methods of their own are encoded
// without allocating.
//
// Bytes alone do not say what type they came from: int8(1) and uint64(1) are
// both 01. A key therefore also holds the [Fingerprint] of its types. Where
// the type is only known at run time, in an interface, it is part of the
// bytes.
//
// What cannot be encoded in full is an [*UnkeyableError], from Compile where
// the type shows it, else from Append. Nothing is skipped or guessed.
package canon
