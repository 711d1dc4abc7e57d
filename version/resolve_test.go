package version

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// fixed is a policy that always returns value.
func fixed(value string) Policy {
	return Named("fixed", func(context.Context, string, Params) (Part, error) {
		return Part{Value: value}, nil
	})
}

// failing is a policy that returns err.
func failing(err error) Policy {
	return Named("failing", func(context.Context, string, Params) (Part, error) { return Part{}, err })
}

func resolve(t *testing.T, s Spec) Version {
	t.Helper()
	v, err := Resolve(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// one is the version that a single policy gives.
func one(t *testing.T, p Policy, salt string, params Params) Version {
	t.Helper()
	return resolve(t, Spec{Salt: salt, Policies: []Policy{p}, Params: params})
}

// wantError checks that err is there and says each of parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

type stringsBadly struct{ Policy }

func (stringsBadly) String() string { panic("no name") }

func gitCommit(context.Context, string, Params) (Part, error) { return Part{}, errors.New("no git") }

func TestResolve_faultyPolicies(t *testing.T) {
	cause := errors.New("disk on fire")
	for _, c := range []struct {
		name   string
		policy Policy
		cause  error
		says   []string
	}{
		{"nil", nil, nil, []string{"policy 1 (nil)", "is nil"}},
		{"nil func", PolicyFunc(nil), nil, []string{"policy 1 (nil PolicyFunc)", "is nil"}},
		{"nil named", Named("mine", nil), nil, []string{"policy 1 (mine)", "is nil"}},
		{"nil pointer", (*stringsBadly)(nil), nil, []string{"policy 1 (*version.stringsBadly)", "panicked"}},
		{"fails", failing(cause), cause, []string{"policy 1 (failing)", "disk on fire"}},
		{"fails, by function name", PolicyFunc(gitCommit), nil, []string{"version.gitCommit)", "no git"}},
		{"empty value", fixed(""), nil, []string{"policy 1 (fixed)", "empty value"}},
		{"panics", Named("p", func(context.Context, string, Params) (Part, error) { panic("oh") }), nil, []string{"policy 1 (p)", "panicked: oh"}},
		{"panics with an error", Named("p", func(context.Context, string, Params) (Part, error) { panic(cause) }), cause, []string{"panicked: disk on fire"}},
		{"String panics", stringsBadly{fixed("x")}, nil, []string{"policy 1 (version.stringsBadly)", "panicked: no name"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Resolve(t.Context(), Spec{Policies: []Policy{fixed("x"), c.policy}})
			wantError(t, err, append(c.says, "version: ", "explicit Version")...)
			if strings.Count(err.Error(), "version: ") != 1 {
				t.Errorf("error %q has the package prefix more than once", err)
			}
			var pe *PolicyError
			if !errors.As(err, &pe) || pe.Index != 1 {
				t.Errorf("error %#v is no PolicyError of policy 1", err)
			}
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("error %q does not wrap its cause", err)
			}
			if !v.IsZero() || v.Parts != nil {
				t.Errorf("a failed Resolve returned %+v", v)
			}
		})
	}
}

func TestResolve_stopsAtTheFirstFailure(t *testing.T) {
	ran := 0
	count := PolicyFunc(func(context.Context, string, Params) (Part, error) {
		ran++
		return Part{Value: "x"}, nil
	})
	_, err := Resolve(t.Context(), Spec{Policies: []Policy{count, failing(errors.New("no")), count}})
	wantError(t, err, "policy 1")
	if ran != 1 {
		t.Errorf("%d other policies ran, want the one before the failure", ran)
	}
}

func TestResolve_cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stop := PolicyFunc(func(context.Context, string, Params) (Part, error) {
		cancel()
		return Part{Value: "x"}, nil
	})
	_, err := Resolve(ctx, Spec{Policies: []Policy{stop, fixed("y")}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	if strings.Contains(err.Error(), "explicit Version") {
		t.Errorf("error %q recommends a version to a caller that gave up", err)
	}
}

// TestPolicies_cancelled asks each built-in policy directly.
func TestPolicies_cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	params := Params{Name: "x", ContainerImage: ImageSpec{CopyFiles: []string{"doc.go"}}, PodTemplateName: "n"}
	for _, p := range []Policy{
		Auto(), FunctionBody(), BuildID(), Modules(), ContainerImage(), PodTemplate(), Files("doc.go"), Env("HOME"),
	} {
		if _, err := p.Version(ctx, "", params); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want context.Canceled", policyName(p), err)
		}
	}
}

func TestResolve_orderCounts(t *testing.T) {
	a := resolve(t, Spec{Policies: []Policy{fixed("a"), fixed("b")}})
	b := resolve(t, Spec{Policies: []Policy{fixed("b"), fixed("a")}})
	if a.String() == b.String() {
		t.Error("the order of policies does not count")
	}
}

func TestVersion_parts(t *testing.T) {
	detail := []Component{{"k", "d"}}
	named := Named("commit", func(context.Context, string, Params) (Part, error) {
		return Part{Value: "abc", Detail: detail}, nil
	})
	own := PolicyFunc(func(context.Context, string, Params) (Part, error) {
		return Part{Policy: "own", Value: "x"}, nil
	})
	v := resolve(t, Spec{Policies: []Policy{named, own, Named("", gitHead)}})
	for i, want := range []string{"commit", "own", "github.com/reprise-go/reprise/version.gitHead"} {
		if got := v.Parts[i].Policy; got != want {
			t.Errorf("part %d goes by %q, want %q", i, got, want)
		}
	}
	detail[0].Digest = "altered"
	if got := v.Parts[0].Detail[0].Digest; got != "d" {
		t.Errorf("detail is shared with the policy: %q", got)
	}
	if (Version{}).String() != "" || !(Version{}).IsZero() || v.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func gitHead(context.Context, string, Params) (Part, error) { return Part{Value: "head"}, nil }
