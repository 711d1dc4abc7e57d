package envelope

import (
	"maps"
	"sync/atomic"
)

// maxCodecs bounds how many names a Sealer remembers. Programs use a handful;
// a store full of made-up names must not fill the memory.
const maxCodecs = 32

// codecs turns the bytes of codec names into strings without allocating one
// for each record. The map is replaced, never changed.
type codecs struct {
	known atomic.Pointer[map[string]string]
}

func (c *codecs) name(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	known := c.known.Load()
	if known != nil {
		if s, ok := (*known)[string(b)]; ok {
			return s
		}
	}
	return c.learn(known, string(b))
}

// learn adds s to the known names, if there is room. Where two goroutines
// learn at once, one name is forgotten, and learned again at its next use.
func (c *codecs) learn(known *map[string]string, s string) string {
	next := map[string]string{s: s}
	if known != nil {
		if len(*known) >= maxCodecs {
			return s
		}
		maps.Copy(next, *known)
	}
	c.known.CompareAndSwap(known, &next)
	return s
}
