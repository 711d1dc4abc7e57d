package inspect

import (
	"encoding/hex"
	"unicode/utf8"
)

// Bounds of a tree: what a page can show and a person read.
const (
	maxNodes = 10_000
	maxDepth = 64
	maxText  = 4 << 10 // bytes of a text
)

// tree makes the nodes of one value.
type tree struct {
	left    int // nodes that may still be made
	private map[string]bool
	hidden  int
	cut     bool
}

// take is one node less. It reports whether there was one.
func (t *tree) take() bool {
	if t.left == 0 {
		t.cut = true
		return false
	}
	t.left--
	return true
}

// hides tells whether the member of an object is private, and counts it.
func (t *tree) hides(name string) bool {
	if len(t.private) == 0 || !t.private[folded(name)] {
		return false
	}
	t.hidden++
	return true
}

// text cuts s to what is shown of it.
func (t *tree) text(k NodeKind, s string) Node {
	n := Node{Kind: k, Text: s, Size: len(s)}
	if len(s) > maxText {
		end := maxText
		for end > maxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		n.Text, n.Cut, t.cut = s[:end], true, true
	}
	return n
}

// bytes shows the beginning of b.
func (t *tree) bytes(b []byte) Node {
	n := Node{Kind: BytesNode, Size: len(b)}
	if len(b) > maxText/2 {
		b, n.Cut, t.cut = b[:maxText/2], true, true
	}
	n.Text = hex.EncodeToString(b)
	return n
}

// opaque is a value of a codec that is not known: text, if it is.
func (t *tree) opaque(b []byte) Node {
	if utf8.Valid(b) {
		return t.text(StringNode, string(b))
	}
	return t.bytes(b)
}

// cutShort marks a node of whose children some are not there.
func (t *tree) cutShort(n *Node) { n.Cut, t.cut = true, true }

// other is a value of a codec that somebody else may know.
func (t *tree) other(b []byte, codec string, decode func(string, []byte) ([]byte, error)) (Node, error) {
	if decode == nil {
		return t.opaque(b), nil
	}
	doc, err := decode(codec, b)
	if err != nil {
		return Node{}, err
	}
	return t.json(doc)
}
