package canon

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// partsVersion is the first byte of encoded parts.
const partsVersion = 1

// AppendParts appends the parts as CBOR: an array of the format's version and
// an array of parts, each an array of name, digest, preview and private flag.
// Order is kept.
func AppendParts(dst []byte, parts []Part) []byte {
	dst = AppendUint(AppendArray(dst, 2), partsVersion)
	dst = AppendArray(dst, len(parts))
	for i := range parts {
		p := &parts[i]
		dst = AppendString(AppendArray(dst, 4), p.Name)
		dst = AppendBytes(dst, p.Digest[:])
		dst = AppendBool(AppendString(dst, p.Preview), p.Private)
	}
	return dst
}

// ParseParts reads what AppendParts wrote, and nothing else: any byte that
// AppendParts would not write, or that is left over, is an error. Memory is
// bounded by a small multiple of len(b). The parts share no memory with b.
func ParseParts(b []byte) ([]Part, error) {
	r := reader{rest: b}
	r.array(2)
	if v := r.uint(); r.err == nil && v != partsVersion {
		return nil, fmt.Errorf("canon: parts of format %d; this program reads format %d", v, partsVersion)
	}
	n := r.length(majorArray)
	if n > len(r.rest)/minPart {
		r.fail("more parts than bytes")
		n = 0
	}
	parts := make([]Part, 0, n)
	for range n {
		parts = append(parts, r.part())
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("bytes after the end")
	}
	if r.err != nil {
		return nil, r.err
	}
	return parts, nil
}

// minPart is the size of the shortest encoded part.
const minPart = 1 + 1 + 9 + 1 + 1

func (r *reader) part() (p Part) {
	r.array(4)
	p.Name = r.string()
	if d := r.bytes(); len(d) == len(p.Digest) {
		copy(p.Digest[:], d)
	} else {
		r.fail("digest is not 8 bytes")
	}
	p.Preview = r.string()
	p.Private = r.bool()
	return p
}

// A Difference is a part that two values do not have in common. Old or New is
// nil where only the other has it.
type Difference struct {
	Name     string
	Old, New *Part
}

// Diff lists the parts whose digests differ, ordered by name. It keeps nothing
// of its arguments, which it does not change.
func Diff(old, new []Part) []Difference {
	a, b := byName(old), byName(new)
	var diffs []Difference
	for len(a) > 0 || len(b) > 0 {
		switch order := compareHeads(a, b); {
		case order < 0:
			diffs = append(diffs, Difference{Name: a[0].Name, Old: &a[0]})
			a = a[1:]
		case order > 0:
			diffs = append(diffs, Difference{Name: b[0].Name, New: &b[0]})
			b = b[1:]
		default:
			if a[0].Digest != b[0].Digest {
				diffs = append(diffs, Difference{Name: a[0].Name, Old: &a[0], New: &b[0]})
			}
			a, b = a[1:], b[1:]
		}
	}
	return diffs
}

// compareHeads says which list has the next name; one of them has.
func compareHeads(a, b []Part) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(b), len(a))
	}
	return strings.Compare(a[0].Name, b[0].Name)
}

func byName(parts []Part) []Part {
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b Part) int { return strings.Compare(a.Name, b.Name) })
	return parts
}
