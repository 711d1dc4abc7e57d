package canon

import (
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"time"
	"unsafe"
)

// wellKnown lists types whose fields cannot be read but whose value can.
var wellKnown map[reflect.Type]builder

// The map is filled here because the builders lead back to it.
func init() {
	wellKnown = map[reflect.Type]builder{
		reflect.TypeFor[time.Time]():      fixed(appendTime),
		reflect.TypeFor[netip.Addr]():     fixed(appendAddr),
		reflect.TypeFor[netip.AddrPort](): fixed(appendAddrPort),
		reflect.TypeFor[netip.Prefix]():   fixed(appendPrefix),
		reflect.TypeFor[big.Int]():        fixed(appendBigInt),
		reflect.TypeFor[big.Rat]():        fixed(appendBigRat),
		reflect.TypeFor[big.Float]():      fixed(appendBigFloat),
		reflect.TypeFor[url.Userinfo]():   fixed(appendUserinfo),
		reflect.TypeFor[regexp.Regexp]():  fixed(appendRegexp),
		reflect.TypeFor[File]():           (*compiler).file,
		reflect.TypeFor[Dir]():            (*compiler).dir,
	}
}

// fixed makes a builder of a function that reads one type and cannot fail.
func fixed[T any](f func(dst []byte, v *T) []byte) builder {
	return func(_ *compiler, n *node) error {
		n.fails = false
		n.enc = func(_ *state, dst []byte, p unsafe.Pointer) []byte { return f(dst, (*T)(p)) }
		return nil
	}
}

// appendTime keeps the instant and the zone: the name of the location, and the
// abbreviation and offset in force there at that instant. The monotonic clock
// reading is dropped.
func appendTime(dst []byte, t *time.Time) []byte {
	zone, offset := t.Zone()
	dst = AppendInt(AppendArray(dst, 5), t.Unix())
	dst = AppendUint(dst, uint64(t.Nanosecond()))
	dst = AppendString(dst, t.Location().String())
	dst = AppendString(dst, zone)
	return AppendInt(dst, int64(offset))
}

// appendAddr writes 0, 4 or 16 bytes and the zone.
func appendAddr(dst []byte, a *netip.Addr) []byte {
	dst = AppendArray(dst, 2)
	switch {
	case !a.IsValid():
		dst = AppendBytes(dst, nil)
	case a.Is4():
		b := a.As4()
		dst = append(appendHead(dst, majorBytes, 4), b[:]...)
	default:
		b := a.As16()
		dst = append(appendHead(dst, majorBytes, 16), b[:]...)
	}
	return AppendString(dst, a.Zone())
}

func appendAddrPort(dst []byte, a *netip.AddrPort) []byte {
	addr := a.Addr()
	return AppendUint(appendAddr(AppendArray(dst, 2), &addr), uint64(a.Port()))
}

// appendPrefix writes the address and the bits, -1 for an invalid prefix.
func appendPrefix(dst []byte, p *netip.Prefix) []byte {
	addr := p.Addr()
	return AppendInt(appendAddr(AppendArray(dst, 2), &addr), int64(p.Bits()))
}

// appendBigInt writes an integer, or a bignum where it needs over 64 bits, as
// RFC 8949, section 3.4.3, wants.
func appendBigInt(dst []byte, v *big.Int) []byte {
	abs, tag, major := v, uint64(tagPosBignum), byte(majorUint)
	if v.Sign() < 0 {
		abs, tag, major = new(big.Int).Not(v), tagNegBignum, majorNeg
	}
	if abs.IsUint64() {
		return appendHead(dst, major, abs.Uint64())
	}
	return AppendBytes(appendHead(dst, majorTag, tag), abs.Bytes())
}

func appendBigRat(dst []byte, v *big.Rat) []byte {
	if v.IsInt() {
		return AppendUint(appendBigInt(AppendArray(dst, 2), v.Num()), 1)
	}
	return appendBigInt(appendBigInt(AppendArray(dst, 2), v.Num()), v.Denom())
}

// appendBigFloat keeps precision, rounding and accuracy, which later
// operations depend on, and the exact value.
func appendBigFloat(dst []byte, v *big.Float) []byte {
	dst = AppendUint(AppendArray(dst, 4), uint64(v.Prec()))
	dst = AppendUint(dst, uint64(v.Mode()))
	dst = AppendInt(dst, int64(v.Acc()))
	return AppendString(dst, v.Text('p', 0))
}

func appendUserinfo(dst []byte, u *url.Userinfo) []byte {
	password, set := u.Password()
	dst = AppendString(AppendArray(dst, 3), u.Username())
	return AppendBool(AppendString(dst, password), set)
}

// longest is the field that regexp.Regexp.Longest sets and no method shows;
// nil where this release of Go has none of that name.
var longest = func() *reflect.StructField {
	f, ok := reflect.TypeFor[regexp.Regexp]().FieldByName("longest")
	if !ok || f.Type.Kind() != reflect.Bool {
		return nil
	}
	return &f
}()

func appendRegexp(dst []byte, re *regexp.Regexp) []byte {
	dst = AppendString(AppendArray(dst, 2), re.String())
	if longest == nil {
		return append(dst, cborNull)
	}
	return AppendBool(dst, *(*bool)(unsafe.Add(unsafe.Pointer(re), longest.Offset)))
}
