package command

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// Codec is the name of the codec in the envelopes of runs. The layout is a
// magic number; the length of a header, the header in JSON; the number of
// chunks, for each its length times two, plus one for standard error; then the
// bytes of the chunks, to the end. Numbers are unsigned varints.
const Codec = "command-run-1"

const magic = "rrun\x01"

// header is what of a Run is no stream.
type header struct {
	ExitCode int       `json:"exit_code"`
	Began    time.Time `json:"began"`
	Took     int64     `json:"took_ns"`
	Digest   string    `json:"digest"`
	Recipe   Recipe    `json:"recipe"`
	Outputs  []output  `json:"outputs,omitempty"`
}

// output is an Output in JSON.
type output struct {
	Path   string  `json:"path"`
	Type   string  `json:"type"` // file, dir or link
	Mode   uint32  `json:"mode,omitempty"`
	Size   int64   `json:"size,omitempty"`
	SHA256 []byte  `json:"sha256,omitempty"`
	Target string  `json:"target,omitempty"`
	Pieces []piece `json:"pieces,omitempty"`
}

type piece struct {
	SHA256 []byte `json:"sha256"`
	Size   int64  `json:"size"`
}

// runCodec stores runs.
type runCodec struct{}

func (runCodec) Name() string { return Codec }

// Append encodes a run.
func (runCodec) Append(dst []byte, r Run) ([]byte, error) {
	h := header{ExitCode: r.ExitCode, Began: r.Began.UTC(), Took: int64(r.Took), Digest: r.Digest, Recipe: r.Recipe}
	for i := range r.Outputs {
		h.Outputs = append(h.Outputs, r.Outputs[i].stored())
	}
	head, err := json.Marshal(h)
	if err != nil {
		return dst, fmt.Errorf("command: encode a run: %w", err)
	}
	dst = append(dst, magic...)
	dst = append(binary.AppendUvarint(dst, uint64(len(head))), head...)
	dst = binary.AppendUvarint(dst, uint64(len(r.Chunks)))
	for _, c := range r.Chunks {
		dst = binary.AppendUvarint(dst, uint64(len(c.Bytes))<<1|uint64(c.Stream-1)&1)
	}
	for _, c := range r.Chunks {
		dst = append(dst, c.Bytes...)
	}
	return dst, nil
}

// Decode reads what Append wrote.
func (runCodec) Decode(b []byte) (Run, error) { return Decode(b) }

// Equal compares what is stored.
func (runCodec) Equal(a, b Run) bool {
	x, err := runCodec{}.Append(nil, a)
	if err != nil {
		return false
	}
	y, err := runCodec{}.Append(nil, b)
	return err == nil && bytes.Equal(x, y)
}

// Clone gives the run itself: nobody modifies a record.
func (runCodec) Clone(r Run) Run { return r }

// Decode reads the value of an entry of Collection, as it is in its envelope.
// The bytes may be anybody's: what does not make sense, such as an output
// outside of the directory, is an error. The Run keeps no part of value.
func Decode(value []byte) (Run, error) {
	r, err := decode(value)
	if err != nil {
		return Run{}, fmt.Errorf("command: decode a run: %w", err)
	}
	return r, nil
}

func decode(b []byte) (Run, error) {
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return Run{}, errors.New("not the record of a run")
	}
	head, rest, err := cutBytes(rest)
	if err != nil {
		return Run{}, err
	}
	var h header
	dec := json.NewDecoder(bytes.NewReader(head))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h); err != nil {
		return Run{}, err
	}
	if dec.More() {
		return Run{}, errors.New("more than a header")
	}
	r := Run{ExitCode: h.ExitCode, Began: h.Began, Took: time.Duration(h.Took), Digest: h.Digest, Recipe: h.Recipe}
	if r.Outputs, err = decodeOutputs(h.Outputs); err != nil {
		return Run{}, err
	}
	if r.Chunks, err = decodeChunks(rest); err != nil {
		return Run{}, err
	}
	return r, r.check()
}

var errShort = errors.New("cut short")

// cutUint takes a number off b.
func cutUint(b []byte) (uint64, []byte, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, errShort
	}
	return n, b[size:], nil
}

// cutBytes takes a length and as many bytes off b.
func cutBytes(b []byte) (head, rest []byte, err error) {
	n, b, err := cutUint(b)
	if err != nil || n > uint64(len(b)) {
		return nil, nil, errShort
	}
	return b[:n], b[n:], nil
}

