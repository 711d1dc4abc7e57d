package reprise_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/reprise-go/reprise"
)

func mode(m reprise.Mode) context.Context {
	return reprise.WithMode(context.Background(), m)
}

func TestModeUse(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		does(t, mode(reprise.Use), f, "a", reprise.Populated, reprise.Absent)
		hit := map[bool]reprise.Outcome{true: reprise.HitStore, false: reprise.HitMemory}[r == reprise.Transient]
		does(t, mode(reprise.Use), f, "a", hit, reprise.NoReason)
	})
}

func TestModeOff(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		does(t, mode(reprise.Off), f, "a", reprise.Bypassed, reprise.ModeOff)
		calls(t, t.Context(), f, "a", 2) // nothing was stored
		if r := does(t, mode(reprise.Off), f, "a", reprise.Bypassed, reprise.ModeOff); r.Value != 3 {
			t.Errorf("run %d, want 3", r.Value)
		}
		calls(t, t.Context(), f, "a", 2) // nor overwritten
	})
}

func TestModeRefresh(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		does(t, mode(reprise.Refresh), f, "a", reprise.Refreshed, reprise.RefreshAsked)
		calls(t, t.Context(), f, "a", 1)
		does(t, mode(reprise.Refresh), f, "a", reprise.Refreshed, reprise.RefreshAsked)
		calls(t, t.Context(), f, "a", 2, 2)
	})
}

func TestModeReadOnly(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		for range 2 {
			does(t, mode(reprise.ReadOnly), f, "a", reprise.Bypassed, reprise.ModeReadOnly)
		}
		calls(t, t.Context(), f, "a", 3)
		calls(t, mode(reprise.ReadOnly), f, "a", 3)
	})
}

func TestModeWriteOnly(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Residency: r})
		for range 2 {
			does(t, mode(reprise.WriteOnly), f, "a", reprise.Populated, reprise.RefreshAsked)
		}
		calls(t, t.Context(), f, "a", 2, 2)
	})
}

// What one process writes anew, another must not go on remembering.
func TestModesThatOverwriteReachOthers(t *testing.T) {
	for _, m := range []reprise.Mode{reprise.Refresh, reprise.WriteOnly} {
		t.Run(m.String(), func(t *testing.T) {
			url := file(t)
			fn, _ := counting[string]()
			here := wrap(t, open(t, url), fn, reprise.Options[string, int]{})
			c := open(t, url)
			there := wrap(t, c, fn, reprise.Options[string, int]{})
			calls(t, t.Context(), here, "a", 1)
			calls(t, t.Context(), there, "a", 1, 1)
			calls(t, mode(m), here, "a", 2)
			// Any look at the store brings the other process up to date.
			if _, err := c.InvalidateTag(t.Context(), "unrelated"); err != nil {
				t.Fatal(err)
			}
			calls(t, t.Context(), there, "a", 2)
		})
	}
}

func TestModeOfConfig(t *testing.T) {
	m := reprise.Refresh
	c := openWith(t, "memory:", &reprise.Config{Mode: &m})
	m = reprise.Off // the config was read, once
	fn, _ := counting[string]()
	f := wrap(t, c, fn, reprise.Options[string, int]{})
	for range 2 {
		does(t, t.Context(), f, "a", reprise.Refreshed, reprise.RefreshAsked)
	}
}

func TestModeOfEnvironment(t *testing.T) {
	for name, want := range map[string]reprise.Outcome{
		"use": reprise.Populated, "off": reprise.Bypassed, "refresh": reprise.Refreshed,
		"read-only": reprise.Bypassed, "write-only": reprise.Populated, "": reprise.Populated,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("REPRISE_MODE", name)
			fn, _ := counting[string]()
			r, err := wrap(t, open(t, "memory:"), fn, reprise.Options[string, int]{}).Do(t.Context(), "a")
			if err != nil || r.Outcome != want {
				t.Errorf("outcome %v, %v; want %v", r.Outcome, err, want)
			}
		})
	}
}

// The nearest to the call counts: ctx, then Config, then environment.
func TestModePrecedence(t *testing.T) {
	t.Setenv("REPRISE_MODE", "off")
	fn, _ := counting[string]()
	byEnv := wrap(t, open(t, "memory:"), fn, reprise.Options[string, int]{})
	does(t, t.Context(), byEnv, "a", reprise.Bypassed, reprise.ModeOff)
	does(t, mode(reprise.Use), byEnv, "a", reprise.Populated, reprise.Absent)
	ro := reprise.ReadOnly
	byConfig := wrap(t, openWith(t, "memory:", &reprise.Config{Mode: &ro}), fn, reprise.Options[string, int]{})
	does(t, t.Context(), byConfig, "a", reprise.Bypassed, reprise.ModeReadOnly)
	does(t, mode(reprise.Refresh), byConfig, "a", reprise.Refreshed, reprise.RefreshAsked)
	does(t, reprise.WithMode(mode(reprise.Refresh), reprise.Use), byConfig, "a", reprise.HitMemory, reprise.NoReason)
}

func TestModeInvalid(t *testing.T) {
	for _, bad := range []string{"no", "Off", "readonly", "1"} {
		t.Setenv("REPRISE_MODE", bad)
		_, err := reprise.Open(t.Context(), "memory:", nil)
		says(t, err, bad, "REPRISE_MODE", "read-only")
		use := reprise.Use
		openWith(t, "memory:", &reprise.Config{Mode: &use}) // nobody asks the environment
	}
	t.Setenv("REPRISE_MODE", "")
	fn, runs := counting[string]()
	f := wrap(t, open(t, "memory:"), fn, reprise.Options[string, int]{Name: "f"})
	_, err := f.Call(mode(99), "a")
	says(t, err, "call f", "99")
	if n := runs.count(); n != 0 {
		t.Errorf("%d runs", n)
	}
}

// A mode reaches the calls that a call makes.
func TestModeNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, "memory:")
		fn, _ := counting[string]()
		inner := wrap(t, c, fn, reprise.Options[string, int]{Name: "inner"})
		outer := wrap(t, c, inner.Call, reprise.Options[string, int]{Name: "outer"})
		calls(t, t.Context(), outer, "a", 1, 1)
		calls(t, mode(reprise.Refresh), outer, "a", 2)
		calls(t, t.Context(), inner, "a", 2)
		calls(t, mode(reprise.Off), outer, "a", 3)
		calls(t, t.Context(), outer, "a", 2)
	})
}

// Modes are about calls: explicit operations are done all the same.
func TestModesLeaveExplicitOperationsAlone(t *testing.T) {
	c := open(t, "memory:")
	fn, _ := counting[string]()
	f := wrap(t, c, fn, reprise.Options[string, int]{})
	for _, m := range []reprise.Mode{reprise.Off, reprise.ReadOnly} {
		if err := f.Set(mode(m), "a", 7); err != nil {
			t.Fatal(err)
		}
		if r, err := f.Peek(mode(m), "a"); err != nil || r.Value != 7 {
			t.Error(r.Value, err)
		}
		if err := f.Clear(mode(m), "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Peek(t.Context(), "a"); err == nil {
			t.Error("not cleared")
		}
	}
}
