package inspect

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/store"
)

// outline writes a tree in a line.
func outline(n *Node) string {
	var b strings.Builder
	if n.Name != "" {
		b.WriteString(n.Name + "=")
	}
	switch n.Kind {
	case ArrayNode, ObjectNode, TagNode:
		fmt.Fprintf(&b, "%s%s(", n.Kind, n.Text)
		for i := range n.Children {
			if i > 0 {
				b.WriteString(" ")
			}
			b.WriteString(outline(&n.Children[i]))
		}
		b.WriteString(")")
	case HiddenNode, NullNode:
		b.WriteString(string(n.Kind))
	default:
		fmt.Fprintf(&b, "%s:%s", n.Kind, n.Text)
	}
	if n.Cut {
		b.WriteString("…")
	}
	return b.String()
}

func TestValuesBecomeTrees(t *testing.T) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	inCBOR := func(v any) string {
		b, err := enc.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	cases := map[string]struct{ codec, value, want string }{
		"json":              {"json", `{"b":[1,2.50,null],"a":{"x":"é"},"a":true}`, `object(b=array(number:1 number:2.50 null) a=object(x=string:é) a=bool:true)`},
		"json scalar":       {"json", ` 18446744073709551617 `, `number:18446744073709551617`},
		"json empty":        {"json", `{"":{},"e":[]}`, `object(object() e=array())`},
		"cbor":              {"cbor", inCBOR(map[string]any{"a": []any{1, -5, "x", []byte{0xab}, nil, true, 1.5}}), `object(a=array(number:1 number:-5 string:x bytes:ab null bool:true number:1.5))`},
		"cbor keys":         {"cbor", inCBOR(map[any]int{true: 1, -3: 2, 1.5: 3, [1]int{7}: 4}), `object(-3=number:2 cbor 8107=number:4 true=number:1 1.5=number:3)`},
		"cbor tag":          {"cbor", "\xc0\x61x", `tag0(string:x)`},
		"cbor big":          {"cbor", inCBOR(new(big.Int).Lsh(big.NewInt(1), 70)), `tag2(bytes:400000000000000000)`},
		"cbor least":        {"cbor", "\x3b\xff\xff\xff\xff\xff\xff\xff\xff", `number:-18446744073709551616`},
		"cbor zones":        {"cbor", inCBOR(1) + inCBOR([]string{"Europe/Paris"}), `number:1`},
		"cbor half":         {"cbor", "\x83\xf9\x7c\x00\xf9\x00\x01\xf9\xc4\x00", `array(number:+Inf number:5.960464477539063e-08 number:-4)`},
		"cbor not UTF-8":    {"cbor", "\x61\xff", `bytes:ff`},
		"cbor simple":       {"cbor", "\xf8\xff", `bytes:ff`},
		"raw text":          {"raw", "hello\n", "string:hello\n"},
		"raw bytes":         {"raw", "\xff\x00", "bytes:ff00"},
		"proto":             {"proto", "\x08\x96\x01", "bytes:089601"},
		"custom, not known": {"thumbnail/2", `{"a":1}`, `string:{"a":1}`},
	}
	onBoth(t, func(r *rig) {
		for name, c := range cases {
			v, err := r.i.Value(r.Context(), r.put(spec{fn: name, codec: c.codec, value: c.value}))
			if err != nil {
				r.Errorf("%s: %v", name, err)
				continue
			}
			if got := outline(&v.Tree); got != c.want || v.Problem != "" || v.Cut {
				r.Errorf("%s: %s (problem %q), want %s", name, got, v.Problem, c.want)
			}
			p, err := r.i.Payload(r.Context(), v.Key)
			if err != nil || string(p.Bytes) != c.value || p.Codec != c.codec || p.State != Live {
				r.Errorf("%s: payload %q of %s, %v", name, p.Bytes, p.Codec, err)
			}
		}
	})
}

