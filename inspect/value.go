package inspect

import (
	"context"
)

// Value is a stored value for people to read. Its texts are as they were
// stored: whoever shows them escapes them.
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
//
// Nothing in a value says what is private. What has the name of an input that
// is private is left out, whatever its case; a private input that the function
// returns under another name is shown.
func (i *Inspector) Value(ctx context.Context, ref string) (Value, error) {
	f, err := i.find(ctx, ref)
	if err != nil {
		return Value{}, wrap("value", err)
	}
	payload, info, err := i.open(ctx, f)
	if err != nil {
		return Value{}, wrap("value", err)
	}
	v := Value{Key: f.rec.Key.String(), State: f.state, ValueInfo: info}
	parts, err := partsOf(&f.rec)
	if err != nil { // what is private cannot be known
		v.Tree, v.Hidden, v.Problem = Node{Kind: HiddenNode}, 1, err.Error()
		return v, nil
	}
	v.decode(payload, privateNames(parts), i.o.Decode)
	return v, nil
}

// Payload returns the value of an entry as its codec made it, whole, with
// everything that is private in it.
func (i *Inspector) Payload(ctx context.Context, ref string) (Payload, error) {
	f, err := i.find(ctx, ref)
	if err != nil {
		return Payload{}, wrap("payload", err)
	}
	b, info, err := i.open(ctx, f)
	if err != nil {
		return Payload{}, wrap("payload", err)
	}
	return Payload{ValueInfo: info, State: f.state, Bytes: b}, nil
}

// decode makes the tree.
func (v *Value) decode(payload []byte, private map[string]bool, other func(string, []byte) ([]byte, error)) {
	t := tree{left: maxNodes, private: private}
	var err error
	switch v.Codec {
	case "json":
		v.Tree, err = t.json(payload)
	case "cbor":
		v.Tree, err = t.cbor(payload)
	default:
		v.Tree, err = t.other(payload, v.Codec, other)
	}
	if err != nil {
		v.Problem, t = err.Error(), tree{}
		if len(private) > 0 { // it could be anywhere
			v.Tree, t.hidden = Node{Kind: HiddenNode, Size: len(payload)}, 1
		} else {
			v.Tree = t.opaque(payload)
		}
	}
	v.Hidden, v.Cut = t.hidden, t.cut
}
