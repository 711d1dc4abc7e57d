package reprise_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/version"
)

// The tests here are named after the classes, parameters and methods of the
// reference page of flytekit.core.cache.

func TestFlyte_Cache_version(t *testing.T) {
	url := file(t)
	fn, _ := counting[string]()
	for i, v := range []string{"1.0", "1.1", "1.0"} { // a process each
		c := open(t, url)
		f := wrap(t, c, fn, reprise.Options[string, int]{Version: v})
		if got := f.Version(); got.String() != v || !got.Explicit {
			t.Errorf("version %q, explicit: %v", got, got.Explicit)
		}
		calls(t, t.Context(), f, "in", []int{1, 2, 1}[i])
		closeNow(t, c)
	}
}

// A version wins over policies: they do not even run.
func TestFlyte_Cache_version_beforePolicies(t *testing.T) {
	broken := version.PolicyFunc(func(context.Context, string, version.Params) (version.Part, error) {
		return version.Part{}, errors.New("must not run")
	})
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Version: "1.0", Policies: []version.Policy{broken}})
		if f.Version().String() != "1.0" {
			t.Errorf("version %q", f.Version())
		}
	})
}

// Many concurrent identical executions of two caches that share a store: one
// runs, the rest wait to reuse its result.
func TestFlyte_Cache_serialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memstore.New(nil)
		defer shared.Close()
		r := &runs[string]{}
		outcomes := make(chan reprise.Outcome, 8)
		fn := func(_ context.Context, in string) (int, error) {
			time.Sleep(time.Second)
			return r.add(in), nil
		}
		for range 2 {
			c := over(t, unowned{shared, shared, shared}, nil)
			f := wrap(t, c, fn, reprise.Options[string, int]{Serialize: true, Name: "task"})
			for range cap(outcomes) / 2 {
				go func() {
					res, err := f.Do(t.Context(), "in")
					if err != nil || res.Value != 1 {
						t.Errorf("got run %d, %v", res.Value, err)
					}
					outcomes <- res.Outcome
				}()
			}
		}
		seen := map[reprise.Outcome]int{}
		for range cap(outcomes) {
			seen[<-outcomes]++
		}
		// In the other cache the flight waits for the lease, and three join it.
		want := map[reprise.Outcome]int{reprise.Populated: 1, reprise.Waited: 1, reprise.Joined: 6}
		if diff := cmp.Diff(want, seen); diff != "" || r.count() != 1 {
			t.Errorf("%d runs; outcomes (-want +got):\n%s", r.count(), diff)
		}
	})
}

type trained struct {
	Data  string
	Trace struct{ ID, Parent string }
	Seed  int
}

func TestFlyte_Cache_ignored_inputs(t *testing.T) {
	for name, ignored := range map[string][]string{
		"one":     {"Seed"},
		"several": {"Seed", "Trace"},
		"nested":  {"Seed", "Trace.Parent"},
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
				fn, _ := counting[trained]()
				f := wrap(t, c, fn, reprise.Options[trained, int]{Residency: r, IgnoredInputs: ignored})
				in := trained{Data: "a", Seed: 1}
				calls(t, t.Context(), f, in, 1)
				in.Seed = 2
				calls(t, t.Context(), f, in, 1)
				in.Trace.Parent = "x"
				calls(t, t.Context(), f, in, map[string]int{"one": 2, "several": 1, "nested": 1}[name])
				in.Data = "b"
				calls(t, t.Context(), f, in, map[string]int{"one": 3, "several": 2, "nested": 2}[name])
			})
		})
	}
}

func TestFlyte_Cache_ignored_inputs_unknown(t *testing.T) {
	fn, _ := counting[trained]()
	for _, path := range []string{"Sed", "Trace.Name", "trace", "Seed.X", ""} {
		_, err := reprise.Wrap(open(t, "memory:"), fn, &reprise.Options[trained, int]{
			Name: "train", Version: "1", IgnoredInputs: []string{path}})
		says(t, err, "wrap train", path, "no such field", "available: Data, Seed, Trace, Trace.ID, Trace.Parent")
		if !errors.Is(err, reprise.ErrUnkeyable) {
			t.Errorf("%v is no ErrUnkeyable", err)
		}
	}
}

