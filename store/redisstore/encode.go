package redisstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/reprise-go/reprise/store"
)

// maxNumber is the largest integer that Lua counts exactly. Sequence numbers
// and fences stay below until the year 2255; what is above is none of ours.
const maxNumber = 1 << 53

var errDamaged = errors.New("unreadable metadata")

// header begins an entry: what scripts read and write, seven big-endian
// integers and two bytes. Times are milliseconds since 1970, 0 is never.
type header struct {
	begun, created, expires, dead, fence, cleared, labelsLength uint64
	policy                                                      store.Policy
	present                                                     bool // else a tombstone
}

const headerLength = 7*8 + 2

// parseHeader reads the beginning of b.
func parseHeader(b []byte) (header, error) {
	if len(b) < headerLength {
		return header{}, errDamaged
	}
	var f [7]uint64
	for i := range f {
		f[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	policy, present := store.Policy(b[56]), b[57]
	if policy > store.Persist || present > 1 || f[0]|f[1]|f[2]|f[3]|f[5] > maxNumber {
		return header{}, errDamaged
	}
	return header{f[0], f[1], f[2], f[3], f[4], f[5], f[6], policy, present == 1}, nil
}

// splitEntry takes an entry apart into header, labels and value.
func splitEntry(b []byte) (h header, labels, value []byte, err error) {
	if h, err = parseHeader(b); err != nil {
		return h, nil, nil, err
	}
	rest := b[headerLength:]
	if h.labelsLength > uint64(len(rest)) {
		return h, nil, nil, errDamaged
	}
	return h, rest[:h.labelsLength], rest[h.labelsLength:], nil
}

// fill sets what h says about r.
func (h *header) fill(r *store.Record) {
	r.Begun, r.Fence, r.Policy = h.begun, h.fence, h.policy
	r.Created, r.Expires = fromMillis(int64(h.created)), fromMillis(int64(h.expires))
}

// fromMillis is a time of the server; 0 is the zero Time.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// millis is d in milliseconds, rounded up, so that no wait ends early.
func millis(d time.Duration) int64 {
	ms := d.Milliseconds()
	if time.Duration(ms)*time.Millisecond < d && ms < math.MaxInt64/int64(time.Millisecond) {
		ms++
	}
	return ms
}

// labelsVersion begins the labels of an entry.
const labelsVersion = 1

// encodeLabels is the part of an entry that never changes while the record is
// stored.
func encodeLabels(r *store.Record) []byte {
	b := append(make([]byte, 0, 128), labelsVersion)
	b = binary.AppendUvarint(b, uint64(len(r.Value)))
	b = binary.AppendUvarint(b, uint64(r.Grace))
	b = binary.AppendVarint(b, int64(r.Cost))
	b = appendText(b, r.Labels.Entry)
	return appendSet(b, &r.Labels)
}

// appendSet appends the labels that many entries have in common.
func appendSet(b []byte, l *store.Labels) []byte {
	b = append(b, byte(l.Kind))
	for _, s := range [...]string{l.Collection, l.Function, l.Dataset, l.Version} {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(l.Tags)))
	for _, t := range l.Tags {
		b = appendText(b, t)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeLabels reads the labels of an entry into r. There are none in the
// tombstone of a key that never had an entry.
func decodeLabels(s string, r *store.Record) error {
	if s == "" {
		return nil
	}
	d := decoder{rest: s}
	if d.byte() != labelsVersion {
		return errDamaged
	}
	r.Size = int64(d.uvarint())
	r.Grace = time.Duration(d.uvarint())
	r.Cost = time.Duration(d.varint())
	r.Labels.Entry = d.text()
	d.set(&r.Labels)
	if d.bad || d.rest != "" || r.Size < 0 || r.Grace < 0 {
		return errDamaged
	}
	return nil
}

// decoder reads what the functions above appended. What it yields shares the
// memory of rest. After bad input it yields zeros.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.bad = true
		return 0
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c
}

func (d *decoder) uvarint() uint64 {
	if d.rest != "" && d.rest[0] < 0x80 { // nearly always
		n := d.rest[0]
		d.rest = d.rest[1:]
		return uint64(n)
	}
	n, used := binary.Uvarint([]byte(d.rest[:min(len(d.rest), binary.MaxVarintLen64)]))
	if used <= 0 {
		d.bad, d.rest = true, ""
		return 0
	}
	d.rest = d.rest[used:]
	return n
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	n := int64(u >> 1)
	if u&1 != 0 {
		n = ^n
	}
	return n
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) set(l *store.Labels) {
	l.Kind = store.Kind(d.byte())
	for _, p := range [...]*string{&l.Collection, &l.Function, &l.Dataset, &l.Version} {
		*p = d.text()
	}
	n := d.uvarint()
	if n > uint64(len(d.rest)) { // a tag takes a byte at least
		d.bad = true
		return
	}
	for range n {
		l.Tags = append(l.Tags, d.text())
	}
}

// set is what entries of one function, dataset, version, policy and tags have
// in common: they are hidden, counted and listed together.
type set struct {
	id     string // 16 bytes
	desc   string // policy and labels
	labels []string
}

func setOf(l *store.Labels, p store.Policy) set {
	desc := appendSet([]byte{byte(p)}, l)
	sum := sha256.Sum256(desc)
	s := set{id: string(sum[:16]), desc: string(desc)}
	for _, label := range l.Of(nil, p) {
		s.labels = append(s.labels, labelText(label))
	}
	return s
}

func parseSet(desc string) (l store.Labels, p store.Policy, err error) {
	d := decoder{rest: desc}
	p = store.Policy(d.byte())
	d.set(&l)
	if d.bad || d.rest != "" {
		return l, p, errDamaged
	}
	return l, p, nil
}

// labelText is a label as scripts know it.
func labelText(l store.Label) string { return string([]byte{byte(l.Kind)}) + l.Value }

func parseLabel(s string) (store.Label, error) {
	if s == "" {
		return store.Label{}, errDamaged
	}
	return store.Label{Kind: store.LabelKind(s[0]), Value: s[1:]}, nil
}
