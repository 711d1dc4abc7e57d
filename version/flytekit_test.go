package version

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
)

// The tests here are named after the rows of flytekit's reference page of
// flytekit.core.cache. serialize and ignored_inputs are the façade's.

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestFlytekit_Cache_version(t *testing.T) {
	ran := false
	policy := PolicyFunc(func(context.Context, string, Params) (Part, error) {
		ran = true
		return Part{Value: "x"}, nil
	})
	for _, policies := range [][]Policy{nil, {policy}, {nil}} {
		v := resolve(t, Spec{Version: " v1.2.3 ", Policies: policies})
		if v.String() != " v1.2.3 " || !v.Explicit || v.Parts != nil {
			t.Errorf("version %+v, want the explicit one as given", v)
		}
	}
	if ran {
		t.Error("a policy ran although a version was given")
	}
}

// saltEcho returns the salt it was given.
var saltEcho = Named("salt", func(_ context.Context, salt string, _ Params) (Part, error) {
	return Part{Value: "salt:" + salt}, nil
})

func TestFlytekit_Cache_salt(t *testing.T) {
	t.Run("reaches every policy", func(t *testing.T) {
		v := resolve(t, Spec{Salt: "s", Policies: []Policy{saltEcho, saltEcho}})
		for i, p := range v.Parts {
			if p.Value != "salt:s" {
				t.Errorf("policy %d returned %q", i, p.Value)
			}
		}
	})
	t.Run("changes every built-in policy", func(t *testing.T) {
		t.Chdir("testdata")
		params := Params{
			Name:            "flytekit.salted",
			ContainerImage:  Ref("app:v1"),
			PodTemplateName: "gpu",
		}
		Register(Registration{Name: params.Name, Version: "c1:1"})
		for _, p := range []Policy{
			Auto(), FunctionBody(), BuildID(), Modules(), ContainerImage(), PodTemplate(), Files("probe/*.go"), Env("HOME"),
		} {
			if one(t, p, "a", params).String() == one(t, p, "b", params).String() {
				t.Errorf("%s does not mix in the salt", policyName(p))
			}
		}
	})
	// In flytekit a salt next to a version is lost. Here it enters the key on
	// its own, so the version stays as it was given.
	t.Run("leaves an explicit version as given", func(t *testing.T) {
		if v := resolve(t, Spec{Version: "v1", Salt: "s"}); v.String() != "v1" {
			t.Errorf("version %q", v)
		}
	})
}

func TestFlytekit_Cache_policies(t *testing.T) {
	t.Run("single", func(t *testing.T) {
		if got, want := one(t, fixed("12"), "", Params{}).String(), sha256Hex("12"); got != want {
			t.Errorf("version %s, flytekit computes %s", got, want)
		}
	})
	t.Run("list", func(t *testing.T) {
		v := resolve(t, Spec{Policies: []Policy{fixed("1"), fixed("23")}})
		if len(v.Parts) != 2 || v.Parts[0].Value != "1" || v.Parts[1].Value != "23" {
			t.Errorf("parts %+v, want what both policies returned", v.Parts)
		}
	})
	// flytekit takes a tuple and then fails at the first call; here whatever
	// the compiler lets through as a list works.
	t.Run("array", func(t *testing.T) {
		array := [...]Policy{fixed("1"), fixed("23")}
		a, b := resolve(t, Spec{Policies: array[:]}), resolve(t, Spec{Policies: []Policy{fixed("1"), fixed("23")}})
		if a.String() != b.String() {
			t.Error("a sliced array gives another version than a list")
		}
	})
	for name, policies := range map[string][]Policy{"none": nil, "empty list": {}} {
		t.Run(name, func(t *testing.T) {
			_, err := Resolve(t.Context(), Spec{Salt: "s", Policies: policies})
			if !errors.Is(err, ErrNoVersion) {
				t.Fatalf("error %v, want ErrNoVersion", err)
			}
			wantError(t, err, "set Version", "version.Auto()")
		})
	}
}

