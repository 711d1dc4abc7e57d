package inspect

import (
	"context"
	"errors"
)

// Value is a stored value for people to read.
type Value struct {
	Key   string `json:"key"`
	State State  `json:"state"`
	ValueInfo
	Tree Node `json:"tree"`
	// Hidden is how many parts are not shown because they have the name of a
	// private input.
	Hidden int `json:"hidden,omitempty"`
	// Cut is true where the value is too large, or too deep, to be shown whole.
	Cut bool `json:"cut,omitempty"`
	// Problem says why the value is shown as bytes although its codec is one
	// that is known; empty: nothing.
	Problem string `json:"problem,omitempty"`
}

// NodeKind is the kind of a Node.
type NodeKind string

// The kinds of nodes.
const (
	NullNode   NodeKind = "null"
	BoolNode   NodeKind = "bool"
	NumberNode NodeKind = "number"
	StringNode NodeKind = "string"
	BytesNode  NodeKind = "bytes" // Text is hexadecimal
	ArrayNode  NodeKind = "array"
	ObjectNode NodeKind = "object"
	TagNode    NodeKind = "tag"    // a CBOR tag: Text is its number, the only child what it is on
	HiddenNode NodeKind = "hidden" // a private part
)

// Node is a part of a value.
type Node struct {
	Kind NodeKind `json:"kind"`
	Name string   `json:"name,omitempty"` // of a member of an object, as the value has it
	Text string   `json:"text,omitempty"` // of a scalar, at most 4 KiB
	// Size is the whole length of a string or bytes in bytes, and of an array or
	// object in members, where it is known.
	Size     int    `json:"size,omitempty"`
	Children []Node `json:"children,omitempty"`
	Cut      bool   `json:"cut,omitempty"` // Text or Children are not all of it
}

// Payload is a stored value as its codec made it.
type Payload struct {
	ValueInfo
	State State
	Bytes []byte // the caller's own
}

// Value decodes the value of an entry, which ref names as for Entry. JSON and
// CBOR become trees; other codecs' values are shown as text if they are UTF-8,
// else as bytes. At most 10,000 nodes, 64 deep, are shown. ErrDamaged where
// the value fails its checks.
func (i *Inspector) Value(ctx context.Context, ref string) (Value, error) {
	return Value{}, errors.ErrUnsupported
}

// Payload returns the value of an entry as its codec made it, whole, with
// everything that is private in it.
func (i *Inspector) Payload(ctx context.Context, ref string) (Payload, error) {
	return Payload{}, errors.ErrUnsupported
}
