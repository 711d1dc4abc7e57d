package canon

import (
	"crypto/sha256"
	"reflect"
	"sync"
)

var fingerprints sync.Map // reflect.Type -> [32]byte

// Fingerprint is a digest of the structure of t: names with their package
// paths, kinds, and recursively the names, types, tags and embedding of all
// fields, unexported ones too. A struct that gains, loses, renames, moves or
// retypes a field at any depth has another fingerprint. It is the same in
// every process and on every machine. A nil t, the type of a nil interface,
// has a fingerprint of its own.
//
// Types of the standard library that the encoder knows by name (time.Time and
// others, listed in docs/keys.md) count by name: their insides change between
// releases of Go without changing what is encoded.
func Fingerprint(t reflect.Type) [32]byte {
	if t == nil {
		return sha256.Sum256([]byte{cborNull})
	}
	if d, ok := fingerprints.Load(t); ok {
		return d.([32]byte)
	}
	d := sha256.Sum256(describe(t))
	fingerprints.Store(t, d)
	return d
}

// describe is the text that Fingerprint digests.
func describe(t reflect.Type) []byte {
	d := describer{seen: map[reflect.Type]int{}}
	d.typ(t)
	return d.buf
}

// A describer writes a type as a tree, in which a type met before is the
// number of its first appearance: so recursive types end.
type describer struct {
	buf  []byte
	seen map[reflect.Type]int
}

func (d *describer) typ(t reflect.Type) {
	if n, ok := d.seen[t]; ok {
		d.buf = AppendUint(d.buf, uint64(n))
		return
	}
	d.seen[t] = len(d.seen)
	d.buf = AppendArray(d.buf, 4)
	d.text(t.PkgPath())
	d.text(t.Name())
	d.text(t.Kind().String())
	if wellKnown[t] != nil {
		d.buf = AppendNull(d.buf)
		return
	}
	d.structure(t)
}

func (d *describer) text(s string) { d.buf = AppendString(d.buf, s) }

func (d *describer) structure(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		d.typ(t.Elem())
	case reflect.Array:
		d.buf = AppendUint(AppendArray(d.buf, 2), uint64(t.Len()))
		d.typ(t.Elem())
	case reflect.Map:
		d.buf = AppendArray(d.buf, 2)
		d.typ(t.Key())
		d.typ(t.Elem())
	case reflect.Chan:
		d.buf = AppendUint(AppendArray(d.buf, 2), uint64(t.ChanDir()))
		d.typ(t.Elem())
	case reflect.Struct:
		d.fields(t)
	case reflect.Interface:
		// Methods say nothing of the values; unnamed interfaces have no other
		// name.
		d.text(interfaceName(t))
	case reflect.Func:
		d.function(t)
	default:
		d.buf = AppendNull(d.buf)
	}
}

func (d *describer) fields(t reflect.Type) {
	d.buf = AppendArray(d.buf, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		d.buf = AppendArray(d.buf, 5)
		d.text(f.PkgPath)
		d.text(f.Name)
		d.text(string(f.Tag))
		d.buf = AppendBool(d.buf, f.Anonymous)
		d.typ(f.Type)
	}
}

func (d *describer) function(t reflect.Type) {
	d.buf = AppendArray(d.buf, 2+t.NumIn()+t.NumOut())
	d.buf = AppendBool(d.buf, t.IsVariadic())
	d.buf = AppendUint(d.buf, uint64(t.NumIn()))
	for i := range t.NumIn() {
		d.typ(t.In(i))
	}
	for i := range t.NumOut() {
		d.typ(t.Out(i))
	}
}
