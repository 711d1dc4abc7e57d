package canon

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// ErrUnkeyable is what every [*UnkeyableError] is, for errors.Is.
var ErrUnkeyable = errors.New("canon: value cannot be part of a key")

// An UnkeyableError says that a type, or a value found at run time, cannot be
// encoded in full.
type UnkeyableError struct {
	Type   reflect.Type // the offending type; nil where there is none
	Path   string       // the field, "Query.Handler"; empty for the whole value
	Reason string       // why

	advice string // what to do; empty means the three ways out
}

// Error names the field, the reason and what can be done.
func (e *UnkeyableError) Error() string {
	var b strings.Builder
	b.WriteString("canon: ")
	if e.Path != "" {
		b.WriteString("field " + e.Path + ": ")
	}
	if e.Type != nil {
		b.WriteString("type " + e.Type.String() + ": ")
	}
	b.WriteString(e.Reason + "; ")
	b.WriteString(e.waysOut())
	return b.String()
}

func (e *UnkeyableError) waysOut() string {
	if e.advice != "" {
		return e.advice
	}
	ignore := "ignore a field that leads to it"
	if e.Path != "" {
		ignore = "ignore the field (" + strconv.Quote(fieldPath(e.Path)) + ")"
	}
	return ignore + ", implement CacheKeyer on its type, or give a KeyFunc"
}

// Is makes errors.Is(e, ErrUnkeyable) true.
func (e *UnkeyableError) Is(target error) bool { return target == ErrUnkeyable }

// fieldPath drops the indices from a path found at run time: what is left can
// be ignored.
func fieldPath(path string) string {
	var b strings.Builder
	for path != "" {
		open := strings.IndexByte(path, '[')
		if open < 0 {
			break
		}
		b.WriteString(path[:open])
		path = skipIndex(path[open+1:])
	}
	return strings.TrimPrefix(b.String()+path, ".")
}

// skipIndex returns what follows an index such as 12] or "k"].
func skipIndex(s string) string {
	if q, err := strconv.QuotedPrefix(s); err == nil {
		s = s[len(q):]
	}
	_, rest, _ := strings.Cut(s, "]")
	return rest
}

// A pathError is any other failure, at a field.
type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return "canon: field " + e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }
