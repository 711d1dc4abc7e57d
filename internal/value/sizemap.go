package value

import (
	"reflect"
	"unsafe"
)

func sizeMap(b *build[sizer], t reflect.Type) sizer {
	repeat := mayRepeat(t)
	fk, fv := b.slot(t.Key()), b.slot(t.Elem())
	entries := sizeEntriesOf(t)
	each := int64(t.Key().Size() + t.Elem().Size() + mapSlack)
	return func(m *measuring, p unsafe.Pointer) int64 {
		v := mapAt(p, t)
		n := v.Len()
		if n == 0 || !m.enter(reference{at: v.UnsafePointer(), of: t}, repeat) {
			return 0
		}
		total := int64(n) * each
		if *fk == nil && *fv == nil {
			return total
		}
		sum, count := entries(m, p, *fk, *fv)
		return total + int64(float64(sum)/float64(count)*float64(n))
	}
}

// sizeEntriesOf returns a function that measures a sample of the entries of the
// map at p and says how many it took. Of the maps that programs use most, it
// needs no reflection.
func sizeEntriesOf(t reflect.Type) func(m *measuring, p unsafe.Pointer, fk, fv sizer) (int64, int) {
	if t.Key().Kind() == reflect.String && t.Elem().Kind() == reflect.String {
		return sizeStringEntries[string]
	}
	if t.Key().Kind() == reflect.String && t.Elem() == reflect.TypeFor[any]() {
		return sizeStringEntries[any]
	}
	return func(m *measuring, p unsafe.Pointer, fk, fv sizer) (int64, int) {
		return sizeEntries(m, fk, fv, mapAt(p, t))
	}
}

func sizeStringEntries[V any](m *measuring, p unsafe.Pointer, _, fv sizer) (sum int64, count int) {
	for k, v := range *(*map[string]V)(p) {
		if count++; count > sampleSize {
			return sum, sampleSize
		}
		sum += int64(len(k)) + fv(m, noescape(unsafe.Pointer(&v)))
	}
	return sum, count
}

func sizeEntries(m *measuring, fk, fv sizer, v reflect.Value) (sum int64, count int) {
	key, elem := reflect.New(v.Type().Key()), reflect.New(v.Type().Elem())
	for it := v.MapRange(); count < sampleSize && it.Next(); count++ {
		if fk != nil {
			key.Elem().SetIterKey(it)
			sum += fk(m, key.UnsafePointer())
		}
		if fv != nil {
			elem.Elem().SetIterValue(it)
			sum += fv(m, elem.UnsafePointer())
		}
	}
	return sum, count
}
