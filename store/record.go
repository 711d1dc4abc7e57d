package store

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// Key is the digest under which an entry is stored. The engine derives it from
// everything that justifies the result, so equal keys mean the same call.
type Key [32]byte

// String is the key in 64 hexadecimal digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Short is the first twelve digits, for messages.
func (k Key) Short() string { return hex.EncodeToString(k[:6]) }

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	var k Key
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(k) {
		return k, fmt.Errorf("store: key %q: want %d hexadecimal digits", s, 2*len(k))
	}
	copy(k[:], b)
	return k, nil
}

// Record is one entry.
type Record struct {
	Key      Key
	Labels   Labels
	Value    []byte // sealed by package envelope; the driver does not look inside
	Policy   Policy
	Begun    uint64        // sequence number when the execution began
	TTL      time.Duration // for Put: 0 means never expires. Read back: zero
	Grace    time.Duration // how long past expiry Get still returns it
	Created  time.Time     // stamped by the store
	Expires  time.Time     // stamped by the store; zero: never
	Cost     time.Duration // what computing the value took
	Size     int64         // len(Value), also where Value was left out
	Manifest []byte        // what went into the key, for people to compare
	Fence    uint64        // lease under which it was published; 0: none
}

// Kind separates the entries of cached functions from those that programs keep
// in execution stores of the same name.
type Kind uint8

const (
	// KindFunction marks results of cached functions and commands.
	KindFunction Kind = iota
	// KindEntry marks keys of an ExecutionStore.
	KindEntry
)

// Labels are what entries are found, counted and cleared by. Strings may hold
// any bytes and be empty; drivers must not confuse ("ab","c") with ("a","bc").
type Labels struct {
	Kind       Kind
	Collection string
	Function   string   // the cached function's name, or the execution store's
	Dataset    string   // empty: not linked to one
	Version    string   // of the code; not hidden by any Bump, only for List and Purge
	Entry      string   // the key inside an execution store; empty for functions
	Tags       []string // sorted, without duplicates
}

// Policy says whether an entry may be given up.
type Policy uint8

const (
	// Evict lets clears of everything and the quota take the entry.
	Evict Policy = iota
	// Persist keeps it until it expires or is cleared by name.
	Persist
)

// String is the policy's name in the field: "evict" or "persist".
func (p Policy) String() string {
	if p == Persist {
		return "persist"
	}
	return "evict"
}

// Label is what a Bump names. The zero Label is invalid.
type Label struct {
	Kind  LabelKind
	Value string // framed by the constructors; drivers compare it as bytes
}

// LabelKind is the kind of a Label.
type LabelKind uint8

// The kinds of labels.
const (
	LabelAll LabelKind = iota + 1
	LabelFunction
	LabelFunctionDataset
	LabelDataset
	LabelTag
)

// All is the label of every entry with policy Evict.
func All() Label { return Label{Kind: LabelAll} }

// FunctionLabel is carried by all entries of one function in one collection.
func FunctionLabel(k Kind, collection, function string) Label {
	return Label{LabelFunction, frame(k, collection, function)}
}

// FunctionDatasetLabel is carried by a function's entries for one dataset.
func FunctionDatasetLabel(k Kind, collection, function, dataset string) Label {
	return Label{LabelFunctionDataset, frame(k, collection, function, dataset)}
}

// DatasetLabel is carried by every entry linked to the dataset.
func DatasetLabel(dataset string) Label { return Label{LabelDataset, dataset} }

// TagLabel is carried by every entry with the tag.
func TagLabel(tag string) Label { return Label{LabelTag, tag} }

// Of appends all labels that a record with l and p carries.
func (l *Labels) Of(dst []Label, p Policy) []Label {
	if p == Evict {
		dst = append(dst, All())
	}
	dst = append(dst, FunctionLabel(l.Kind, l.Collection, l.Function))
	if l.Dataset != "" {
		dst = append(dst, FunctionDatasetLabel(l.Kind, l.Collection, l.Function, l.Dataset), DatasetLabel(l.Dataset))
	}
	for _, t := range l.Tags {
		dst = append(dst, TagLabel(t))
	}
	return dst
}

// frame joins parts so that no two lists of parts give the same string.
func frame(k Kind, parts ...string) string {
	b := strconv.AppendUint(nil, uint64(k), 10)
	for _, p := range parts {
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(len(p)), 10)
		b = append(b, ':')
		b = append(b, p...)
	}
	return string(b)
}
