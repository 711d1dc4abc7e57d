package version

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
)

// Policy computes one part of a version. Implementations are safe for
// concurrent use, return the same Part.Value as long as what they cover is
// unchanged, and return early with ctx.Err() when ctx ends. A policy that also
// has a String method is called by it in errors and in Part.Policy.
type Policy interface {
	// Version returns the part for the function that p describes. The salt is
	// the one of the cached function; a policy should mix it into Part.Value,
	// as those of this package do.
	Version(ctx context.Context, salt string, p Params) (Part, error)
}

// PolicyFunc adapts a function to a Policy. In errors and in Part.Policy it
// goes by the function's name; use Named to choose another. Calling a nil
// PolicyFunc is an error.
type PolicyFunc func(ctx context.Context, salt string, p Params) (Part, error)

// Version calls f.
func (f PolicyFunc) Version(ctx context.Context, salt string, p Params) (Part, error) {
	if f == nil {
		return Part{}, errors.New("the PolicyFunc is nil")
	}
	return f(ctx, salt, p)
}

// String is the name of the function, such as example.com/app.gitCommit.
func (f PolicyFunc) String() string {
	if f == nil {
		return "nil PolicyFunc"
	}
	if fn := runtime.FuncForPC(reflect.ValueOf(f).Pointer()); fn != nil {
		return fn.Name()
	}
	return "PolicyFunc"
}

// Named adapts f to a Policy that goes by name in errors and in Part.Policy.
// The name does not enter the version. An empty name means the function's own.
func Named(name string, f PolicyFunc) Policy {
	if name == "" {
		return f
	}
	return named{name, f}
}

type named struct {
	name string
	PolicyFunc
}

func (n named) String() string { return n.name }

// Params describe the function whose version is wanted, for policies to draw
// on. The zero Params are valid; a policy that needs a field which is not set
// returns an error that says so.
type Params struct {
	// Func is the function itself, for policies that look at it. No policy of
	// this package does: a function value at run time does not identify its
	// code.
	Func any
	// ContainerImage is the image that the function runs in, for the policy
	// ContainerImage: a Ref or an ImageSpec. nil: none.
	ContainerImage Image
	// PodTemplate is the template of the pod that the function runs in, for
	// the policy PodTemplate. Any value that has a canonical encoding, or its
	// JSON or YAML text. nil: none.
	PodTemplate any
	// PodTemplateName is the name of a template that the cluster holds, for
	// the policy PodTemplate. Empty: none.
	PodTemplateName string
	// Name is the name under which the function is cached and under which
	// generated code registers it, for the policies FunctionBody and Auto.
	// Wrap sets it.
	Name string
}

// Part is what one policy contributes.
type Part struct {
	// Policy names the policy. Where a policy leaves it empty, Resolve fills
	// it in. It does not enter the version.
	Policy string
	// Value is what enters the version. It must not be empty. The policies of
	// this package return 64 hexadecimal digits.
	Value string
	// Detail lists what the value was formed from, for people to compare when
	// a call misses. It does not enter the version.
	Detail []Component
}

// Component is a named piece of a Part, such as one file of Files.
type Component struct {
	Name string
	// Digest is equal as long as the piece is. It is short, for people to
	// compare: do not draw on it for a key.
	Digest string
}

// policyName says what to call p in an error. A String method of a policy that
// someone else wrote may panic, so callers recover.
func policyName(p Policy) string {
	if s, ok := p.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", p)
}
