package command

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func sample() Run {
	return Run{
		ExitCode: 3, Began: time.Date(2026, 11, 22, 12, 0, 0, 5, time.UTC), Took: 1500 * time.Millisecond, Digest: "abc",
		Recipe: Recipe{Args: []string{"make", "all"}, Dir: "/work", Inputs: []string{"*.c"}, Env: []string{"CC"}, Outputs: []string{"out"}},
		Chunks: []Chunk{{1, []byte("one\n")}, {2, []byte("two")}, {1, []byte{0xff, 0}}},
		Outputs: []Output{
			{Path: "out", Mode: fs.ModeDir | 0o755},
			{Path: "out/a", Mode: 0o644, Size: 3, SHA256: digest{1}, Pieces: []Piece{{digest{2}, 3}}},
			{Path: "out/l", Mode: fs.ModeSymlink, Target: "a"},
			{Path: "out/nothing", Mode: 0o600, SHA256: digest{3}},
		},
	}
}

// golden is sample as it was first written. It changes only with the name of
// the codec.
const golden = "cnJ1bgG7BHsiZXhpdF9jb2RlIjozLCJiZWdhbiI6IjIwMjYtMTEtMjJUMTI6MDA6MDAuMDAwMDAwMDA1WiIsInRvb2tfbnMiOjE1MDAwMDAwMDAsImRpZ2Vz" +
	"dCI6ImFiYyIsInJlY2lwZSI6eyJhcmdzIjpbIm1ha2UiLCJhbGwiXSwiZGlyIjoiL3dvcmsiLCJpbnB1dHMiOlsiKi5jIl0sImVudiI6WyJDQyJdLCJvdXRw" +
	"dXRzIjpbIm91dCJdfSwib3V0cHV0cyI6W3sicGF0aCI6Im91dCIsInR5cGUiOiJkaXIiLCJtb2RlIjo0OTN9LHsicGF0aCI6Im91dC9hIiwidHlwZSI6ImZp" +
	"bGUiLCJtb2RlIjo0MjAsInNpemUiOjMsInNoYTI1NiI6IkFRQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE9IiwicGllY2VzIjpb" +
	"eyJzaGEyNTYiOiJBZ0FBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPSIsInNpemUiOjN9XX0seyJwYXRoIjoib3V0L2wiLCJ0eXBl" +
	"IjoibGluayIsInRhcmdldCI6ImEifSx7InBhdGgiOiJvdXQvbm90aGluZyIsInR5cGUiOiJmaWxlIiwibW9kZSI6Mzg0LCJzaGEyNTYiOiJBd0FBQUFBQUFB" +
	"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPSJ9XX0DCAcEb25lCnR3b/8A"

func TestRunsComeBack(t *testing.T) {
	want := sample()
	b, err := (runCodec{}).Append([]byte("before"), want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b[len("before"):])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Run{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if !(runCodec{}).Equal(want, got) {
		t.Error("not equal")
	}
	got.ExitCode++
	if (runCodec{}).Equal(want, got) {
		t.Error("equal")
	}
	if enc := base64.StdEncoding.EncodeToString(b[len("before"):]); enc != golden {
		t.Errorf("the format has changed:\n%s", enc)
	}
}

// Whatever a command writes comes back, chunk by chunk.
func TestChunksComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := recording{limit: 1 << 20}
		var want []Chunk
		for _, b := range rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 9)).Draw(t, "writes") {
			stream := rapid.IntRange(1, 2).Draw(t, "stream")
			rec.add(stream, b)
			if n := len(want); n > 0 && want[n-1].Stream == stream {
				want[n-1].Bytes = append(want[n-1].Bytes, b...)
			} else if len(b) > 0 {
				want = append(want, Chunk{stream, append([]byte(nil), b...)})
			}
		}
		b, err := (runCodec{}).Append(nil, Run{Chunks: rec.chunks()})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Chunks); d != "" {
			t.Fatal(d)
		}
	})
}

