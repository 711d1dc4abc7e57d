package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// json makes a tree of a JSON document. Members keep their order, and appear
// twice where they do. It reads no further than it shows.
func (t *tree) json(b []byte) (Node, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	n, err := t.jsonValue(d, 0)
	if err != nil && !errors.Is(err, errEnough) {
		return Node{}, fmt.Errorf("json: %w", err)
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return Node{}, errors.New("json: something follows the value")
		}
	}
	return n, nil
}

// jsonValue reads the next value. errEnough says that the rest is not shown:
// then the node is good as far as it goes.
func (t *tree) jsonValue(d *json.Decoder, depth int) (Node, error) {
	tok, err := d.Token()
	if err != nil {
		return Node{}, unexpected(err)
	}
	switch v := tok.(type) {
	case nil:
		return Node{Kind: NullNode}, nil
	case bool:
		return Node{Kind: BoolNode, Text: fmt.Sprint(v)}, nil
	case json.Number:
		n := t.text(NumberNode, v.String())
		n.Size = 0
		return n, nil
	case string:
		return t.text(StringNode, v), nil
	case json.Delim:
		kind := ArrayNode
		if v == '{' {
			kind = ObjectNode
		}
		if depth == maxDepth {
			n := Node{Kind: kind}
			t.cutShort(&n)
			return n, skipJSON(d)
		}
		return t.jsonMembers(d, Node{Kind: kind}, depth)
	}
	return Node{}, fmt.Errorf("unexpected %v", tok)
}

// jsonMembers reads what is in an array or object, and its end.
func (t *tree) jsonMembers(d *json.Decoder, n Node, depth int) (Node, error) {
	for d.More() {
		name, err := memberName(d, n.Kind)
		if err != nil {
			return Node{}, err
		}
		if !t.take() {
			t.cutShort(&n)
			n.Size = 0
			return n, errEnough
		}
		child, err := t.jsonMember(d, name, depth)
		if err != nil && !errors.Is(err, errEnough) {
			return Node{}, err
		}
		child.Name = t.text(StringNode, name).Text
		n.Children = append(n.Children, child)
		if n.Size++; err != nil {
			t.cutShort(&n)
			n.Size = 0
			return n, err
		}
	}
	_, err := d.Token()
	return n, unexpected(err)
}

func (t *tree) jsonMember(d *json.Decoder, name string, depth int) (Node, error) {
	if name == "" || !t.hides(name) {
		return t.jsonValue(d, depth+1)
	}
	tok, err := d.Token()
	if _, nested := tok.(json.Delim); err == nil && nested {
		err = skipJSON(d)
	}
	return Node{Kind: HiddenNode}, unexpected(err)
}

// memberName reads the name of an object's next member; an array's have none.
func memberName(d *json.Decoder, k NodeKind) (string, error) {
	if k == ArrayNode {
		return "", nil
	}
	tok, err := d.Token()
	if err != nil {
		return "", unexpected(err)
	}
	name, ok := tok.(string)
	if !ok {
		return "", fmt.Errorf("unexpected %v where a name should be", tok)
	}
	return name, nil
}

// skipJSON reads to the end of the array or object that just began.
func skipJSON(d *json.Decoder) error {
	for open := 1; open > 0; {
		tok, err := d.Token()
		if err != nil {
			return unexpected(err)
		}
		switch tok {
		case json.Delim('['), json.Delim('{'):
			open++
		case json.Delim(']'), json.Delim('}'):
			open--
		}
	}
	return nil
}

// unexpected names the end of a document that is not whole.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// validJSON says what is wrong with a document.
func validJSON(b []byte) error {
	if json.Valid(b) {
		return nil
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("json: %w", err)
	}
	return errors.New("json: malformed")
}