// What is called as its codec, and is none, is shown with the reason.
func TestValuesThatDoNotDecode(t *testing.T) {
	r := inMemory(t)
	for _, c := range []struct{ codec, value string }{
		{"json", `{"a":`}, {"json", `{"a":1}x`}, {"json", ``}, {"json", `[1,}`}, {"json", "\xff"}, {"json", `{1:2}`}, {"json", `]`},
		{"cbor", ""}, {"cbor", "\x9f\x01\xff"}, {"cbor", "\x1c"}, {"cbor", "\x82\x01"}, {"cbor", "\x9b\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"cbor", "\xbb\x80\x00\x00\x00\x00\x00\x00\x01\x01"}, {"cbor", "\x01\x82"}, {"cbor", "\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"}, {"cbor", "\xc1"}, {"cbor", "\x19\x01"},
	} {
		v, err := r.i.Value(t.Context(), r.put(spec{fn: "f", codec: c.codec, value: c.value}))
		if err != nil || v.Problem == "" || !strings.HasPrefix(v.Problem, c.codec) || v.Tree.Kind != StringNode && v.Tree.Kind != BytesNode {
			t.Errorf("%s %q: %+v, %v", c.codec, c.value, v, err)
		}
	}
}

func TestPrivatePartsOfValuesAreHidden(t *testing.T) {
	onBoth(t, func(r *rig) {
		parts := []canon.Part{part("input.Limit", "1"), secretPart("input.Login.APIToken", "canary"), secretPart("input.Secrets", "canary"), secretPart("scope.User", "u")}
		value := `{"limit":1,"api_token":"canary","User":"ann","list":[{"ApiToken":{"x":["canary"]}},{"secrets":null}]}`
		v, err := r.i.Value(r.Context(), r.put(spec{fn: "f", value: value, parts: parts}))
		if err != nil || v.Hidden != 3 {
			r.Fatal(v.Hidden, err)
		}
		want := `object(limit=number:1 api_token=hidden User=string:ann list=array(object(ApiToken=hidden) object(secrets=hidden)))`
		if got := outline(&v.Tree); got != want {
			r.Error(got)
		}
		b, err := cbor.Marshal(map[string]any{"apiToken": "canary", "x": 1})
		if err != nil {
			r.Fatal(err)
		}
		v, err = r.i.Value(r.Context(), r.put(spec{fn: "g", codec: "cbor", value: string(b), parts: parts}))
		if err != nil || v.Hidden != 1 || strings.Contains(outline(&v.Tree), "canary") {
			r.Error(outline(&v.Tree), err)
		}
		v, err = r.i.Value(r.Context(), r.put(spec{fn: "h", value: `{"apiToken":"canary`, parts: parts}))
		if err != nil || v.Tree.Kind != HiddenNode || v.Hidden != 1 {
			r.Errorf("what does not decode: %+v, %v", v, err)
		}
		rec := r.record(spec{fn: "i", value: `"canary"`})
		rec.Manifest = []byte("of a newer format")
		if _, err := r.store.Put(r.Context(), rec, store.PutPublish); err != nil {
			r.Fatal(err)
		}
		v, err = r.i.Value(r.Context(), rec.Key.String())
		if err != nil || v.Tree.Kind != HiddenNode || v.Problem == "" {
			r.Errorf("a manifest that cannot be read: %+v, %v", v, err)
		}
	})
}

func TestTreesAreBounded(t *testing.T) {
	r := inMemory(t)
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	wide := "[" + strings.Repeat("1,", 50_000) + "1]"
	object := `{"a":` + wide + `,"b":2}`
	for name, c := range map[string]struct {
		codec, value string
	}{
		"deep json": {"json", deep}, "wide json": {"json", wide}, "object": {"json", object}, "long string": {"json", `"` + strings.Repeat("é", 9000) + `"`},
		"deep cbor": {"cbor", strings.Repeat("\x81", 5000) + "\x01"}, "wide cbor": {"cbor", "\x99\xc3\x50" + strings.Repeat("\x01", 50_000)},
		"wide map": {"cbor", "\xb9\xc3\x50" + strings.Repeat("\x01\x02", 50_000)}, "long bytes": {"cbor", "\x59\x40\x00" + strings.Repeat("x", 1<<14)},
		"long raw": {"raw", strings.Repeat("x", 1<<20)}, "deep tags": {"cbor", strings.Repeat("\xc1", 5000) + "\x01"},
		"deep keys": {"cbor", "\xa1" + strings.Repeat("\x81", 5000) + "\x01\x02"},
	} {
		v, err := r.i.Value(t.Context(), r.put(spec{fn: name, codec: c.codec, value: c.value}))
		if err != nil || v.Problem != "" || !v.Cut && name != "deep keys" {
			t.Errorf("%s: cut %v, problem %q, %v", name, v.Cut, v.Problem, err)
		}
		nodes, depth := measure(&v.Tree)
		if nodes > maxNodes+1 || depth > maxDepth+1 {
			t.Errorf("%s: %d nodes, %d deep", name, nodes, depth)
		}
	}
}

// measure counts nodes and depth, and longest text.
func measure(n *Node) (nodes, depth int) {
	nodes = 1
	for i := range n.Children {
		c, d := measure(&n.Children[i])
		nodes, depth = nodes+c, max(depth, d)
	}
	if len(n.Text) > maxText || len(n.Name) > maxText {
		nodes = math.MaxInt / 2
	}
	return nodes, depth + 1
}

func TestDecodeOption(t *testing.T) {
	r := inMemory(t)
	key := r.put(spec{fn: "f", codec: "mine", value: "7"})
	r = r.with(&Options{Decode: func(codec string, b []byte) ([]byte, error) {
		if codec != "mine" {
			return nil, errors.New("not mine")
		}
		return fmt.Appendf(nil, `{"n":%s}`, b), nil
	}})
	if v, err := r.i.Value(t.Context(), key); err != nil || outline(&v.Tree) != "object(n=number:7)" {
		t.Errorf("%s, %v", outline(&v.Tree), err)
	}
	if v, err := r.i.Value(t.Context(), r.put(spec{fn: "f", codec: "yours", value: "7"})); err != nil || outline(&v.Tree) != "string:7" || v.Problem != "not mine" {
		t.Errorf("%+v, %v", v, err)
	}
}

// The tree of a CBOR value has what an independent decoder finds in it.
func TestCBORTreesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var gen func(depth int) any
		gen = func(depth int) any {
			kinds := 6
			if depth > 3 {
				kinds = 4
			}
			switch rapid.IntRange(0, kinds).Draw(t, "kind") {
			case 0:
				return rapid.Int64().Draw(t, "int")
			case 1:
				return rapid.String().Draw(t, "string")
			case 2:
				return rapid.Float64().Draw(t, "float")
			case 3:
				return rapid.Bool().Draw(t, "bool")
			case 4:
				return nil
			case 5:
				list := make([]any, rapid.IntRange(0, 5).Draw(t, "n"))
				for i := range list {
					list[i] = gen(depth + 1)
				}
				return list
			}
			m := map[string]any{}
			for range rapid.IntRange(0, 5).Draw(t, "n") {
				m[rapid.String().Draw(t, "name")] = gen(depth + 1)
			}
			return m
		}
		v := gen(0)
		b, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		tr := tree{left: maxNodes}
		n, err := tr.cbor(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(leaves(v), treeLeaves(&n)); d != "" {
			t.Fatal(d)
		}
	})
}