func TestFlyte_Cache_salt(t *testing.T) {
	echo := version.Named("Echo", func(_ context.Context, salt string, _ version.Params) (version.Part, error) {
		return version.Part{Value: "code " + salt}, nil
	})
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		salted := func(salt string) *reprise.Func[string, int] {
			return wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Salt: salt, Policies: []version.Policy{echo}})
		}
		calls(t, t.Context(), salted(""), "in", 1)
		a := salted("a")
		calls(t, t.Context(), a, "in", 2, 2)
		calls(t, t.Context(), salted("b"), "in", 3)
		if got := a.Version().Parts[0].Value; got != "code a" {
			t.Errorf("the policy got another salt: %q", got)
		}
	})
}

// fixed is a policy that gives one value.
func fixed(value string) version.Policy {
	return version.Named("Fixed", func(context.Context, string, version.Params) (version.Part, error) {
		return version.Part{Value: value}, nil
	})
}

func TestFlyte_Cache_policies(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		by := func(ps ...version.Policy) *reprise.Func[string, int] {
			return wrap(t, c, fn, reprise.Options[string, int]{Residency: r, Policies: ps})
		}
		one := by(fixed("1"))
		calls(t, t.Context(), one, "in", 1, 1)
		calls(t, t.Context(), by(fixed("2")), "in", 2)
		calls(t, t.Context(), by(fixed("1"), fixed("2")), "in", 3)
		calls(t, t.Context(), by(fixed("2"), fixed("1")), "in", 4)
		calls(t, t.Context(), one, "in", 1)
	})
}

func TestFlyte_Cache_get_version(t *testing.T) {
	fn, _ := counting[string]()
	c := open(t, "memory:")
	sum := sha256.Sum256([]byte("code 7"))
	want := hex.EncodeToString(sum[:]) // what flytekit computes of one policy
	f := wrap(t, c, fn, reprise.Options[string, int]{Policies: []version.Policy{fixed("code 7")}})
	if got := f.Version(); got.String() != want || got.Explicit || len(got.Parts) != 1 {
		t.Errorf("version %q of %d parts, want %q", got, len(got.Parts), want)
	}
	several := wrap(t, c, fn, reprise.Options[string, int]{Policies: []version.Policy{fixed("code"), fixed(" 7")}})
	if got := several.Version(); got.String() == want || len(got.Parts) != 2 || len(got.String()) != 64 {
		t.Errorf("version %q of %d parts", got, len(got.Parts))
	}
}

func TestFlyte_Cache_get_ignored_inputs(t *testing.T) {
	fn, _ := counting[trained]()
	given := []string{"Seed", "Trace.ID"}
	f := wrap(t, open(t, "memory:"), fn, reprise.Options[trained, int]{IgnoredInputs: given})
	given[0] = "Data" // the options were read, once
	f.IgnoredInputs()[1] = "Data"
	if diff := cmp.Diff([]string{"Seed", "Trace.ID"}, f.IgnoredInputs()); diff != "" {
		t.Errorf("ignored inputs (-want +got):\n%s", diff)
	}
	none := wrap(t, open(t, "memory:"), fn, reprise.Options[trained, int]{})
	if got := none.IgnoredInputs(); len(got) != 0 {
		t.Errorf("ignored inputs %q by default", got)
	}
}

// gitCommit is a CachePolicy of somebody's own.
type gitCommit struct {
	sha  string
	seen *[]string
}

func (g gitCommit) Version(_ context.Context, salt string, _ version.Params) (version.Part, error) {
	*g.seen = append(*g.seen, salt)
	return version.Part{Value: salt + g.sha}, nil
}

func (g gitCommit) String() string { return "gitCommit" }

