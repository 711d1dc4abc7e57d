package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
	"github.com/reprise-go/reprise/version"
)

// search is an input with a part of each kind.
type search struct {
	City   string
	Limit  int
	Nested nested
	Labels map[string]string
	Token  string `reprise:"private"`
	Src    *reprise.Dir
}

type nested struct {
	Depth int
	Code  string `reprise:"private"`
}

func found(context.Context, search) (string, error) { return "found", nil }

func explain[In, Out any](tb testing.TB, ctx context.Context, f *reprise.Func[In, Out], in In) reprise.Explanation {
	tb.Helper()
	x, err := f.Explain(ctx, in)
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

func reads(tb testing.TB, x reprise.Explanation, want string) {
	tb.Helper()
	if d := cmp.Diff(want, x.String()); d != "" {
		tb.Errorf("explanation (-want +got):\n%s", d)
	}
}

func TestExplainNamesTheInputThatDiffers(t *testing.T) {
	base := search{City: "Oslo", Limit: 10, Nested: nested{1, "s3cret"}, Labels: map[string]string{"env": "dev"}, Token: "t0ken"}
	for name, tt := range map[string]struct {
		alter func(*search)
		want  reprise.Difference
		text  string
	}{
		"field":     {func(s *search) { s.Limit = 20 }, reprise.Difference{Part: "input.Limit", Old: "10", New: "20"}, "input.Limit: 10 → 20"},
		"text":      {func(s *search) { s.City = "Rome" }, reprise.Difference{Part: "input.City", Old: `"Oslo"`, New: `"Rome"`}, `input.City: "Oslo" → "Rome"`},
		"nested":    {func(s *search) { s.Nested.Depth = 2 }, reprise.Difference{Part: "input.Nested.Depth", Old: "1", New: "2"}, "input.Nested.Depth: 1 → 2"},
		"map value": {func(s *search) { s.Labels = map[string]string{"env": "prod"} }, reprise.Difference{Part: `input.Labels["env"]`, Old: `"dev"`, New: `"prod"`}, `input.Labels["env"]: "dev" → "prod"`},
		"map key":   {func(s *search) { s.Labels = map[string]string{"env": "dev", "new": "x"} }, reprise.Difference{Part: `input.Labels["new"]`, New: `"x"`}, `input.Labels["new"]: new, "x"`},
		"private":   {func(s *search) { s.Token = "oth3r" }, reprise.Difference{Part: "input.Token", Private: true}, "input.Token: changed (private)"},
		"private and nested": {func(s *search) { s.Nested.Code = "oth3r" },
			reprise.Difference{Part: "input.Nested.Code", Private: true}, "input.Nested.Code: changed (private)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := wrap(t, open(t, "memory:"), found, reprise.Options[search, string]{Name: "search"})
				call(t, t.Context(), f, base)
				time.Sleep(3 * time.Hour)
				in := base
				tt.alter(&in)
				x := explain(t, t.Context(), f, in)
				if x.Hit || x.Reason != reprise.Absent || x.Nearest == nil || x.Nearest.Age != 3*time.Hour {
					t.Fatalf("%+v", x)
				}
				if d := cmp.Diff([]reprise.Difference{tt.want}, x.Nearest.Differences); d != "" {
					t.Errorf("differences (-want +got):\n%s", d)
				}
				reads(t, x, "search: miss (absent); nearest entry 3h0m0s ago; differs in\n  "+tt.text)
				shows := fmt.Sprintf("%+v %v", x, *x.Nearest)
				for _, secret := range []string{"s3cret", "t0ken", "oth3r"} {
					if strings.Contains(shows, secret) {
						t.Errorf("%s is shown:\n%s", secret, shows)
					}
				}
			})
		})
	}
}

