package value

import (
	"reflect"
	"unsafe"
)

func deepenSlice(b *build[deepener], t reflect.Type) deepener {
	elem, repeat := t.Elem(), mayRepeat(t)
	f, size := b.slot(elem), elem.Size()
	plain := Immutable(elem)
	return func(c *copying, p unsafe.Pointer) {
		s := (*sliceHeader)(p)
		if s.data == nil {
			return
		}
		ref := reference{s.data, s.len, s.cap, t}
		if repeat {
			if done, ok := c.done[ref]; ok {
				*s = sliceHeader{done, s.len, s.len}
				return
			}
		}
		*s = sliceHeader{copySlice(t, p), s.len, s.len}
		if repeat {
			c.remember(ref, s.data)
		}
		if plain {
			return
		}
		for i := range s.len {
			(*f)(c, unsafe.Add(s.data, uintptr(i)*size))
		}
	}
}

// copySlice copies the elements of the slice at p to new memory.
func copySlice(t reflect.Type, p unsafe.Pointer) unsafe.Pointer {
	switch k := t.Elem().Kind(); {
	case k == reflect.Uint8:
		src := *(*[]byte)(p)
		dst := make([]byte, len(src))
		copy(dst, src)
		return unsafe.Pointer(unsafe.SliceData(dst))
	case k == reflect.String:
		src := *(*[]string)(p)
		dst := make([]string, len(src))
		copy(dst, src)
		return unsafe.Pointer(unsafe.SliceData(dst))
	}
	src := reflect.NewAt(t, p).Elem()
	dst := reflect.MakeSlice(t, src.Len(), src.Len())
	reflect.Copy(dst, src)
	return dst.UnsafePointer()
}

func deepenMap(b *build[deepener], t reflect.Type) deepener {
	if f := deepenPlainMap(t); f != nil {
		return f
	}
	elem, repeat, plain := t.Elem(), mayRepeat(t), Immutable(t.Elem())
	f := b.slot(elem)
	checkKeys := !Immutable(t.Key())
	return func(c *copying, p unsafe.Pointer) {
		src := reflect.NewAt(t, p).Elem()
		if src.IsNil() {
			return
		}
		ref := reference{at: src.UnsafePointer(), of: t}
		if done, ok := c.done[ref]; repeat && ok {
			*(*unsafe.Pointer)(p) = done
			return
		}
		dst := reflect.MakeMapWithSize(t, src.Len())
		if repeat {
			c.remember(ref, dst.UnsafePointer())
		}
		k, v := reflect.New(t.Key()).Elem(), reflect.New(elem)
		for it := src.MapRange(); it.Next(); {
			k.SetIterKey(it)
			v.Elem().SetIterValue(it)
			if checkKeys && !Immutable(k.Elem().Type()) {
				c.failed = true
			}
			if !plain {
				(*f)(c, v.UnsafePointer())
			}
			dst.SetMapIndex(k, v.Elem())
		}
		*(*unsafe.Pointer)(p) = dst.UnsafePointer()
	}
}

// deepenPlainMap knows the maps that programs use most, whose clone needs no
// reflection.
func deepenPlainMap(t reflect.Type) deepener {
	if t.Key().Kind() != reflect.String {
		return nil
	}
	switch t.Elem().Kind() {
	case reflect.String:
		return copyMap[string]
	case reflect.Bool:
		return copyMap[bool]
	case reflect.Int:
		return copyMap[int]
	case reflect.Int64:
		return copyMap[int64]
	case reflect.Float64:
		return copyMap[float64]
	}
	return nil
}

func copyMap[V any](_ *copying, p unsafe.Pointer) {
	m := (*map[string]V)(p)
	if *m == nil {
		return
	}
	dst := make(map[string]V, len(*m))
	for k, v := range *m {
		dst[k] = v
	}
	*m = dst
}