// leaves counts what is in a value, by its text.
func leaves(v any) map[string]int {
	out := map[string]int{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for name, e := range v {
				out["name "+name]++
				walk(e)
			}
		case float64:
			out["number "+float(v).Text]++
		case int64:
			out[fmt.Sprint("number ", v)]++
		case nil:
			out["null "]++
		case bool:
			out[fmt.Sprint("bool ", v)]++
		case string:
			out["string "+v]++
		}
	}
	walk(v)
	return out
}

func treeLeaves(n *Node) map[string]int {
	out := map[string]int{}
	var walk func(n *Node, member bool)
	walk = func(n *Node, member bool) {
		if member {
			out["name "+n.Name]++
		}
		if n.Kind != ArrayNode && n.Kind != ObjectNode {
			out[fmt.Sprint(n.Kind, " ", n.Text)]++
		}
		for i := range n.Children {
			walk(&n.Children[i], n.Kind == ObjectNode)
		}
	}
	walk(n, false)
	return out
}

func FuzzTree(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,null,"x"]}`, `[[[[`, "\xa2\x01\x02\x61a\x81\x01", "\x9f\xff", "\xc1\xc1\xc1", strings.Repeat("\x81", 200), "\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
		`{"Token":"x","token":{"y":[1]}}`, "\xf9\x7e\x00", "\xa1\x81\x81\x01\x01",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, isJSON bool) {
		codec := "cbor"
		if isJSON {
			codec = "json"
		}
		v := Value{ValueInfo: ValueInfo{Codec: codec}}
		v.decode(b, map[string]bool{"token": true}, nil)
		nodes, depth := measure(&v.Tree)
		if nodes > maxNodes+1 || depth > maxDepth+1 {
			t.Errorf("%d nodes, %d deep", nodes, depth)
		}
		if shownToken(&v.Tree) {
			t.Errorf("%s: a private member is shown", outline(&v.Tree))
		}
		if codec == "cbor" && v.Problem == "" {
			if _, err := skipCBOR(b); err != nil {
				t.Errorf("a tree of what is no CBOR: %v", err)
			}
		}
	})
}

func shownToken(n *Node) bool {
	for i := range n.Children {
		c := &n.Children[i]
		if n.Kind == ObjectNode && folded(c.Name) == "token" && c.Kind != HiddenNode || shownToken(c) {
			return true
		}
	}
	return false
}
