package canon

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// maxSmall entries are sorted on the stack, before they are encoded.
const maxSmall = 8

// A pair is one entry of a small map.
type pair[V any] struct {
	key string
	val V
}

// stringMap encodes maps from strings to V. It needs no state.
func stringMap[V any](value func([]byte, V) []byte) encodeFunc {
	return func(s *state, dst []byte, p unsafe.Pointer) []byte {
		m := *(*map[string]V)(p)
		if m == nil {
			return append(dst, cborNull)
		}
		dst = AppendMap(dst, len(m))
		if len(m) > maxSmall {
			return appendLarge(s, dst, m, value)
		}
		var buf [maxSmall]pair[V]
		pairs, ok := sortPairs(&buf, m)
		if !ok {
			return appendLarge(s, dst, m, value)
		}
		for i := range pairs {
			dst = value(appendText(dst, pairs[i].key), pairs[i].val)
		}
		return dst
	}
}

// sortPairs copies the entries of m to buf in the order of their encoded keys:
// shorter ones first, because the length leads, then as strings. It reports
// false where a key is not valid UTF-8 and sorts otherwise.
func sortPairs[V any](buf *[maxSmall]pair[V], m map[string]V) ([]pair[V], bool) {
	n := 0
	for k, v := range m {
		if n == maxSmall || !utf8.ValidString(k) {
			return nil, false
		}
		i := n
		for i > 0 && textBefore(k, buf[i-1].key) {
			buf[i] = buf[i-1]
			i--
		}
		buf[i] = pair[V]{k, v}
		n++
	}
	return buf[:n], true
}

func textBefore(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return strings.Compare(a, b) < 0
}

// appendLarge encodes first and then sorts.
func appendLarge[V any](s *state, dst []byte, m map[string]V, value func([]byte, V) []byte) []byte {
	if s == nil {
		s = newState(nil)
		defer s.free()
	}
	base := len(s.entries)
	for k, v := range m {
		start := len(dst)
		dst = AppendString(dst, k)
		mid := len(dst)
		dst = value(dst, v)
		s.entries = append(s.entries, entry{prefixOf(dst[start:]), start, mid, len(dst)})
	}
	return s.sortEntries(dst, base)
}