// Records that lie about what they are, are refused.
func TestHostileRecords(t *testing.T) {
	file := Output{Path: "f", Mode: 0o644, Size: 1, Pieces: []Piece{{digest{1}, 1}}}
	for name, change := range map[string]func(*Run){
		"up":                   func(r *Run) { r.Outputs[0].Path = "../f" },
		"absolute":             func(r *Run) { r.Outputs[0].Path = "/f" },
		"hidden up":            func(r *Run) { r.Outputs[0].Path = "a/../../f" },
		"not clean":            func(r *Run) { r.Outputs[0].Path = "a//f" },
		"the directory itself": func(r *Run) { r.Outputs[0].Path = "" },
		"with a zero":          func(r *Run) { r.Outputs[0].Path = "f\x00" },
		"twice":                func(r *Run) { r.Outputs = append(r.Outputs, r.Outputs[0]) },
		"out of order":         func(r *Run) { r.Outputs = append(r.Outputs, Output{Path: "a", Mode: fs.ModeDir}) },
		"in a file":            func(r *Run) { r.Outputs = append(r.Outputs, Output{Path: "f/g", Mode: fs.ModeDir}) },
		"through a link": func(r *Run) {
			r.Outputs = []Output{{Path: "l", Mode: fs.ModeSymlink, Target: "/etc"}, {Path: "l/passwd", Mode: 0o644}}
		},
		"deep through a link": func(r *Run) {
			r.Outputs = []Output{{Path: "l", Mode: fs.ModeSymlink, Target: "/etc"}, {Path: "l/a/b", Mode: 0o644}}
		},
		"a link to nothing":    func(r *Run) { r.Outputs[0] = Output{Path: "f", Mode: fs.ModeSymlink} },
		"a file with a target": func(r *Run) { r.Outputs[0].Target = "x" },
		"pieces too few":       func(r *Run) { r.Outputs[0].Size = 2 },
		"pieces too many":      func(r *Run) { r.Outputs[0].Size = 0 },
		"a piece of nothing":   func(r *Run) { r.Outputs[0].Pieces = append(r.Outputs[0].Pieces, Piece{}) },
		"a piece of negative size": func(r *Run) {
			r.Outputs[0].Pieces = append(r.Outputs[0].Pieces, Piece{digest{}, -1}, Piece{digest{}, 1})
		},
		"an enormous piece":    func(r *Run) { r.Outputs[0].Size = 1 << 40; r.Outputs[0].Pieces[0].Size = 1 << 40 },
		"a negative exit code": func(r *Run) { r.ExitCode = -1 },
		"a large exit code":    func(r *Run) { r.ExitCode = 256 },
		"an empty chunk":       func(r *Run) { r.Chunks = []Chunk{{1, nil}} },
	} {
		r := Run{Outputs: []Output{file}}
		r.Outputs[0].Pieces = []Piece{{digest{1}, 1}}
		change(&r)
		b, err := (runCodec{}).Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(b); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	whole, _ := (runCodec{}).Append(nil, sample())
	for n := range whole {
		if _, err := Decode(whole[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes", n, len(whole))
		}
	}
	if _, err := Decode(append(whole, 0)); err == nil {
		t.Error("a byte more")
	}
	for _, typ := range []string{"", "fifo"} {
		h, _ := json.Marshal(header{Outputs: []output{{Path: "p", Type: typ}}})
		b := append([]byte(magic), byte(len(h)), 1)
		b = append(append(b, h...), 0)
		if _, err := Decode(b); err == nil {
			t.Errorf("type %q", typ)
		}
	}
}

// A record of the store's own making that lies about where it belongs is a miss.
func TestRecordWithUndeclaredOutputs(t *testing.T) {
	for _, c := range []struct {
		declared, path string
		ok             bool
	}{
		{"out", "out", true}, {"out", "out/a/b", true}, {"out", "outer", false}, {"out", ".git/hooks/x", false},
		{"d/*.o", "d/a.o", true}, {"d/*.o", "d/a.c", false}, {"d/*", "d/a/deep", true}, {"**/*.o", "x/y.o", true}, {"**/*.o", "x/y.c", false},
	} {
		if got := declares([]string{"other", c.declared}, c.path); got != c.ok {
			t.Errorf("%q declares %q: %t", c.declared, c.path, got)
		}
	}
}

func TestRunAsJSON(t *testing.T) {
	b, err := (runCodec{}).Append(nil, sample())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := JSON(Codec, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"exit_code":3`, `"took":1.5`, `{"stream":"stdout","text":"one\n"}`, `"bytes":"/wA="`, `"mode":"drwxr-xr-x"`, `"target":"a"`, `"args":["make","all"]`} {
		if !strings.Contains(string(shown), want) {
			t.Errorf("%s lacks %s", shown, want)
		}
	}
	if _, err := JSON("json", b); err == nil {
		t.Error("another codec's value is a run")
	}
	if _, err := JSON(Codec, nil); err == nil {
		t.Error("nothing is a run")
	}
}

func FuzzDecode(f *testing.F) {
	b, err := (runCodec{}).Append(nil, sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(magic))
	f.Add([]byte(magic + "\x02{}\x01\x08abcd"))
	f.Add(bytes.Replace(b, []byte("out/l"), []byte("../xx"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			return
		}
		for _, o := range r.Outputs {
			if !inside(o.Path) {
				t.Errorf("an output at %q", o.Path)
			}
		}
		again, err := (runCodec{}).Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(again)
		if err != nil || !(runCodec{}).Equal(r, back) {
			t.Errorf("%+v came back as %+v, %v", r, back, err)
		}
	})
}