func TestExplainNamesTheFileThatDiffers(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		dir := t.TempDir()
		write := func(name, text string) {
			t.Helper()
			path := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		f := wrap(t, c, found, reprise.Options[search, string]{})
		in := search{Src: &reprise.Dir{Path: dir}}
		write("greet/hello.go", "hello")
		write("greet/bye.go", "bye")
		call(t, t.Context(), f, in)
		if x := explain(t, t.Context(), f, in); !x.Hit {
			t.Fatalf("%v", x)
		}
		differs := func(want ...reprise.Difference) {
			t.Helper()
			x := explain(t, t.Context(), f, in)
			if x.Nearest == nil {
				t.Fatalf("%v", x)
			}
			if d := cmp.Diff(want, x.Nearest.Differences); d != "" {
				t.Errorf("differences (-want +got):\n%s", d)
			}
		}
		write("greet/hello.go", "hello!")
		differs(reprise.Difference{Part: "input.Src/greet/hello.go", Old: "5 bytes", New: "6 bytes"})
		write("new.go", "new")
		differs(reprise.Difference{Part: "input.Src/greet/hello.go", Old: "5 bytes", New: "6 bytes"},
			reprise.Difference{Part: "input.Src/new.go", New: "3 bytes"})
		if err := errors.Join(os.Remove(filepath.Join(dir, "greet/bye.go")), os.Remove(filepath.Join(dir, "new.go"))); err != nil {
			t.Fatal(err)
		}
		write("greet/hello.go", "other")
		differs(reprise.Difference{Part: "input.Src/greet/bye.go", Old: "3 bytes"},
			reprise.Difference{Part: "input.Src/greet/hello.go", Old: "5 bytes", New: "5 bytes"})
		x := explain(t, t.Context(), f, in)
		for _, line := range []string{"input.Src/greet/bye.go: gone, was 3 bytes", "input.Src/greet/hello.go: changed"} {
			if !strings.Contains(x.String(), line+"\n") && !strings.HasSuffix(x.String(), line) {
				t.Errorf("no line %q in\n%v", line, x)
			}
		}
	})
}

func TestExplainNamesWhoAndWhatFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wrap(t, open(t, "memory:"), found, reprise.Options[search, string]{Name: "search", Scope: reprise.ByUser | reprise.ByJWT})
		ann := reprise.Execution{Dataset: "a", User: "ann-the-user", JWT: "her-jwt"}
		call(t, in(ann), f, search{})
		other := ann
		other.Dataset = "b"
		reads(t, explain(t, in(other), f, search{}), "search: miss (absent); nearest entry 0s ago; differs in\n  dataset: a → b")
		other = ann
		other.User = "bob-the-user"
		x := explain(t, in(other), f, search{})
		reads(t, x, "search: miss (absent); nearest entry 0s ago; differs in\n  scope.User: changed (private)")
		if shows := fmt.Sprintf("%+v %+v", x, *x.Nearest); strings.Contains(shows, "-the-user") || strings.Contains(shows, "her-jwt") {
			t.Errorf("a scope is shown:\n%s", shows)
		}
		reads(t, explain(t, dataset("a"), f, search{}), "search: uncached (scope-missing): scope missing: the function is scoped and "+
			"Execution.User is empty; set it with WithExecution, or take the scope out of Options.Scope")
		if x := explain(t, dataset("a"), f, search{}); x.Reason != reprise.ScopeMissing || !errors.Is(x.Err, reprise.ErrScopeMissing) || x.Nearest != nil {
			t.Errorf("%+v", x)
		}
	})
}

func TestExplainNamesTheCodeThatDiffers(t *testing.T) {
	files := fstest.MapFS{"a.txt": {Data: []byte("1")}, "b.txt": {Data: []byte("1")}}
	policies := []version.Policy{version.FilesIn(files, "*.txt"), version.Named("Commit", func(context.Context, string, version.Params) (version.Part, error) {
		return version.Part{Value: "c0ffee"}, nil
	})}
	differing := func(x reprise.Explanation) (parts []string) {
		t.Helper()
		if x.Nearest == nil {
			t.Fatalf("%v", x)
		}
		for _, d := range x.Nearest.Differences {
			parts = append(parts, d.Part)
		}
		return parts
	}
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		ctx := t.Context()
		o := reprise.Options[int, string]{Name: "f", Policies: policies}
		fn := func(context.Context, int) (string, error) { return "", nil }
		files["a.txt"].Data = []byte("1")
		call(t, ctx, wrap(t, c, fn, o), 1)
		files["a.txt"].Data = []byte("2")
		x := explain(t, ctx, wrap(t, c, fn, o), 1)
		if d := cmp.Diff([]string{"version", "version.Files", "version.Files.a.txt"}, differing(x)); d != "" {
			t.Errorf("a file (-want +got):\n%s", d)
		}
		files["a.txt"].Data = []byte("1")

		salted := o
		salted.Salt = "pepper"
		x = explain(t, ctx, wrap(t, c, fn, salted), 1)
		if d := cmp.Diff([]string{"salt", "version", "version.Files"}, differing(x)); d != "" {
			t.Errorf("salt (-want +got):\n%s", d)
		}
		if s := fmt.Sprintf("%+v %v", x, x); strings.Contains(s, "pepper") || !x.Nearest.Differences[0].Private {
			t.Errorf("the salt is shown:\n%s", s)
		}

		explicit := o
		explicit.Version = "v2"
		x = explain(t, ctx, wrap(t, c, fn, explicit), 1)
		if d := x.Nearest.Differences[0]; d.Part != "version" || d.New != "v2" || x.Version != "v2" {
			t.Errorf("version: %+v", d)
		}

		retyped := wrap(t, c, func(context.Context, int64) (string, error) { return "", nil }, reprise.Options[int64, string]{Name: "f", Policies: policies})
		x = explain(t, ctx, retyped, 1)
		if d := cmp.Diff([]reprise.Difference{{Part: "type.in", Old: "int", New: "int64"}}, x.Nearest.Differences); d != "" {
			t.Errorf("input type (-want +got):\n%s", d)
		}
		out := wrap(t, c, func(context.Context, int) (int, error) { return 0, nil }, reprise.Options[int, int]{Name: "f", Policies: policies})
		x = explain(t, ctx, out, 1)
		if d := cmp.Diff([]reprise.Difference{{Part: "type.out", Old: "string", New: "int"}}, x.Nearest.Differences); d != "" {
			t.Errorf("result type (-want +got):\n%s", d)
		}
	})
}

func TestExplainKeyFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		f := wrap(t, open(t, "memory:"), found, reprise.Options[search, string]{Name: "search", KeyFunc: func(_ context.Context, s search) (any, error) {
			if s.City == "" {
				return nil, boom
			}
			return s.City, nil
		}})
		call(t, t.Context(), f, search{City: "Oslo", Limit: 1})
		if x := explain(t, t.Context(), f, search{City: "Oslo", Limit: 2}); !x.Hit {
			t.Errorf("%v", x)
		}
		reads(t, explain(t, t.Context(), f, search{City: "Rome"}), "search: miss (absent); nearest entry 0s ago; differs in\n  input.KeyFunc: changed")
		x := explain(t, t.Context(), f, search{})
		if x.Reason != reprise.KeyError || !errors.Is(x.Err, boom) || x.Key != (reprise.Result[int]{}).Key {
			t.Errorf("%+v", x)
		}
		reads(t, x, "search: uncached (key-error): boom")
	})
}

func TestExplainFindsTheNearestAndOfEqualsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		f := wrap(t, open(t, "memory:"), found, reprise.Options[search, string]{Name: "search"})
		reads(t, explain(t, ctx, f, search{}), "search: miss (absent); no entry to compare with")
		call(t, ctx, f, search{City: "near", Limit: 1})
		time.Sleep(time.Minute)
		call(t, ctx, f, search{City: "near", Limit: 2})
		for i := range 50 { // newer ones, further away, beyond the first page
			time.Sleep(time.Second)
			call(t, ctx, f, search{City: "far", Limit: i, Nested: nested{Depth: 9}})
		}
		reads(t, explain(t, ctx, f, search{City: "near", Limit: 3}), "search: miss (absent); nearest entry 50s ago; differs in\n  input.Limit: 2 → 3")
	})
}

func TestExplainHits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		c := open(t, "memory:")
		slowly := func(context.Context, string) (int, error) {
			time.Sleep(1234567 * time.Microsecond)
			return 1, nil
		}
		hybrid := wrap(t, c, slowly, reprise.Options[string, int]{Name: "slowly", TTL: time.Hour, RefreshAfter: 10 * time.Minute})
		bare := wrap(t, c, slowly, reprise.Options[string, int]{Name: "slowly", TTL: time.Hour, Residency: reprise.Transient})
		call(t, ctx, hybrid, "a")
		before := c.Stats()
		time.Sleep(90 * time.Second)
		x := explain(t, ctx, hybrid, "a")
		reads(t, x, "slowly: hit in memory, 1m30s old, saves 1.2s")
		if !x.Hit || x.Tier != reprise.TierMemory || x.Age != 90*time.Second || x.Nearest != nil || x.Err != nil {
			t.Errorf("%+v", x)
		}
		names := []string{}
		for _, p := range x.Parts {
			names = append(names, p.Name+"="+p.Value)
		}
		if d := cmp.Diff([]string{"version=1", "type.in=string", "type.out=int", `input="a"`}, names); d != "" {
			t.Errorf("parts (-want +got):\n%s", d)
		}
		reads(t, explain(t, ctx, bare, "a"), "slowly: hit in store, 1m30s old, saves 1.2s")
		time.Sleep(10 * time.Minute)
		if d := cmp.Diff(before.Functions, c.Stats().Functions); d != "" {
			t.Errorf("explaining changed something (-before +after):\n%s", d)
		}
		time.Sleep(time.Hour)
		reads(t, explain(t, ctx, hybrid, "a"), "slowly: miss (expired); nearest entry 1h12m0s ago; same inputs, same version")
	})
}

