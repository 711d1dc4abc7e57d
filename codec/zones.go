package codec

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"
)

// A zone restores one time whose location RFC 3339 does not tell. CBOR values
// that hold such times are followed by an array of these, in the order in which
// the times are met in the value.
type zone struct {
	_      struct{} `cbor:",toarray"`
	Time   int      // which of the times in the value, counted from 0
	Name   string
	Fixed  bool // made by time.FixedZone, rather than from the database
	Offset int  // seconds east of UTC, at that time
	Unix   int64
}

// plainZone reports whether RFC 3339 says all of t: UTC, Local (which names no
// place) and nameless fixed zones of whole minutes.
func plainZone(t time.Time) bool {
	l := t.Location()
	if l == time.UTC {
		return true
	}
	_, offset := t.Zone()
	if offset%60 != 0 || t.IsZero() && offset != 0 {
		return false // the encoder stores the zero time as null
	}
	return l == time.Local || l.String() == ""
}

// appendZones appends the zones of the times in the value at points to, where
// any of them needs one.
func appendZones(buf *bytes.Buffer, at reflect.Value) ([]byte, error) {
	odd := false
	look := timeWalk{anyOrder: true, meet: func(t time.Time) (time.Time, bool) {
		odd = odd || !plainZone(t)
		return t, false
	}}
	if look.visit(at.Elem()); !odd {
		return buf.Bytes(), nil
	}
	n, zones := 0, []zone(nil)
	collect := timeWalk{meet: func(t time.Time) (time.Time, bool) {
		if !plainZone(t) {
			zones = append(zones, zoneOf(t, n))
		}
		n++
		return t, false
	}}
	collect.visit(at.Elem())
	if err := cborEncoding.MarshalToBuffer(zones, buf); err != nil {
		return nil, fmt.Errorf("codec: cbor: encode time zones: %w", err)
	}
	return buf.Bytes(), nil
}

func zoneOf(t time.Time, n int) zone {
	name := t.Location().String()
	_, offset := t.Zone()
	fixed := reflect.DeepEqual(*t.Location(), *time.FixedZone(name, offset))
	if t.Location() == time.Local {
		name, fixed = "", true
	}
	return zone{Time: n, Name: name, Fixed: fixed, Offset: offset, Unix: t.Unix()}
}

func restoreZones(b []byte, at reflect.Value) error {
	var zones []zone
	if err := cborDecoding.Unmarshal(b, &zones); err != nil {
		return fmt.Errorf("time zones after the value: %w", err)
	}
	if len(zones) == 0 {
		return errors.New("time zones after the value: none of them")
	}
	n, failed := 0, error(nil)
	restore := timeWalk{meet: func(t time.Time) (time.Time, bool) {
		odd := failed == nil && len(zones) > 0 && zones[0].Time == n
		if odd {
			t, failed = zones[0].restore(t)
			zones = zones[1:]
		}
		n++
		return t, odd
	}}
	restore.visit(at.Elem())
	if failed == nil && len(zones) > 0 {
		failed = errors.New("time zones after the value: more of them than times")
	}
	return failed
}

func (z zone) restore(t time.Time) (time.Time, error) {
	l := time.FixedZone(z.Name, z.Offset)
	if !z.Fixed {
		var err error
		if l, err = time.LoadLocation(z.Name); err != nil {
			return t, fmt.Errorf("time zone %q: %w", z.Name, err)
		}
	}
	t = time.Unix(z.Unix, int64(t.Nanosecond())).In(l)
	if _, offset := t.Zone(); offset != z.Offset {
		return t, fmt.Errorf("time zone %q: the offset at %s was %d s, and is %d s in the time zone database here",
			z.Name, t, z.Offset, offset)
	}
	return t, nil
}

var timeHolders sync.Map // reflect.Type -> bool

// holdsTime reports whether values of t can hold times outside map keys.
func holdsTime(t reflect.Type) bool {
	if is, ok := timeHolders.Load(t); ok {
		return is.(bool)
	}
	is := findTime(t, map[reflect.Type]bool{})
	timeHolders.Store(t, is)
	return is
}

func findTime(t reflect.Type, open map[reflect.Type]bool) bool {
	if t == timeType || t.Kind() == reflect.Interface {
		return true
	}
	if open[t] || cborDialect.encodesItself(t) {
		return false
	}
	open[t] = true
	defer delete(open, t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return findTime(t.Elem(), open)
	case reflect.Struct:
		for i := range t.NumField() {
			if findTime(t.Field(i).Type, open) {
				return true
			}
		}
	}
	return false
}