// decodeChunks reads the chunks to the end of b.
func decodeChunks(b []byte) ([]Chunk, error) {
	n, b, err := cutUint(b)
	if err != nil || n > uint64(len(b)) {
		return nil, errShort
	}
	chunks := make([]Chunk, 0, n)
	total := uint64(0)
	for range n {
		var v uint64
		if v, b, err = cutUint(b); err != nil {
			return nil, err
		}
		if total += v >> 1; v>>1 == 0 || v>>1 > uint64(len(b)) || total > uint64(len(b)) {
			return nil, errors.New("a chunk without bytes, or with more than there are")
		}
		chunks = append(chunks, Chunk{Stream: int(v&1) + 1, Bytes: b[:v>>1]}) // its length, for now
	}
	if total != uint64(len(b)) {
		return nil, errors.New("streams and their lengths do not match")
	}
	own := bytes.Clone(b)
	for i := range chunks {
		size := len(chunks[i].Bytes)
		chunks[i].Bytes, own = own[:size:size], own[size:]
	}
	if len(chunks) == 0 {
		return nil, nil
	}
	return chunks, nil
}

// Names of the types of outputs.
const (
	typeFile = "file"
	typeDir  = "dir"
	typeLink = "link"
)

func (o *Output) stored() output {
	s := output{Path: o.Path, Mode: uint32(o.Mode.Perm()), Target: o.Target}
	switch o.Mode.Type() {
	case fs.ModeDir:
		s.Type = typeDir
	case fs.ModeSymlink:
		s.Type = typeLink
	default:
		s.Type, s.Size, s.SHA256 = typeFile, o.Size, o.SHA256[:]
		for i := range o.Pieces {
			s.Pieces = append(s.Pieces, piece{o.Pieces[i].SHA256[:], o.Pieces[i].Size})
		}
	}
	return s
}

func decodeOutputs(list []output) ([]Output, error) {
	var out []Output
	for i := range list {
		o, err := list[i].decode()
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", list[i].Path, err)
		}
		out = append(out, o)
	}
	return out, nil
}

func (s *output) decode() (Output, error) {
	o := Output{Path: s.Path, Size: s.Size, Target: s.Target, Mode: fs.FileMode(s.Mode)}
	if o.Mode != o.Mode.Perm() {
		return o, errors.New("no such permissions")
	}
	switch s.Type {
	case typeDir:
		o.Mode |= fs.ModeDir
	case typeLink:
		o.Mode |= fs.ModeSymlink
	case typeFile:
		return o, s.decodeContent(&o)
	default:
		return o, fmt.Errorf("unknown type %q", s.Type)
	}
	if s.Size != 0 || len(s.SHA256) != 0 || len(s.Pieces) != 0 {
		return o, errors.New("content of what is no file")
	}
	return o, nil
}

func (s *output) decodeContent(o *Output) error {
	if len(s.SHA256) != len(o.SHA256) {
		return errors.New("no digest")
	}
	copy(o.SHA256[:], s.SHA256)
	left := s.Size
	for _, p := range s.Pieces {
		if len(p.SHA256) != len(o.SHA256) || p.Size <= 0 || p.Size > pieceSize || p.Size > left {
			return errors.New("pieces that do not make up the file")
		}
		left -= p.Size
		o.Pieces = append(o.Pieces, Piece{SHA256: [32]byte(p.SHA256), Size: p.Size})
	}
	if left != 0 {
		return errors.New("pieces that do not make up the file")
	}
	return nil
}

// check holds what a record must be beyond its form.
func (r *Run) check() error {
	if r.ExitCode < 0 || r.ExitCode > 255 {
		return fmt.Errorf("exit code %d", r.ExitCode)
	}
	return checkOutputs(r.Outputs)
}

// checkOutputs wants clean paths inside the directory, each once, a directory
// before what is in it, and nothing inside of a file or link.
func checkOutputs(list []Output) error {
	kinds := make(map[string]fs.FileMode, len(list))
	for i := range list {
		o := &list[i]
		if err := checkOutput(o); err != nil {
			return fmt.Errorf("output %q: %w", o.Path, err)
		}
		if _, again := kinds[o.Path]; again {
			return fmt.Errorf("output %q: comes twice", o.Path)
		}
		kinds[o.Path] = o.Mode.Type()
	}
	if !slices.IsSortedFunc(list, func(a, b Output) int { return comparePaths(a.Path, b.Path) }) {
		return errors.New("outputs out of order")
	}
	for p := range kinds {
		for dir := parent(p); dir != "."; dir = parent(dir) {
			if kind, known := kinds[dir]; known && kind != fs.ModeDir {
				return fmt.Errorf("output %q: lies in %q, which is no directory", p, dir)
			}
		}
	}
	return nil
}

func checkOutput(o *Output) error {
	if !inside(o.Path) {
		return errors.New("lies outside of the directory")
	}
	isLink := o.Mode&fs.ModeSymlink != 0
	if isLink != (o.Target != "") || bytes.IndexByte([]byte(o.Target), 0) >= 0 {
		return errors.New("a link without a target, or a target without a link")
	}
	if o.Size < 0 {
		return errors.New("negative size")
	}
	return nil
}
