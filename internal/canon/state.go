package canon

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// A state is what one Append carries along. Plain types without maps need
// none. After the first failure encoders return as soon as they see it.
type state struct {
	ctx     context.Context
	err     error
	path    []string // where err happened, innermost first
	depth   int
	inKey   bool               // encoding the key of a map
	active  map[visit]struct{} // references being followed, past maxUnwatched
	entries []entry            // of the maps being encoded, innermost last
	scratch []byte
}

// A visit is a reference of some encoder.
type visit struct {
	p unsafe.Pointer
	n *node
}

const (
	// maxUnwatched references deep, cycles are looked for. Few values nest as
	// deep, so few pay for the bookkeeping.
	maxUnwatched = 64
	// maxDepth bounds the stack: a level costs up to about a kilobyte.
	maxDepth = 10_000
	// maxKept is the scratch memory that a pooled state may keep.
	maxKept = 64 << 10
)

var states = sync.Pool{New: func() any { return new(state) }}

func newState(ctx context.Context) *state {
	s := states.Get().(*state)
	s.ctx = ctx
	return s
}

// free returns s to the pool. A panic on the way leaves s to the collector.
func (s *state) free() {
	s.ctx, s.err, s.path, s.depth, s.inKey = nil, nil, nil, 0, false
	if len(s.active) > 0 {
		clear(s.active)
	}
	s.entries = s.entries[:0]
	if cap(s.scratch) > maxKept {
		s.scratch = nil
	}
	if cap(s.entries) > maxKept/int(unsafe.Sizeof(entry{})) {
		s.entries = nil
	}
	states.Put(s)
}

// fail notes the first failure.
func (s *state) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// at notes, on the way out of a failure, the field or index it was in.
func (s *state) at(segment string) { s.path = append(s.path, segment) }

func (s *state) atIndex(i int) { s.at("[" + strconv.Itoa(i) + "]") }

// failure is the error with its path.
func (s *state) failure() error {
	if s.err == nil || len(s.path) == 0 {
		return s.err
	}
	var b strings.Builder
	for i := len(s.path) - 1; i >= 0; i-- {
		b.WriteString(s.path[i])
	}
	path := strings.TrimPrefix(b.String(), ".")
	if u, ok := s.err.(*UnkeyableError); ok {
		at := *u
		if u.Path != "" {
			path += "." + u.Path
		}
		at.Path = path
		return &at
	}
	return &pathError{path, s.err}
}

// enter guards the step through a reference that may lead back to itself. It
// reports false, with a failure noted, on a cycle or past maxDepth.
func (s *state) enter(n *node, p unsafe.Pointer) bool {
	if s.err != nil {
		return false
	}
	if s.depth >= maxDepth {
		s.fail(&UnkeyableError{Type: n.typ, Reason: "nested deeper than " + strconv.Itoa(maxDepth) + " levels"})
		return false
	}
	if s.depth >= maxUnwatched && !s.watch(visit{p, n}) {
		s.fail(&UnkeyableError{Type: n.typ, Reason: "contains itself"})
		return false
	}
	s.depth++
	return true
}

func (s *state) watch(v visit) bool {
	if _, ok := s.active[v]; ok {
		return false
	}
	if s.active == nil {
		s.active = map[visit]struct{}{}
	}
	s.active[v] = struct{}{}
	return true
}

// leave ends what enter began.
func (s *state) leave(n *node, p unsafe.Pointer) {
	s.depth--
	if s.depth >= maxUnwatched {
		delete(s.active, visit{p, n})
	}
}
