// Package codec turns results into bytes and back.
//
// [JSON] is the default and reads well in tools. [CBOR] keeps more: NaN and
// infinities, strings that are no UTF-8, maps with any keys, named time zones,
// []byte without base64. [Raw] stores bytes and strings as they are, [Proto]
// stores protocol buffers, and [Func] makes a codec of two functions.
//
// # A hit equals a miss
//
// A cache may only store what decodes to the very value that was encoded. The
// codecs of this package help with that in two ways. [Check] finds types that
// lose something, such as unexported fields or channels, before the first
// value is made; Append finds values that would change, such as an int in an
// interface, which JSON reads back as a float64. Both name the field and what
// to do. What these cannot see, the caller finds by decoding what it encoded
// and comparing.
//
// All codecs are safe for concurrent use.
package codec
