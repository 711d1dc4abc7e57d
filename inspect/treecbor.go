package inspect

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"
)

var (
	errCBOREnd    = errors.New("cbor: it ends too early")
	errCBORLength = errors.New("cbor: a length without end, which reprise does not write")
)

// CBOR's major types (RFC 8949, section 3.1).
const (
	cborUint = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

// head is the beginning of a data item.
type head struct {
	major byte
	info  byte // the low five bits
	arg   uint64
}

// cbor makes a tree of the first CBOR item in b; the names of time zones may
// follow it. Everything in b is looked at, and has to be well-formed.
func (t *tree) cbor(b []byte) (Node, error) {
	n, rest, err := t.cborItem(b, 0)
	for err == nil && len(rest) > 0 {
		rest, err = skipCBOR(rest)
	}
	return n, err
}

func (t *tree) cborItem(b []byte, depth int) (Node, []byte, error) {
	h, rest, err := cborHead(b)
	if err != nil {
		return Node{}, nil, err
	}
	switch h.major {
	case cborUint:
		return Node{Kind: NumberNode, Text: strconv.FormatUint(h.arg, 10)}, rest, nil
	case cborNegative:
		return Node{Kind: NumberNode, Text: negative(h.arg)}, rest, nil
	case cborBytes:
		return t.bytes(rest[:h.arg]), rest[h.arg:], nil
	case cborText:
		return t.cborText(rest[:h.arg]), rest[h.arg:], nil
	case cborSimple:
		return simple(h), rest, nil
	}
	n := Node{Kind: ArrayNode, Size: int(h.arg)}
	switch h.major {
	case cborMap:
		n.Kind = ObjectNode
	case cborTag:
		n.Kind, n.Text, n.Size = TagNode, strconv.FormatUint(h.arg, 10), 0
	}
	if depth == maxDepth {
		t.cutShort(&n)
		rest, err = skipCBOR(b)
		return n, rest, err
	}
	rest, err = t.cborMembers(&n, h, rest, depth)
	return n, rest, err
}

// cborMembers reads what is in an array, a map or a tag. What is too much is
// skipped.
func (t *tree) cborMembers(n *Node, h head, b []byte, depth int) (rest []byte, err error) {
	members := h.arg
	if h.major == cborTag {
		members = 1
	}
	for rest = b; members > 0; members-- {
		if !t.take() {
			t.cutShort(n)
			if h.major == cborMap {
				members *= 2 // its keys are items, too
			}
			return skipItems(rest, members)
		}
		var child Node
		if child, rest, err = t.cborMember(h.major, rest, depth); err != nil {
			return nil, err
		}
		n.Children = append(n.Children, child)
	}
	return rest, nil
}

func (t *tree) cborMember(major byte, b []byte, depth int) (Node, []byte, error) {
	if major != cborMap {
		return t.cborItem(b, depth+1)
	}
	name, b, err := memberKey(b)
	if err != nil {
		return Node{}, nil, err
	}
	var n Node
	if t.hides(name) {
		n.Kind = HiddenNode
		b, err = skipCBOR(b)
	} else {
		n, b, err = t.cborItem(b, depth+1)
	}
	n.Name = t.text(StringNode, name).Text
	return n, b, err
}

// memberKey reads a map's key, which may be anything, as text.
func memberKey(b []byte) (string, []byte, error) {
	rest, err := skipCBOR(b)
	if err != nil {
		return "", nil, err
	}
	var t tree // without room for members: they are shown as bytes
	key := b[:len(b)-len(rest)]
	n, _, err := t.cborItem(key, 0)
	switch {
	case err != nil:
		return "", nil, err
	case n.Kind == ArrayNode || n.Kind == ObjectNode || n.Kind == TagNode:
		return "cbor " + t.bytes(key).Text, rest, nil
	case n.Kind == BytesNode:
		return "h'" + n.Text + "'", rest, nil
	case n.Kind == NullNode:
		return "null", rest, nil
	}
	return n.Text, rest, nil
}

// cborText shows a string; one that is no UTF-8 as bytes.
func (t *tree) cborText(b []byte) Node {
	if !utf8.Valid(b) {
		return t.bytes(b)
	}
	return t.text(StringNode, string(b))
}

// cborHead reads the head of an item, and holds its length against what is
// there: each member takes a byte at least.
func cborHead(b []byte) (head, []byte, error) {
	if len(b) == 0 {
		return head{}, nil, errCBOREnd
	}
	h := head{major: b[0] >> 5, info: b[0] & 31, arg: uint64(b[0] & 31)}
	b = b[1:]
	switch {
	case h.info == 31:
		return head{}, nil, errCBORLength
	case h.info > 27:
		return head{}, nil, fmt.Errorf("cbor: reserved head %#02x", h.major<<5|h.info)
	case h.info >= 24:
		size := 1 << (h.info - 24)
		if len(b) < size {
			return head{}, nil, errCBOREnd
		}
		var wide [8]byte
		copy(wide[8-size:], b[:size])
		h.arg, b = binary.BigEndian.Uint64(wide[:]), b[size:]
	}
	need := uint64(0)
	switch h.major {
	case cborBytes, cborText, cborArray:
		need = h.arg
	case cborMap:
		need = 2 * min(h.arg, math.MaxInt64)
	case cborTag:
		need = 1
	}
	if need > uint64(len(b)) {
		return head{}, nil, errCBOREnd
	}
	return h, b, nil
}

// skipCBOR returns what follows the first item of b.
func skipCBOR(b []byte) ([]byte, error) { return skipItems(b, 1) }

// skipItems returns what follows the first items of b. It needs no memory,
// however deep they are.
func skipItems(b []byte, items uint64) ([]byte, error) {
	for ; items > 0; items-- {
		h, rest, err := cborHead(b)
		if err != nil {
			return nil, err
		}
		switch h.major {
		case cborBytes, cborText:
			rest = rest[h.arg:]
		case cborArray:
			items += h.arg
		case cborMap:
			items += 2 * h.arg
		case cborTag:
			items++
		}
		if b = rest; items-1 > uint64(len(b)) {
			return nil, errCBOREnd
		}
	}
	return b, nil
}

// negative is -1-n.
func negative(n uint64) string {
	v := new(big.Int).SetUint64(n)
	return v.Not(v).String()
}

// simple is a float, a boolean, null, or one of the values that have no use
// here.
func simple(h head) Node {
	switch h.info {
	case 20, 21:
		return Node{Kind: BoolNode, Text: strconv.FormatBool(h.info == 21)}
	case 22, 23:
		return Node{Kind: NullNode}
	case 25:
		return float(float16(uint16(h.arg)))
	case 26:
		return float(float64(math.Float32frombits(uint32(h.arg))))
	case 27:
		return float(math.Float64frombits(h.arg))
	}
	return Node{Kind: BytesNode, Text: hex.EncodeToString([]byte{byte(h.arg)}), Size: 1}
}

func float(f float64) Node {
	return Node{Kind: NumberNode, Text: strconv.FormatFloat(f, 'g', -1, 64)}
}

// float16 widens a half-precision float.
func float16(b uint16) float64 {
	exp, mant := int(b>>10&31), float64(b&1023)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(mant, -24)
	case 31:
		if f = math.Inf(1); mant != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+mant, exp-25)
	}
	if b>>15 != 0 {
		return -f
	}
	return f
}
