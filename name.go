package reprise

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
)

// closureName matches what the compiler calls function literals.
var closureName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\.func\d+(\.|-|$)|\.gowrap\d+`)
})

// functionName is the qualified name of a function, with an error where that
// does not say which function it is.
func functionName(fn any) (string, error) {
	f := runtime.FuncForPC(codeOf(fn))
	if f == nil {
		return "", errors.New("option Name: the function has no name in this binary; give it one")
	}
	name := f.Name()
	switch {
	case strings.HasSuffix(name, "-fm"):
		return name, fmt.Errorf("option Name: %s is a method value, and its receiver is no input; give it a Name that tells receivers apart, or make the receiver a part of the input", strings.TrimSuffix(name, "-fm"))
	case closureName().MatchString(name):
		return name, fmt.Errorf("option Name: %s is a closure, and the compiler may rename it; give it a Name, and make what it captures a part of the input", name)
	case strings.Contains(name, "[...]"):
		return name, fmt.Errorf("option Name: %s is an instance of a generic function, and all of them have this name; give it one of its own", name)
	}
	return name, nil
}

// codeOf is the address of a function's code: closures of one literal share it.
func codeOf(fn any) uintptr { return reflect.ValueOf(fn).Pointer() }
