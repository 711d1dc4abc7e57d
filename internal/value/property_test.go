package value

import (
	"reflect"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

func TestCloneEqualsAndSharesNothing(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		original, reference := random[everything](seed), random[everything](seed)
		clone, ok := Clone(original)
		if !ok {
			t.Fatal("not cloneable")
		}
		if path, ok := Equal(clone, original); !ok {
			t.Fatalf("the clone differs at %s", path)
		}
		if !reflect.DeepEqual(clone, original) {
			t.Fatal("reflect.DeepEqual tells the clone apart")
		}
		changed += scramble(reflect.ValueOf(&clone).Elem(), map[any]bool{})
		runtime.KeepAlive(clone)
		if path, ok := Equal(original, reference); !ok {
			t.Fatalf("modifying the clone modified the original at %s", path)
		}
		if !reflect.DeepEqual(original, reference) {
			t.Fatal("modifying the clone modified the original, as reflect.DeepEqual sees it")
		}
	})
	if changed < 1000 {
		t.Fatalf("only %d modifications tried", changed)
	}
}

func TestClonerAgreesWithClone(t *testing.T) {
	clone, ok := CompileClone(reflect.TypeFor[everything]())
	if !ok {
		t.Fatal("not cloneable")
	}
	rapid.Check(t, func(t *rapid.T) {
		src := random[everything](rapid.Uint64().Draw(t, "seed"))
		dst := random[everything](rapid.Uint64().Draw(t, "overwritten"))
		if !clone(ptr(&dst), ptr(&src)) || !reflect.DeepEqual(dst, src) {
			t.Fatal("the copy differs")
		}
	})
}

func TestEqualAgreesWithDeepEqual(t *testing.T) {
	equal, differ := 0, 0
	compare := CompileEqual(reflect.TypeFor[inner]())
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64()
		a, b := seed.Draw(t, "x"), seed.Draw(t, "y")
		if rapid.Bool().Draw(t, "same") {
			b = a
		}
		x, y := random[inner](a), random[inner](b)
		path, got := compare(ptr(&x), ptr(&y))
		if want := reflect.DeepEqual(x, y); got != want {
			t.Fatalf("Equal %v at %q, DeepEqual %v\n%#v\n%#v", got, path, want, x, y)
		}
		if got {
			equal++
		} else {
			differ++
		}
		if got == (path != "") {
			t.Fatalf("equal %v with path %q", got, path)
		}
	})
	if equal == 0 || differ == 0 {
		t.Fatalf("%d equal, %d different: the test saw one side only", equal, differ)
	}
}

func TestOneModificationIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		x, y := random[everything](seed), random[everything](seed)
		at := rapid.IntRange(0, 9).Draw(t, "field")
		scramble(reflect.ValueOf(&y).Elem().Field(at), map[any]bool{})
		path, got := Equal(x, y)
		if want := reflect.DeepEqual(x, y); got != want {
			t.Fatalf("field %d: Equal %v at %q, DeepEqual %v", at, got, path, want)
		}
		if name := reflect.TypeFor[everything]().Field(at).Name; !got && path[:len(name)] != name {
			t.Fatalf("modified %s, reported %s", name, path)
		}
	})
}
