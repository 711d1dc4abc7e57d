package reprise_test

import (
	"context"
	"testing"

	"github.com/reprise-go/reprise"
)

func generic[T any](_ context.Context, v T) (T, error) { return v, nil }

func double(_ context.Context, n int) (int, error) { return 2 * n, nil }
func triple(_ context.Context, n int) (int, error) { return 3 * n, nil }

type numbers = reprise.Options[int, int]

func TestNameDefaults(t *testing.T) {
	c := open(t, "memory:")
	captured := 3
	closure := func(_ context.Context, n int) (int, error) { return n * captured, nil }
	_, err := reprise.Wrap(c, closure, nil)
	says(t, err, "Name", "TestNameDefaults.func1", "closure")
	p := processor{&runs[string]{}}
	_, err = reprise.Wrap(c, p.expensiveQuery, nil)
	says(t, err, "Name", "processor.expensiveQuery", "method value", "receiver")
	_, err = reprise.Wrap(c, generic[int], nil)
	says(t, err, "Name", "generic[...]", "instance of a generic function")
	// A method expression says what it is: its receiver is an input. So does a
	// function.
	f, err := reprise.Wrap(c, double, nil)
	if err != nil || f.Name() != "github.com/reprise-go/reprise_test.double" {
		t.Error(f, err)
	}
	for _, wrapped := range []func() error{
		func() error { _, err := reprise.Wrap(c, closure, &numbers{Name: "closure"}); return err },
		func() error {
			_, err := reprise.Wrap(c, p.expensiveQuery, &reprise.Options[string, int]{Name: "method"})
			return err
		},
		func() error { _, err := reprise.Wrap(c, generic[int], &numbers{Name: "generic int"}); return err },
	} {
		if err := wrapped(); err != nil {
			t.Error("with a name:", err)
		}
	}
}

func TestTwoFunctionsUnderOneName(t *testing.T) {
	c := open(t, "memory:")
	o := &numbers{Name: "times", Version: "1"}
	f, err := reprise.Wrap(c, double, o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = reprise.Wrap(c, triple, o)
	says(t, err, "wrap times", "another function", "Name or Version")
	calls(t, t.Context(), f, 5, 10)
	for _, apart := range []*numbers{{Name: "times", Version: "2"}, {Name: "thrice", Version: "1"}, {Name: "times", Version: "1", Salt: "x"}} {
		g, err := reprise.Wrap(c, triple, apart)
		if err != nil {
			t.Fatal(err)
		}
		calls(t, t.Context(), g, 5, 15)
	}
	again, err := reprise.Wrap(c, double, o)
	if err != nil {
		t.Fatal("the same function again:", err)
	}
	does(t, t.Context(), again, 5, reprise.HitStore, reprise.NoReason)
}

func TestMustWrap(t *testing.T) {
	c := open(t, "memory:")
	calls(t, t.Context(), reprise.MustWrap(c, double, nil), 4, 8)
	defer func() {
		err, _ := recover().(error)
		says(t, err, "wrap", "function is nil")
	}()
	reprise.MustWrap[int, int](c, nil, nil)
}

func TestWrapLeavesOptionsAlone(t *testing.T) {
	o := numbers{Name: "double"}
	if _, err := reprise.Wrap(open(t, "memory:"), double, &o); err != nil {
		t.Fatal(err)
	}
	if o.MaxSize != 0 || o.Collection != "" || o.Codec != nil || o.Policies != nil || o.Params.Func != nil || o.LeaseTTL != 0 {
		t.Errorf("altered: %+v", o)
	}
}

// The types are in the key: a struct that gained a field never gets an old
// value.
func TestTypesAreInTheKey(t *testing.T) {
	type before struct{ A int }
	type after struct{ A, B int }
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		old := wrap(t, c, func(context.Context, int) (before, error) { return before{1}, nil },
			reprise.Options[int, before]{Name: "f"})
		call(t, t.Context(), old, 1)
		f := wrap(t, c, func(context.Context, int) (after, error) { return after{1, 2}, nil },
			reprise.Options[int, after]{Name: "f"})
		does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent)
		in := wrap(t, c, func(context.Context, int64) (before, error) { return before{1}, nil },
			reprise.Options[int64, before]{Name: "f"})
		does(t, t.Context(), in, 1, reprise.Populated, reprise.Absent)
	})
}
