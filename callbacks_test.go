package reprise_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/codec"
)

// A callback that panics strands nobody, corrupts nothing, and leaves a cache
// that works. What is called after the function does not take its result along;
// a KeyFunc, which comes before, panics at its callers.
func TestCallbackPanics(t *testing.T) {
	var bad bool
	for name, o := range map[string]reprise.Options[string, int]{
		"KeyFunc":  {KeyFunc: func(_ context.Context, s string) (any, error) { return s, boom(bad) }},
		"Tags":     {Tags: func(string, int) []string { _ = boom(bad); return nil }},
		"TTLFunc":  {TTLFunc: func(int) time.Duration { _ = boom(bad); return time.Hour }},
		"ErrorTTL": {ErrorTTL: func(error) time.Duration { _ = boom(bad); return 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fail := name == "ErrorTTL"
				rn := &runs[string]{}
				f := wrap(t, open(t, "memory:"), func(_ context.Context, in string) (int, error) {
					time.Sleep(time.Second)
					if fail {
						return 0, &codeError{500}
					}
					return rn.add(in), nil
				}, o)
				bad = true
				var all sync.WaitGroup
				for range 5 {
					all.Go(func() {
						var r reprise.Result[int]
						var err error
						p, _ := caught(func() { r, err = f.Do(t.Context(), "a") })
						switch {
						case (p != nil) != (name == "KeyFunc"):
							t.Errorf("caught %v", p)
						case p == nil && fail && (r.Outcome != reprise.Failed || err == nil):
							t.Errorf("outcome %v, %v", r.Outcome, err)
						case p == nil && !fail && (err != nil || r.Value == 0 || r.Err == nil):
							t.Errorf("got %d, %v, %v", r.Value, r.Err, err)
						}
					})
				}
				all.Wait()
				if p, _ := caught(func() { _ = f.Set(t.Context(), "a", 99) }); (p == nil) != (name == "ErrorTTL") {
					t.Errorf("set: caught %v", p)
				}
				bad, fail = false, false
				if err := f.Clear(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
				n := rn.count() + 1
				calls(t, t.Context(), f, "a", n, n)
			})
		})
	}
}

func boom(bad bool) error {
	if bad {
		panic("boom")
	}
	return nil
}

// A codec that panics costs the result its place in the store, and nothing
// else.
func TestCodecPanics(t *testing.T) {
	for _, where := range []string{"serialize", "deserialize"} {
		for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient} {
			t.Run(where+"/"+r.String(), func(t *testing.T) {
				bad := true
				c := codec.Func("bad/1",
					func(s string) ([]byte, error) { return []byte(s), boom(bad && where == "serialize") },
					func(b []byte) (string, error) { return string(b), boom(bad && where == "deserialize") })
				f := wrap(t, open(t, "memory:"), echo, reprise.Options[string, string]{Name: "f", Residency: r, Codec: c})
				for range 2 {
					res := does(t, t.Context(), f, "a", reprise.PutFailed, reprise.NotSerializable)
					if res.Value != "a" || res.Err == nil {
						t.Errorf("got %q, %v", res.Value, res.Err)
					}
				}
				says(t, f.Set(t.Context(), "a", "b"), "set f", "panicked", "boom")
				does(t, mode(reprise.ReadOnly), f, "a", reprise.Bypassed, reprise.ModeReadOnly)
				bad = false
				does(t, t.Context(), f, "a", reprise.Populated, reprise.Absent)
				bad = true
				if r == reprise.Transient && where == "deserialize" { // a record that cannot be read is a miss
					does(t, t.Context(), f, "a", reprise.PutFailed, reprise.NotSerializable)
					_, err := f.Peek(t.Context(), "a")
					says(t, err, "peek f", "undecodable")
				}
			})
		}
	}
}

// What a copy must go through the codec for: a type that cannot be cloned.
type labelled struct{ fields map[string]string }

func TestCodecPanicsWhileCopying(t *testing.T) {
	bad := false
	c := codec.Func("labelled/1",
		func(l labelled) ([]byte, error) { return []byte(l.fields["k"]), boom(bad) },
		func(b []byte) (labelled, error) { return labelled{map[string]string{"k": string(b)}}, boom(bad) })
	f := wrap(t, open(t, "memory:"), func(_ context.Context, s string) (labelled, error) {
		return labelled{map[string]string{"k": s}}, nil
	}, reprise.Options[string, labelled]{Name: "f", Codec: c})
	got := call(t, t.Context(), f, "a")
	got.fields["k"] = "spoilt"
	if again := call(t, t.Context(), f, "a"); again.fields["k"] != "a" {
		t.Errorf("got %q: not the caller's own", again.fields["k"])
	}
	bad = true
	says(t, f.Set(t.Context(), "b", labelled{}), "set f", "panicked", "boom")
	if v, err := f.Call(mode(reprise.ReadOnly), "c"); err != nil || v.fields["k"] != "c" {
		t.Errorf("got %v, %v", v, err)
	}
}
