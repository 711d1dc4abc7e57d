package reprise_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/version"
)

type text = reprise.Options[string, string]

func echo(_ context.Context, s string) (string, error) { return s, nil }

func TestWrapRefusesNil(t *testing.T) {
	_, err := reprise.Wrap(nil, echo, nil)
	says(t, err, "wrap", "cache is nil")
	_, err = reprise.Wrap[string, string](open(t, "memory:"), nil, nil)
	says(t, err, "wrap", "function is nil")
	_, err = reprise.New(nil, nil)
	says(t, err, "store is nil", "Open")
}

func TestWrapRefusesOptions(t *testing.T) {
	errTTL := func(error) time.Duration { return time.Second }
	for name, c := range map[string]struct {
		o    text
		says []string
	}{
		"Residency":       {text{Residency: 9}, []string{"Residency", "9"}},
		"Scope":           {text{Scope: 0x80}, []string{"Scope", "0x80"}},
		"OnStoreError":    {text{OnStoreError: 2}, []string{"OnStoreError", "2"}},
		"MaxSize":         {text{MaxSize: -1}, []string{"MaxSize", "-1", "1024"}},
		"TTL":             {text{TTL: -1}, []string{"TTL", "-1ns", "negative"}},
		"Jitter":          {text{Jitter: -1, TTL: 1}, []string{"Jitter", "negative"}},
		"RefreshAfter":    {text{RefreshAfter: -1}, []string{"RefreshAfter", "negative"}},
		"StaleOnError":    {text{StaleOnError: -1}, []string{"StaleOnError", "negative"}},
		"LeaseTTL":        {text{LeaseTTL: -1, Serialize: true}, []string{"LeaseTTL", "negative"}},
		"MaxRun":          {text{MaxRun: -1}, []string{"MaxRun", "negative"}},
		"MaxSize+Trans":   {text{MaxSize: 1, Residency: reprise.Transient}, []string{"MaxSize", "Transient"}},
		"ErrorTTL+Trans":  {text{ErrorTTL: errTTL, Residency: reprise.Transient}, []string{"ErrorTTL", "Transient"}},
		"Shared+Trans":    {text{Shared: true, Residency: reprise.Transient}, []string{"Shared", "Transient"}},
		"LeaseTTL alone":  {text{LeaseTTL: time.Second}, []string{"LeaseTTL", "Serialize"}},
		"Serialize+Eph":   {text{Serialize: true, Residency: reprise.Ephemeral}, []string{"Serialize", "Ephemeral"}},
		"FailClosed+Eph":  {text{OnStoreError: reprise.FailClosed, Residency: reprise.Ephemeral}, []string{"FailClosed", "Ephemeral"}},
		"KeyFunc+Ignored": {text{KeyFunc: func(context.Context, string) (any, error) { return 1, nil }, IgnoredInputs: []string{"X"}}, []string{"IgnoredInputs", "KeyFunc"}},
		"Jitter alone":    {text{Jitter: time.Second}, []string{"Jitter", "TTL"}},
		"Jitter=TTL":      {text{Jitter: time.Second, TTL: time.Second}, []string{"Jitter", "less than TTL"}},
		"Refresh=TTL":     {text{RefreshAfter: time.Second, TTL: time.Second}, []string{"RefreshAfter", "less than TTL"}},
		"Stale alone":     {text{StaleOnError: time.Second}, []string{"StaleOnError", "TTL"}},
		"two at once":     {text{TTL: -1, MaxSize: -1}, []string{"TTL", "MaxSize"}},
		"unnamed codec":   {text{Codec: codec.Func("", func(string) ([]byte, error) { return nil, nil }, func([]byte) (string, error) { return "", nil })}, []string{"codec", "name"}},
		"codec half":      {text{Codec: codec.Func[string]("x", nil, nil)}, []string{"codec", "serialize"}},
		"nil policy":      {text{Policies: []version.Policy{nil}}, []string{"policy", "nil"}},
		"image missing":   {text{Policies: []version.Policy{version.ContainerImage()}}, []string{"ContainerImage", "not set"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Name = "echo"
			_, err := reprise.Wrap(open(t, "memory:"), echo, &c.o)
			says(t, err, append(c.says, "wrap echo")...)
		})
	}
}

// Refused options without a Name name the function all the same.
func TestWrapRefusalNamesFunction(t *testing.T) {
	_, err := reprise.Wrap(open(t, "memory:"), echo, &text{TTL: -1})
	says(t, err, "wrap github.com/reprise-go/reprise_test.echo", "TTL")
	_, err = reprise.Wrap(open(t, "memory:"), func(context.Context, string) (string, error) { return "", nil }, &text{TTL: -1})
	says(t, err, "TTL", "Name", "closure")
}

