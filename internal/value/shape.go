package value

import (
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"regexp"
	"sync"
	"time"
)

// Standard types whose fields say nothing, but whose documentation does.
var (
	timeType     = reflect.TypeFor[time.Time]()
	locationType = reflect.TypeFor[time.Location]()
	addrType     = reflect.TypeFor[netip.Addr]()
	regexpType   = reflect.TypeFor[regexp.Regexp]()
	bigIntType   = reflect.TypeFor[big.Int]()
	bigRatType   = reflect.TypeFor[big.Rat]()
	bigFloatType = reflect.TypeFor[big.Float]()
	// Sentinel errors are such pointers: their identity matters, and nothing
	// can modify them.
	errorStringType = reflect.TypeOf(errors.New(""))
	rtypeType       = reflect.TypeOf(timeType)
	lockerType      = reflect.TypeFor[sync.Locker]()
)

var immutable sync.Map // reflect.Type -> bool

// Immutable reports whether an assignment copies a value of t completely: no
// memory is left that the holder of one copy could modify under the other.
// Booleans, numbers, strings, time.Time, netip.Addr and arrays and structs of
// these are immutable. Pointers (but *time.Location), slices, maps, channels,
// functions and interfaces are not, nor are types that must not be copied,
// such as sync.Mutex. The answer is cached per type.
func Immutable(t reflect.Type) bool {
	if k := t.Kind(); k <= reflect.Complex128 || k == reflect.String {
		return true
	}
	if is, ok := immutable.Load(t); ok {
		return is.(bool)
	}
	is := findImmutable(t)
	immutable.Store(t, is)
	return is
}

func findImmutable(t reflect.Type) bool {
	switch t {
	case timeType, addrType, errorStringType, rtypeType:
		return true
	}
	switch t.Kind() {
	case reflect.Pointer:
		return t.Elem() == locationType
	case reflect.Slice, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface, reflect.UnsafePointer:
		return false
	case reflect.Array:
		return t.Len() == 0 || Immutable(t.Elem())
	case reflect.Struct:
		return !mustNotCopy(t) && allFields(t, Immutable)
	}
	return true
}

func allFields(t reflect.Type, ok func(reflect.Type) bool) bool {
	for i := range t.NumField() {
		if !ok(t.Field(i).Type) {
			return false
		}
	}
	return true
}

// mustNotCopy reports whether copies of a t are wrong whatever its fields are:
// the types of sync and sync/atomic, and others that have the Lock method by
// which go vet knows such types.
func mustNotCopy(t reflect.Type) bool {
	switch t.PkgPath() {
	case "sync", "sync/atomic", "internal/sync":
		return true
	}
	return reflect.PointerTo(t).Implements(lockerType)
}

// mayRepeat reports whether a value of t may hold another t, or an interface
// and thus anything: whether a walk over it needs to remember where it was.
func mayRepeat(t reflect.Type) bool {
	seen := map[reflect.Type]bool{}
	var reaches func(u reflect.Type) bool
	reaches = func(u reflect.Type) bool {
		if u == t {
			return true
		}
		if seen[u] || Immutable(u) || opaque(u) {
			return false
		}
		seen[u] = true
		if u.Kind() == reflect.Interface {
			return true
		}
		return anyPart(u, reaches)
	}
	return t.Kind() == reflect.Interface || anyPart(t, reaches)
}

// anyPart reports whether is holds for a type that values of t consist of or
// refer to directly.
func anyPart(t reflect.Type, is func(reflect.Type) bool) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return is(t.Elem())
	case reflect.Map:
		return is(t.Key()) || is(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if is(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// opaque types are copied and compared by their methods, not their fields.
func opaque(t reflect.Type) bool {
	switch t {
	case addrType, locationType, bigIntType, bigRatType, bigFloatType, regexpType, rtypeType:
		return true
	}
	return isTime(t)
}

// isTime reports whether t is time.Time under any name.
func isTime(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.ConvertibleTo(timeType)
}