// flytekit concatenates what policies return, so that these two share results.
func TestFlytekit_Cache_policies_framed(t *testing.T) {
	a := resolve(t, Spec{Policies: []Policy{fixed("1"), fixed("23")}})
	b := resolve(t, Spec{Policies: []Policy{fixed("12"), fixed("3")}})
	c := one(t, fixed("123"), "", Params{})
	if a.String() == b.String() || a.String() == c.String() || b.String() == c.String() {
		t.Errorf("(1, 23) is %s, (12, 3) is %s, 123 is %s", a, b, c)
	}
}

func TestFlytekit_Cache_get_version(t *testing.T) {
	spec := Spec{Salt: "s", Policies: []Policy{saltEcho, fixed("x")}}
	v := resolve(t, spec)
	if len(v.String()) != 64 || v.Explicit {
		t.Errorf("version %+v, want 64 hexadecimal digits from the policies", v)
	}
	if again := resolve(t, spec); again.String() != v.String() {
		t.Errorf("the same Spec gave %s and %s", v, again)
	}
	cause := errors.New("no such image")
	_, err := Resolve(t.Context(), Spec{Policies: []Policy{failing(cause)}})
	wantError(t, err, "failing", "set an explicit Version")
	if !errors.Is(err, cause) {
		t.Errorf("error %v does not wrap what the policy returned", err)
	}
}

func TestFlytekit_CachePolicy_get_version(t *testing.T) {
	double := func(x int) int { return 2 * x }
	want := Params{Func: double, PodTemplateName: "gpu", Name: "double"}
	policy := Named("mine", func(_ context.Context, salt string, p Params) (Part, error) {
		if salt != "s" || p.Name != want.Name || p.PodTemplateName != want.PodTemplateName || p.Func.(func(int) int)(2) != 4 {
			t.Errorf("the policy got salt %q and %+v", salt, p)
		}
		return Part{Value: "mine-" + salt}, nil
	})
	if got, want := one(t, policy, "s", want).String(), sha256Hex("mine-s"); got != want {
		t.Errorf("version %s, want the SHA-256 of what the policy returned, %s", got, want)
	}
}

func TestFlytekit_VersionParameters_func(t *testing.T) {
	// func is optional, and its code is known by the registered name.
	Register(Registration{Name: "flytekit.func", Version: "c1:1"})
	a := one(t, FunctionBody(), "", Params{Name: "flytekit.func", Func: func() {}})
	b := one(t, FunctionBody(), "", Params{Name: "flytekit.func"})
	if a.String() != b.String() {
		t.Error("FunctionBody depends on the function value")
	}
}

func TestFlytekit_VersionParameters_container_image(t *testing.T) {
	version := func(i Image) string { return one(t, ContainerImage(), "", Params{ContainerImage: i}).String() }
	if version(Ref("app:v1")) == version(Ref("app:v2")) {
		t.Error("two references share a version")
	}
	if version(ImageSpec{Name: "app", Packages: []string{"a"}}) == version(ImageSpec{Name: "app", Packages: []string{"b"}}) {
		t.Error("two specs share a version")
	}
	_, err := Resolve(t.Context(), Spec{Policies: []Policy{ContainerImage()}})
	wantError(t, err, "policy 0 (ContainerImage)", "Params.ContainerImage is not set")
}

func TestFlytekit_VersionParameters_pod_template(t *testing.T) {
	type template struct{ CPU int }
	version := func(v any) string { return one(t, PodTemplate(), "", Params{PodTemplate: v}).String() }
	if version(template{1}) != version(template{1}) || version(template{1}) == version(template{2}) {
		t.Error("the version does not follow the template's value")
	}
}

func TestFlytekit_VersionParameters_pod_template_name(t *testing.T) {
	version := func(s string) string { return one(t, PodTemplate(), "", Params{PodTemplateName: s}).String() }
	if version("a") != version("a") || version("a") == version("b") {
		t.Error("the version does not follow the template's name")
	}
}
