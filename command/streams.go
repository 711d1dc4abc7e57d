package command

import (
	"errors"
	"io"
	"sync"
)

// recording is what a command wrote, in order.
type recording struct {
	limit int64 // bytes, with what chunks take besides
	used  int64
	over  bool // more came than limit: the recording is given up
	data  []byte
	marks []mark
}

// A mark is the length and the stream of a chunk. Chunks are cut at the end,
// because data moves while it grows.
type mark struct{ stream, size int }

// chunkCost bounds how many small chunks a recording has.
const chunkCost = 32

// add appends what came from a stream.
func (r *recording) add(stream int, b []byte) {
	if r.over || len(b) == 0 {
		return
	}
	last := len(r.marks) - 1
	if r.used += int64(len(b)); last < 0 || r.marks[last].stream != stream {
		r.used += chunkCost
		r.marks = append(r.marks, mark{stream: stream})
		last++
	}
	if r.used > r.limit {
		r.over, r.data, r.marks = true, nil, nil
		return
	}
	r.marks[last].size += len(b)
	r.data = append(r.data, b...)
}

// chunks are the recorded chunks. They share one piece of memory.
func (r *recording) chunks() []Chunk {
	var out []Chunk
	rest := r.data
	for _, m := range r.marks {
		out = append(out, Chunk{Stream: m.stream, Bytes: rest[:m.size:m.size]})
		rest = rest[m.size:]
	}
	return out
}

// tee shows what a command writes while it is recorded.
type tee struct {
	rec recording

	mu  sync.Mutex
	to  [2]io.Writer // by stream, from 0; nil: shown to nobody; guarded by mu
	err error        // of the first writer that failed; guarded by mu
}

// errUnread ends the reading of a stream that nobody takes any more.
var errUnread = errors.New("nobody reads the stream any more")

// take is called for each piece of a stream, one at a time. After an error the
// stream is read no further: the command learns of it as it would without
// reprise, by a broken pipe.
func (t *tee) take(stream int, b []byte) error {
	t.rec.add(stream, b)
	return t.show(stream, b)
}

func (t *tee) show(stream int, b []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.to[stream-1]
	if w == nil {
		return nil
	}
	if _, err := w.Write(b); err != nil {
		if t.err == nil {
			t.err = err
		}
		return errUnread
	}
	return nil
}

// leave shows no more: whom it was for is gone.
func (t *tee) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.to = [2]io.Writer{}
}

// failure is that of the first writer that failed.
func (t *tee) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// replay shows recorded chunks. A stream whose writer fails is left; the other
// goes on.
func (t *tee) replay(chunks []Chunk) error {
	var dead [2]bool
	for _, c := range chunks {
		if !dead[c.Stream-1] && t.show(c.Stream, c.Bytes) != nil {
			dead[c.Stream-1] = true
		}
	}
	return t.failure()
}
