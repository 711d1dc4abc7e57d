package canon

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

type filter struct {
	Limit int
	Text  string
}

type ignoring struct {
	Query  *filter
	List   []filter
	ByName map[string]*filter
	Pair   [2]filter
	filterBase
	Next *ignoring
}

type filterBase struct{ Page int }

func ignoringSample(n int) *ignoring {
	f := filter{n, "t"}
	return &ignoring{
		Query: &f, List: []filter{f}, ByName: map[string]*filter{"a": &f}, Pair: [2]filter{f, f},
		filterBase: filterBase{n}, Next: &ignoring{Query: &f},
	}
}

func TestIgnoredPathsLeaveNoTrace(t *testing.T) {
	all := []string{"Query.Limit", "List.Limit", "ByName.Limit", "Pair.Limit", "filterBase.Page", "Next.Query.Limit"}
	if string(encode(t, ignoringSample(1), all...)) != string(encode(t, ignoringSample(2), all...)) {
		t.Error("an ignored field counts")
	}
	for i := range all {
		some := append(append([]string(nil), all[:i]...), all[i+1:]...)
		if string(encode(t, ignoringSample(1), some...)) == string(encode(t, ignoringSample(2), some...)) {
			t.Errorf("%s does not count though it is not ignored", all[i])
		}
	}
}

func TestIgnoreOneLevelOnly(t *testing.T) {
	a, b := ring{"a", &ring{"x", nil}}, ring{"b", &ring{"y", nil}}
	if string(encode(t, a, "Name")) == string(encode(t, b, "Name")) {
		t.Error("ignoring Name ignores Next.Name")
	}
	if string(encode(t, a, "Name", "Next")) != string(encode(t, b, "Name", "Next")) {
		t.Error("an ignored field counts")
	}
}

func TestUnknownIgnoredPath(t *testing.T) {
	for _, path := range []string{"Query.Limt", "", "Query.", ".Query", "Query.Limit.X", "Page", "query"} {
		_, err := Compile(reflect.TypeFor[ignoring](), Options{Ignore: []string{path}})
		var u *UnkeyableError
		if !errors.As(err, &u) || u.Path != path {
			t.Errorf("%q: %v", path, err)
			continue
		}
		for _, want := range []string{"available: ", "ByName.Text", "Query.Limit", "filterBase.Page", "Next"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %q does not list %s", path, err, want)
			}
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[loop](), reflect.TypeFor[any](), reflect.TypeFor[File]()} {
		_, err := Compile(typ, Options{Ignore: []string{"A"}})
		if err == nil || !strings.Contains(err.Error(), "no fields") {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestIgnoreEverything(t *testing.T) {
	if got := encode(t, filter{1, "x"}, "Limit", "Text"); string(got) != "\xa0" {
		t.Errorf("%x", got)
	}
}

func TestPlain(t *testing.T) {
	for typ, want := range map[reflect.Type]bool{
		reflect.TypeFor[complexInput]():        true,
		reflect.TypeFor[tree]():                true,
		reflect.TypeFor[any]():                 false,
		reflect.TypeFor[[]File]():              false,
		reflect.TypeFor[struct{ D *Dir }]():    false,
		reflect.TypeFor[map[string]keyed]():    false,
		reflect.TypeFor[hidden]():              false,
		reflect.TypeFor[struct{ E []error }](): false,
	} {
		e, err := Compile(typ, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if e.Plain() != want {
			t.Errorf("%s: plain is %v", typ, e.Plain())
		}
	}
	var x any = 1
	e := mustCompile[any](t)
	if _, err := e.Append(t.Context(), nil, unsafe.Pointer(&x)); err != nil {
		t.Error(err)
	}
}