func TestWrapRefusesMutableTags(t *testing.T) {
	for _, image := range []version.Image{version.Ref("ghcr.io/acme/task:latest"), version.Ref("ghcr.io/acme/task"),
		version.ImageSpec{Name: "task", Tag: "latest"}, version.ImageSpec{Name: "task", BaseImage: "debian"}} {
		o := text{Name: "task", Policies: []version.Policy{version.ContainerImage()}, Params: version.Params{ContainerImage: image}}
		_, err := reprise.Wrap(open(t, "memory:"), echo, &o)
		says(t, err, "wrap task", "ContainerImage", "digest", "another image", "explicit Version")
	}
	meant := text{Name: "task", Policies: []version.Policy{version.ContainerImage()},
		Params: version.Params{ContainerImage: version.Ref("ghcr.io/acme/task:latest").Mutable()}}
	if _, err := reprise.Wrap(open(t, "memory:"), echo, &meant); err != nil {
		t.Error(err)
	}
}

func TestWrapPolicyFails(t *testing.T) {
	cause := errors.New("git is not installed")
	for name, p := range map[string]version.PolicyFunc{
		"error": func(context.Context, string, version.Params) (version.Part, error) { return version.Part{}, cause },
		"panic": func(context.Context, string, version.Params) (version.Part, error) { panic(cause) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := reprise.Wrap(open(t, "memory:"), echo, &text{Name: "task", Policies: []version.Policy{version.Named("GitCommit", p)}})
			says(t, err, "wrap task", "GitCommit", "git is not installed", "explicit Version")
			var pe *version.PolicyError
			if !errors.Is(err, cause) || !errors.As(err, &pe) || pe.Policy != "GitCommit" {
				t.Errorf("%v hides its cause", err)
			}
		})
	}
	_, err := reprise.Wrap(open(t, "memory:"), echo, &text{Name: "task", Policies: []version.Policy{fixed("")}})
	says(t, err, "Fixed", "empty value")
}

type withFunc struct {
	Query struct{ Done func() }
}

type withChan struct{ Events chan int }

type withHidden struct {
	Path  string
	cache map[string]int
}

func refusesIn[In any](t *testing.T, words ...string) {
	t.Helper()
	_, err := reprise.Wrap(open(t, "memory:"), func(context.Context, In) (int, error) { return 0, nil },
		&reprise.Options[In, int]{Name: "f", Version: "1"})
	says(t, err, append(words, "wrap f", "CacheKeyer", "KeyFunc", "ignore")...)
	var ue *reprise.UnkeyableError
	if !errors.Is(err, reprise.ErrUnkeyable) || !errors.As(err, &ue) {
		t.Errorf("%v is no UnkeyableError", err)
	}
}

func TestWrapRefusesUnkeyableInputs(t *testing.T) {
	refusesIn[withFunc](t, "Query.Done", "func()")
	refusesIn[withChan](t, "Events", "chan int")
	refusesIn[withHidden](t, "cache", "unexported")
	refusesIn[func()](t, "func()")
	_ = withHidden{cache: nil}
}

// The three ways out do lead out.
func TestUnkeyableInputWaysOut(t *testing.T) {
	c := open(t, "memory:")
	fn, _ := counting[withChan]()
	in, other := withChan{make(chan int)}, withChan{make(chan int)}
	ignored := wrap(t, c, fn, reprise.Options[withChan, int]{Name: "a", IgnoredInputs: []string{"Events"}})
	calls(t, t.Context(), ignored, in, 1)
	calls(t, t.Context(), ignored, other, 1)
	keyed := wrap(t, c, fn, reprise.Options[withChan, int]{Name: "b",
		KeyFunc: func(_ context.Context, w withChan) (any, error) { return cap(w.Events), nil }})
	calls(t, t.Context(), keyed, in, 2)
	calls(t, t.Context(), keyed, other, 2)
	own, _ := counting[ownKey]()
	keyer := wrap(t, c, own, reprise.Options[ownKey, int]{Name: "c"})
	calls(t, t.Context(), keyer, ownKey{id: "x", hook: func() {}}, 1, 1)
	calls(t, t.Context(), keyer, ownKey{id: "y"}, 2)
}

type ownKey struct {
	id   string
	hook func()
}

func (k ownKey) CacheKey() (any, error) { return k.id, nil }

// What only a value shows is found at the call, which then runs uncached.
func TestCallWithUnkeyableValue(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[any]()
		f := wrap(t, c, fn, reprise.Options[any, int]{})
		for want := 1; want <= 2; want++ {
			r := does(t, t.Context(), f, any(func() {}), reprise.Skipped, reprise.KeyError)
			if r.Value != want || !errors.Is(r.Err, reprise.ErrUnkeyable) {
				t.Errorf("run %d, %v", r.Value, r.Err)
			}
			says(t, r.Err, "call", "func()", "KeyFunc")
		}
		says(t, f.Set(t.Context(), any(func() {}), 1), "set", "func()")
		says(t, f.Clear(t.Context(), any(func() {})), "clear", "func()")
		_, err := f.Peek(t.Context(), any(func() {}))
		says(t, err, "peek", "func()")
	})
}

type unstorable struct {
	Name string
	Done chan int
}

