package canon

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"unsafe"
)

// An entry is one encoded pair of a map: where its key and its value begin and
// the value ends in dst. prefix holds the first bytes of the key, which decide
// most comparisons.
type entry struct {
	prefix           uint64
	start, mid, stop int
}

// mapping compiles a map: null, or a map sorted by its encoded keys.
func (c *compiler) mapping(n *node, ignored *ignoreTree, path string) error {
	if t, ok := identityIn(n.typ.Key()); ok {
		err := identityError(n.typ, t)
		err.Path = path
		return err
	}
	key, err := c.node(n.typ.Key(), nil, path)
	if err != nil {
		return err
	}
	elem, err := c.node(n.typ.Elem(), ignored, path)
	if err != nil {
		return err
	}
	n.nullable = true
	n.fails = n.fails || key.fails || elem.fails
	n.parts = mapParts(n, key, elem)
	n.enc = c.guarded(n, c.mapEncoder(n, key, elem))
	return nil
}

// identityIn finds a pointer in a key type: such keys compare by address.
func identityIn(t reflect.Type) (reflect.Type, bool) {
	if special(t) != nil {
		return nil, false
	}
	switch t.Kind() {
	case reflect.Pointer:
		return t, special(t.Elem()) == nil
	case reflect.Array:
		return identityIn(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if p, ok := identityIn(t.Field(i).Type); ok {
				return p, true
			}
		}
	}
	return nil, false
}

func identityError(t, pointer reflect.Type) *UnkeyableError {
	return &UnkeyableError{Type: t, Reason: "a map finds keys of type " + pointer.String() + " by address, not by value"}
}

// mapEncoder picks the encoder. Maps with the same kinds of key and value have
// the same layout whatever their types are called, so the commonest are read
// as such; reflection, with pooled iterators, reads the others.
func (c *compiler) mapEncoder(n, key, elem *node) encodeFunc {
	if key.op == opString {
		switch {
		case elem.op == opString:
			return stringMap(AppendString)
		case elem.op == opInt:
			return stringMap(AppendInt)
		case elem.op == opBool:
			return stringMap(AppendBool)
		}
	}
	c.stateful = true
	return anyMap(n, key, elem)
}

// A mapReader holds what reflection needs to walk a map without allocating.
type mapReader struct {
	slot     unsafe.Pointer // the map
	m        reflect.Value  // the map, read from slot
	iter     reflect.MapIter
	key, val reflect.Value
}

func newMapReader(t reflect.Type) *mapReader {
	r := new(mapReader)
	r.m = reflect.NewAt(t, unsafe.Pointer(&r.slot)).Elem()
	r.key = reflect.New(t.Key()).Elem()
	r.val = reflect.New(t.Elem()).Elem()
	return r
}

// start begins to walk the map whose word is at p. The word is copied: p may
// point to a stack.
func (r *mapReader) start(p unsafe.Pointer) {
	r.slot = *(*unsafe.Pointer)(p)
	r.iter.Reset(r.m)
}

// next reads the next entry, into new variables if asked to.
func (r *mapReader) next(fresh bool) bool {
	if !r.iter.Next() {
		return false
	}
	if fresh {
		r.key, r.val = reflect.New(r.key.Type()).Elem(), reflect.New(r.val.Type()).Elem()
	}
	r.key.SetIterKey(&r.iter)
	r.val.SetIterValue(&r.iter)
	return true
}

// stop lets go of the map and its contents.
func (r *mapReader) stop() {
	r.slot = nil
	r.iter.Reset(reflect.Value{})
	r.key.SetZero()
	r.val.SetZero()
}

func anyMap(n, key, elem *node) encodeFunc {
	readers := sync.Pool{New: func() any { return newMapReader(n.typ) }}
	return func(s *state, dst []byte, p unsafe.Pointer) []byte {
		if *(*unsafe.Pointer)(p) == nil {
			return append(dst, cborNull)
		}
		r := readers.Get().(*mapReader)
		r.start(p)
		dst = AppendMap(dst, r.m.Len())
		base := len(s.entries)
		foreign := key.foreign || elem.foreign // someone may keep a pointer
		for s.err == nil && r.next(foreign) {
			kp, vp := r.key.Addr().UnsafePointer(), r.val.Addr().UnsafePointer()
			start := len(dst)
			dst = encodeKey(s, key, dst, kp)
			mid := len(dst)
			dst = elem.enc(s, dst, vp)
			s.entries = append(s.entries, entry{prefixOf(dst[start:]), start, mid, len(dst)})
		}
		if s.err != nil {
			s.at(r.index())
		}
		if !foreign {
			r.stop()
			readers.Put(r)
		}
		return s.sortEntries(dst, base)
	}
}

// encodeKey tells interfaces within the key that they are.
func encodeKey(s *state, key *node, dst []byte, p unsafe.Pointer) []byte {
	outer := s.inKey
	s.inKey = true
	dst = key.enc(s, dst, p)
	s.inKey = outer
	return dst
}

// index names the current entry in a path.
func (r *mapReader) index() string {
	if r.key.Kind() == reflect.String {
		return "[" + strconv.Quote(r.key.String()) + "]"
	}
	return "[" + preview(r.key, nil) + "]"
}

// prefixOf reads the first eight bytes as a number that orders as they do.
// Encodings are prefix-free, so where a key is shorter, the difference lies
// within it and what follows does not matter.
func prefixOf(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var short [8]byte
	copy(short[:], b)
	return binary.BigEndian.Uint64(short[:])
}

// sortEntries puts the entries from base on, which fill the end of dst, in the
// order of their bytes, and drops them from s.
func (s *state) sortEntries(dst []byte, base int) []byte {
	es := s.entries[base:]
	if s.err != nil || len(es) < 2 {
		s.entries = s.entries[:base]
		return dst
	}
	first := es[0].start
	slices.SortFunc(es, func(a, b entry) int {
		if a.prefix != b.prefix {
			if a.prefix < b.prefix {
				return -1
			}
			return 1
		}
		return bytes.Compare(dst[a.start:a.stop], dst[b.start:b.stop])
	})
	s.scratch = append(s.scratch[:0], dst[first:]...)
	dst = dst[:first]
	for i := range es {
		dst = append(dst, s.scratch[es[i].start-first:es[i].stop-first]...)
	}
	s.entries = s.entries[:base]
	return dst
}
