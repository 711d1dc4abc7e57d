package canon

import (
	"context"
	"crypto/sha256"
	"reflect"
	"strconv"
	"strings"
	"unsafe"
)

// A Part is one named piece of a value, small enough to say of two values in
// which they differ.
type Part struct {
	// Name is the path of the piece: "Query.Limit" for a field, `Labels["env"]`
	// for the value of a map, "Src/sub/x.go" for a file of the Dir in field
	// Src. It is empty where the value as a whole is the piece.
	Name string
	// Digest is the beginning of the SHA-256 of the piece's encoding.
	Digest [8]byte
	// Preview shows the value in at most 80 printable characters. It is empty
	// where Private.
	Preview string
	// Private marks fields tagged `reprise:"private"`, what is in them, and
	// user information of URLs.
	Private bool
}

const (
	maxKeyParts  = 4096 // keys of a map that are parts of their own
	maxFileParts = 4096 // files of a Dir, then directories, that are
)

// Parts splits the value that p points to, which must be of the type given to
// Compile. Structs are split into their fields, maps with up to 4,096 string
// keys into their values, a Dir with up to 4,096 files into those, a larger one
// into its directories; slices and everything else are parts as a whole.
// Ignored fields are no part. Values with equal encodings have equal digests
// under equal names; values whose encodings differ, differ in some part. Errors
// are those of Append.
//
// Parts allocates and hashes: it is for manifests and explanations, not for
// keys.
func (e *Encoder) Parts(ctx context.Context, p unsafe.Pointer) ([]Part, error) {
	w := partsWriter{state: newState(ctx)}
	w.add(e.root, "", false, e.copyOf(p))
	err := w.state.failure()
	w.state.free()
	if err != nil {
		return nil, err
	}
	return w.parts, nil
}

// partsFunc splits a value further. It reports false where the value is one
// part.
type partsFunc func(w *partsWriter, name string, private bool, p unsafe.Pointer) bool

type partsWriter struct {
	state *state
	parts []Part
	buf   []byte
	depth int
}

// maxPartDepth bounds the structs within structs that are split.
const maxPartDepth = 16

func (w *partsWriter) add(n *node, name string, private bool, p unsafe.Pointer) {
	if w.state.err != nil {
		return
	}
	private = private || n.typ == userinfoType
	if n.parts != nil && w.depth < maxPartDepth {
		w.depth++
		split := n.parts(w, name, private, p)
		w.depth--
		if split {
			return
		}
	}
	w.buf = n.enc(w.state, w.buf[:0], p)
	part := Part{Name: name, Digest: shortDigest(w.buf), Private: private}
	if !private {
		part.Preview = preview(reflect.NewAt(n.typ, p).Elem(), n.ignored)
	}
	w.parts = append(w.parts, part)
	if w.state.err != nil && name != "" {
		w.state.at("." + name)
	}
}

func shortDigest(b []byte) (short [8]byte) {
	sum := sha256.Sum256(b)
	copy(short[:], sum[:])
	return short
}

func structParts(fields []structField) partsFunc {
	return func(w *partsWriter, name string, private bool, p unsafe.Pointer) bool {
		for i := range fields {
			f := &fields[i]
			w.add(f.node, join(name, f.name), private || f.private, unsafe.Add(p, f.offset))
		}
		return len(fields) > 0
	}
}

func pointerParts(elem *node) partsFunc {
	return func(w *partsWriter, name string, private bool, p unsafe.Pointer) bool {
		q := *(*unsafe.Pointer)(p)
		if q == nil || elem.parts == nil {
			return false
		}
		return elem.parts(w, name, private, q)
	}
}

// mapParts splits maps with few string keys, unless private: keys are content
// too.
func mapParts(n, key, elem *node) partsFunc {
	if key.op != opString {
		return nil
	}
	return func(w *partsWriter, name string, private bool, p unsafe.Pointer) bool {
		m := reflect.NewAt(n.typ, p).Elem()
		if private || m.Len() == 0 || m.Len() > maxKeyParts {
			return false
		}
		for it := m.MapRange(); it.Next(); {
			v := reflect.New(n.typ.Elem())
			v.Elem().SetIterValue(it)
			depth := w.depth
			w.depth = maxPartDepth // the value is one part
			w.add(elem, name+"["+strconv.Quote(it.Key().String())+"]", false, v.UnsafePointer())
			w.depth = depth
		}
		return true
	}
}

func dirParts(w *partsWriter, name string, private bool, p unsafe.Pointer) bool {
	if private {
		return false
	}
	files, err := contents.dir(w.state.ctx, (*Dir)(p))
	if err != nil {
		w.state.fail(err)
		w.state.at("." + name)
		return true
	}
	if len(files) > maxFileParts {
		return w.directories(name, files)
	}
	for i := range files {
		f := &files[i]
		w.buf = f.append(w.buf[:0])
		w.parts = append(w.parts, Part{Name: joinSlash(name, f.rel), Digest: shortDigest(w.buf), Preview: f.preview()})
	}
	return len(files) > 0
}

func (f *dirFile) preview() string {
	switch {
	case f.link:
		return Printable("link to " + f.text)
	case f.exec:
		return strconv.FormatInt(f.info.Size(), 10) + " bytes, executable"
	}
	return strconv.FormatInt(f.info.Size(), 10) + " bytes"
}

// directories adds a part for each directory with files directly in it; false
// where there are too many of those too.
func (w *partsWriter) directories(name string, files []dirFile) bool {
	groups, order := map[string][]dirFile{}, []string(nil)
	for _, f := range files {
		dir := f.rel[:max(0, strings.LastIndexByte(f.rel, '/'))]
		if groups[dir] == nil {
			order = append(order, dir)
		}
		groups[dir] = append(groups[dir], f)
	}
	if len(order) > maxFileParts {
		return false
	}
	for _, dir := range order {
		in := groups[dir]
		w.buf = appendListing(w.buf[:0], in)
		w.parts = append(w.parts, Part{
			Name: joinSlash(name, dir) + "/", Digest: shortDigest(w.buf), Preview: strconv.Itoa(len(in)) + " files",
		})
	}
	return true
}