func TestFlyte_CachePolicy_get_version(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[string]()
		var salts []string
		f := wrap(t, c, fn, reprise.Options[string, int]{Salt: "s", Policies: []version.Policy{gitCommit{"abc", &salts}}})
		want := []version.Part{{Policy: "gitCommit", Value: "sabc"}}
		if diff := cmp.Diff(want, f.Version().Parts); diff != "" {
			t.Errorf("parts (-want +got):\n%s", diff)
		}
		for range 3 {
			call(t, t.Context(), f, "in")
		}
		if len(salts) != 1 || salts[0] != "s" {
			t.Errorf("asked with %q, want once, with the salt", salts)
		}
	})
}

// asked gives the Params that a policy gets.
func asked(t *testing.T, p version.Params) version.Params {
	t.Helper()
	var got version.Params
	spy := version.PolicyFunc(func(_ context.Context, _ string, p version.Params) (version.Part, error) {
		got = p
		return version.Part{Value: "x"}, nil
	})
	wrap(t, open(t, "memory:"), measure, reprise.Options[string, int]{Name: "task", Params: p, Policies: []version.Policy{spy}})
	return got
}

func TestFlyte_VersionParameters_func(t *testing.T) {
	got := asked(t, version.Params{})
	fn, ok := got.Func.(func(context.Context, string) (int, error))
	if !ok {
		t.Fatalf("the policy got %T", got.Func)
	}
	if n, err := fn(t.Context(), "four"); n != 4 || err != nil || got.Name != "task" {
		t.Errorf("the policy got a function that gives %d (%v), named %q", n, err, got.Name)
	}
}

// versioned is the version of a function with p by one policy.
func versioned(t *testing.T, policy version.Policy, p version.Params) string {
	t.Helper()
	f := wrap(t, open(t, "memory:"), measure, reprise.Options[string, int]{Name: "task", Params: p, Policies: []version.Policy{policy}})
	return f.Version().String()
}

func distinct(t *testing.T, versions ...string) {
	t.Helper()
	for i, a := range versions {
		for j, b := range versions[:i] {
			if a == b {
				t.Errorf("versions %d and %d are equal", i, j)
			}
		}
	}
}

const pinned = "ghcr.io/acme/task@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"

func TestFlyte_VersionParameters_container_image(t *testing.T) {
	by := func(i version.Image) string {
		return versioned(t, version.ContainerImage(), version.Params{ContainerImage: i})
	}
	distinct(t, by(version.Ref(pinned)), by(version.Ref("ghcr.io/acme/task:v1")), by(version.Ref("ghcr.io/acme/task:v2")),
		by(version.ImageSpec{Name: "task", Packages: []string{"numpy"}}),
		by(version.ImageSpec{Name: "task", Packages: []string{"pandas"}}))
	if by(version.Ref(pinned)) != by(version.Ref(pinned)) {
		t.Error("the same image gives two versions")
	}
}

type podTemplate struct {
	PrimaryContainer string
	Labels           map[string]string
}

func TestFlyte_VersionParameters_pod_template(t *testing.T) {
	by := func(p any) string {
		return versioned(t, version.PodTemplate(), version.Params{PodTemplate: p})
	}
	a := podTemplate{"primary", map[string]string{"tier": "gold", "zone": "a"}}
	distinct(t, by(a), by(podTemplate{"primary", map[string]string{"tier": "tin", "zone": "a"}}), by(podTemplate{}))
	if by(a) != by(podTemplate{"primary", map[string]string{"zone": "a", "tier": "gold"}}) {
		t.Error("the order of a map counts")
	}
}

func TestFlyte_VersionParameters_pod_template_name(t *testing.T) {
	by := func(name string) string {
		return versioned(t, version.PodTemplate(), version.Params{PodTemplateName: name})
	}
	distinct(t, by("small"), by("large"), versioned(t, version.PodTemplate(), version.Params{PodTemplate: "small"}))
	if by("small") != by("small") {
		t.Error("the same name gives two versions")
	}
}