func TestExplainStaleHit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wrap(t, open(t, "memory:"), double, reprise.Options[int, int]{Name: "double", RefreshAfter: time.Minute, Residency: reprise.Transient})
		call(t, t.Context(), f, 1)
		time.Sleep(time.Minute)
		reads(t, explain(t, t.Context(), f, 1), "double: hit in store, 1m0s old, saves 0s (refresh-due)")
	})
}

func TestExplainCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, "memory:")
		f := wrap(t, c, double, reprise.Options[int, int]{Name: "double", Residency: reprise.Transient})
		call(t, t.Context(), f, 1)
		if _, err := f.ClearAll(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		reads(t, explain(t, t.Context(), f, 1), "double: miss (cleared); nearest entry 0s ago; same inputs, same version")
	})
}

func TestExplainEphemeral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wrap(t, open(t, "memory:"), double, reprise.Options[int, int]{Name: "double", Residency: reprise.Ephemeral})
		reads(t, explain(t, t.Context(), f, 1), "double: miss (absent); no entry to compare with")
		call(t, t.Context(), f, 1)
		reads(t, explain(t, t.Context(), f, 1), "double: hit in memory, 0s old, saves 0s")
		reads(t, explain(t, t.Context(), f, 2), "double: miss (absent); no entry to compare with")
	})
}

func TestExplainOnAFailingStore(t *testing.T) {
	boom := errors.New("boom")
	for _, m := range []storetest.Method{storetest.MethodGet, storetest.MethodList, storetest.MethodInfo} {
		t.Run(string(m), func(t *testing.T) {
			faults := storetest.NewFaulty(memstore.New(nil))
			f := wrap(t, over(t, faults.Store(), nil), double, reprise.Options[int, int]{Name: "double", Residency: reprise.Transient})
			call(t, t.Context(), f, 1)
			faults.Fail(m, 0, boom)
			x := explain(t, t.Context(), f, 2)
			if !errors.Is(x.Err, reprise.ErrStore) || x.Hit || x.Nearest != nil {
				t.Errorf("%+v", x)
			}
			reads(t, x, map[storetest.Method]string{
				storetest.MethodGet:  "double: uncached (store-error): store unavailable: boom",
				storetest.MethodList: "double: miss (absent); no entry to compare with: store unavailable: boom",
				storetest.MethodInfo: "double: miss (absent); no entry to compare with: store unavailable",
			}[m])
		})
	}
}

func TestExplainForWhoHasLeftAndAfterClose(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		f := wrap(t, c, double, reprise.Options[int, int]{Residency: reprise.Transient})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Explain(gone, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("for who has left: %v", err)
		}
		closeNow(t, c)
		_, err := f.Explain(t.Context(), 1)
		says(t, err, "explain", t.Name(), "closed")
		if !errors.Is(err, reprise.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A large difference is told in a dozen lines, and nothing that a name holds
// reaches a terminal as it is.
func TestExplainStaysReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wrap(t, open(t, "memory:"), found, reprise.Options[search, string]{Name: "search"})
		many := search{Labels: map[string]string{}}
		for i := range 20 {
			many.Labels[fmt.Sprintf("%02d", i)] = "x"
		}
		call(t, dataset("plain"), f, many)
		x := explain(t, dataset("plain"), f, search{})
		lines := strings.Split(x.String(), "\n")
		if len(lines) != 14 || lines[13] != "  and 9 more" {
			t.Errorf("%d lines:\n%v", len(lines), x)
		}
		if s := (reprise.Difference{Part: "input.Src/\x1b[31m\n.go", Old: "1 bytes"}).String(); s != "input.Src/\ufffd[31m\ufffd.go: gone, was 1 bytes" {
			t.Errorf("%q", s)
		}
		evil := "\x1b[31m\n" + strings.Repeat("ä", 200)
		x = explain(t, dataset(evil), f, many)
		if s := x.String(); strings.ContainsAny(s, "\x1b") || strings.Count(s, "\n") != 1 || len(s) > 400 || !strings.Contains(s, "[31m") || !utf8.ValidString(s) {
			t.Errorf("%q", s)
		}
	})
}

func TestDifferenceString(t *testing.T) {
	for want, d := range map[string]reprise.Difference{
		"p: 1 → 2":             {Part: "p", Old: "1", New: "2"},
		"p: new, 2":            {Part: "p", New: "2"},
		"p: gone, was 1":       {Part: "p", Old: "1"},
		"p: changed":           {Part: "p"},
		"q: changed":           {Part: "q", Old: "same", New: "same"},
		"p: changed (private)": {Part: "p", Private: true},
	} {
		if got := d.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