func TestWrapRefusesUnstorableResults(t *testing.T) {
	fn := func(context.Context, string) (unstorable, error) { return unstorable{}, nil }
	for _, r := range residencies {
		o := reprise.Options[string, unstorable]{Name: "f", Version: "1", Residency: r}
		_, err := reprise.Wrap(open(t, "memory:"), fn, &o)
		if r == reprise.Ephemeral {
			says(t, err, "wrap f", "unstorable", "Shared")
			o.Shared = true
			if _, err := reprise.Wrap(open(t, "memory:"), fn, &o); err != nil {
				t.Error(err)
			}
			continue
		}
		says(t, err, "wrap f", "unstorable", "Done", "chan")
		var ce *codec.Error
		if !errors.Is(err, reprise.ErrNotSerializable) || !errors.As(err, &ce) || ce.Path != "Done" {
			t.Errorf("%v does not lead to the field", err)
		}
	}
}

func TestScopeMissing(t *testing.T) {
	for name, s := range map[string]reprise.Scope{
		"Operator": reprise.ByOperator, "User": reprise.ByUser, "Prompt": reprise.ByPrompt, "JWT": reprise.ByJWT, "Dataset": 0,
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, c *reprise.Cache) {
				fn, runs := counting[string]()
				f := wrap(t, c, fn, reprise.Options[string, int]{Name: "f", Scope: s})
				ctx := in(reprise.Execution{Dataset: map[bool]string{true: "D"}[s != 0]})
				_, perr := f.Peek(ctx, "a")
				for op, err := range map[string]error{"set": f.Set(ctx, "a", 7), "clear": f.Clear(ctx, "a"), "peek": perr} {
					says(t, err, op+" f", "Execution."+name, "WithExecution")
					var se *reprise.ScopeError
					if !errors.Is(err, reprise.ErrScopeMissing) || !errors.As(err, &se) || se.Field != name {
						t.Errorf("%s: %v does not lead to the field", op, err)
					}
				}
				if n := runs.count(); n != 0 {
					t.Fatalf("%d runs without a call", n)
				}
				r := does(t, ctx, f, "a", reprise.Skipped, reprise.ScopeMissing)
				says(t, r.Err, "call f", "Execution."+name)
				if r.Value != 1 || r.Key.String() != strings.Repeat("0", 64) {
					t.Errorf("run %d under key %v", r.Value, r.Key)
				}
				x, err := f.Explain(ctx, "a")
				if err != nil || x.Hit || x.Reason != reprise.ScopeMissing || !errors.Is(x.Err, reprise.ErrScopeMissing) {
					t.Errorf("explained %+v, %v", x, err)
				}
			})
		})
	}
}

// No Execution at all is outside of all datasets, and lacks every scope.
func TestScopeMissingWithoutExecution(t *testing.T) {
	c := open(t, "memory:")
	fn, _ := counting[string]()
	f := wrap(t, c, fn, reprise.Options[string, int]{Scope: reprise.ByUser})
	does(t, t.Context(), f, "a", reprise.Skipped, reprise.ScopeMissing)
	linked := wrap(t, c, fn, reprise.Options[string, int]{Name: "linked"})
	does(t, t.Context(), linked, "a", reprise.Populated, reprise.Absent)
}

func TestKeyFuncFails(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		cause := errors.New("no such user")
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Name: "f",
			KeyFunc: func(context.Context, string) (any, error) { return nil, cause }})
		r := does(t, t.Context(), f, "a", reprise.Skipped, reprise.KeyError)
		if r.Value != 1 || !errors.Is(r.Err, cause) {
			t.Errorf("run %d, %v", r.Value, r.Err)
		}
		says(t, r.Err, "call f", "no such user")
		if err := f.Set(t.Context(), "a", 9); !errors.Is(err, cause) {
			t.Errorf("set: %v", err)
		}
		does(t, t.Context(), f, "a", reprise.Skipped, reprise.KeyError)
	})
}

func TestEmptyDatasetIsNotDeleted(t *testing.T) {
	_, err := open(t, "memory:").DeleteDataset(t.Context(), "")
	says(t, err, "delete dataset", "empty", "ClearAll")
}

func TestExecutionStoreRefuses(t *testing.T) {
	c := open(t, "memory:")
	s, err := c.ExecutionStore("", nil)
	if says(t, err, "execution store", "name is empty"); s != nil {
		t.Error("a store beside an error")
	}
	_, err = c.ExecutionStore("x", &reprise.ExecutionStoreOptions{Policy: 9})
	says(t, err, "execution store x", "9", "Persist")
	s, err = c.ExecutionStore("x", nil)
	if err != nil {
		t.Fatal(err)
	}
	says(t, s.Set(t.Context(), "k", 1, &reprise.SetOptions{TTL: -1}), "set", "k", "TTL", "negative")
	says(t, s.Set(t.Context(), "k", 1, &reprise.SetOptions{Policy: 9}), "set", "Policy", "9")
	says(t, s.UpdateTTL(t.Context(), "k", -1), "update ttl", "TTL", "negative")
	says(t, s.UpdatePolicy(t.Context(), "k", 9), "update policy", "9")
}
