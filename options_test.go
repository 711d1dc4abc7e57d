package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise"
)

func TestRefreshAfter(t *testing.T) {
	for _, r := range residencies {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rn := &runs[string]{}
				f := wrap(t, open(t, "memory:"), func(_ context.Context, in string) (int, error) {
					n := rn.add(in)
					time.Sleep(time.Second)
					return n, nil
				}, reprise.Options[string, int]{Residency: r, TTL: time.Hour, RefreshAfter: time.Minute})
				calls(t, t.Context(), f, "a", 1)
				time.Sleep(50 * time.Second)
				calls(t, t.Context(), f, "a", 1)
				if rn.count() != 1 {
					t.Fatal("refreshed too early")
				}
				time.Sleep(15 * time.Second)
				for range 5 { // at once, with the old value
					began := time.Now()
					if res := does(t, t.Context(), f, "a", reprise.HitStale, reprise.RefreshDue); res.Value != 1 {
						t.Errorf("got run %d, want 1", res.Value)
					}
					if d := time.Since(began); d != 0 {
						t.Errorf("a hit took %v", d)
					}
				}
				synctest.Wait()
				time.Sleep(2 * time.Second)
				if n := rn.count(); n != 2 {
					t.Errorf("%d runs, want one refresh", n-1)
				}
				hit := map[bool]reprise.Outcome{true: reprise.HitStore, false: reprise.HitMemory}[r == reprise.Transient]
				if res := does(t, t.Context(), f, "a", hit, reprise.NoReason); res.Value != 2 {
					t.Errorf("got run %d, want 2", res.Value)
				}
			})
		})
	}
}

// A refresh that fails leaves the old value, and is tried again later.
func TestRefreshAfterFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rn := &runs[string]{}
		f := wrap(t, open(t, "memory:"), func(_ context.Context, in string) (int, error) {
			if n := rn.add(in); n != 2 {
				return n, nil
			}
			return 0, errors.New("down")
		}, reprise.Options[string, int]{RefreshAfter: time.Minute})
		calls(t, t.Context(), f, "a", 1)
		time.Sleep(2 * time.Minute)
		calls(t, t.Context(), f, "a", 1)
		synctest.Wait()
		calls(t, t.Context(), f, "a", 1)
		time.Sleep(time.Minute)
		calls(t, t.Context(), f, "a", 1)
		synctest.Wait()
		calls(t, t.Context(), f, "a", 3)
	})
}

func TestRefreshAfterReadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fn, rn := counting[string]()
		f := wrap(t, open(t, "memory:"), fn, reprise.Options[string, int]{RefreshAfter: time.Minute})
		calls(t, t.Context(), f, "a", 1)
		time.Sleep(2 * time.Minute)
		does(t, mode(reprise.ReadOnly), f, "a", reprise.HitStale, reprise.RefreshDue)
		synctest.Wait()
		if n := rn.count(); n != 1 {
			t.Errorf("%d runs, want 1", n)
		}
	})
}

func TestStaleOnError(t *testing.T) {
	for _, r := range residencies {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				down := errors.New("down")
				fail := false
				f := wrap(t, open(t, "memory:"), func(context.Context, string) (string, error) {
					if fail {
						return "", down
					}
					return "value", nil
				}, reprise.Options[string, string]{Residency: r, TTL: time.Minute, StaleOnError: time.Hour})
				call(t, t.Context(), f, "a")
				fail = true
				time.Sleep(2 * time.Minute)
				for range 2 {
					res := does(t, t.Context(), f, "a", reprise.HitStale, reprise.FunctionFailed)
					if res.Value != "value" || res.Err != down {
						t.Errorf("got %q, %v", res.Value, res.Err)
					}
				}
				if _, err := f.Call(t.Context(), "never seen"); err != down {
					t.Errorf("without a stale value: %v", err)
				}
				time.Sleep(time.Hour)
				if _, err := f.Call(t.Context(), "a"); err != down {
					t.Errorf("past the grace: %v", err)
				}
				fail = false
				why := reprise.Expired
				if r == reprise.Ephemeral {
					why = reprise.Absent // memory has let go of it, and there is no store that could tell
				}
				does(t, t.Context(), f, "a", reprise.Populated, why)
			})
		})
	}
}

// Within its grace an expired value is no hit while the function works.
func TestStaleOnErrorRunsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fn, _ := counting[string]()
		f := wrap(t, open(t, "memory:"), fn, reprise.Options[string, int]{TTL: time.Minute, StaleOnError: time.Hour})
		calls(t, t.Context(), f, "a", 1)
		time.Sleep(2 * time.Minute)
		if r := does(t, t.Context(), f, "a", reprise.Populated, reprise.Expired); r.Value != 2 {
			t.Errorf("got run %d", r.Value)
		}
	})
}

type codeError struct{ code int }

func (e *codeError) Error() string { return fmt.Sprint("code ", e.code) }

func TestErrorTTL(t *testing.T) {
	for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Ephemeral} {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rn := &runs[int]{}
				f := wrap(t, open(t, "memory:"), func(_ context.Context, code int) (string, error) {
					rn.add(code)
					return "", &codeError{code}
				}, reprise.Options[int, string]{Residency: r, ErrorTTL: func(err error) time.Duration {
					if ce := (*codeError)(nil); errors.As(err, &ce) && ce.code == 404 {
						return time.Minute
					}
					return 0
				}})
				_, first := f.Call(t.Context(), 404)
				res, second := f.Do(t.Context(), 404)
				if first != second || rn.count() != 1 {
					t.Errorf("%d runs; errors %p and %p", rn.count(), first, second)
				}
				expect(t, &res, reprise.HitMemory, reprise.NoReason)
				_, other := f.Call(t.Context(), 500)
				if _, again := f.Call(t.Context(), 500); again == other || rn.count() != 3 {
					t.Errorf("%d runs: an error that is not to be remembered was", rn.count())
				}
				time.Sleep(61 * time.Second)
				if _, later := f.Call(t.Context(), 404); later == first || rn.count() != 4 {
					t.Errorf("%d runs: the error outlived its time", rn.count())
				}
				if err := f.Clear(t.Context(), 404); err != nil {
					t.Fatal(err)
				}
				if _, _ = f.Call(t.Context(), 404); rn.count() != 5 {
					t.Error("the error outlived a clear")
				}
				if err := f.Set(t.Context(), 404, "found"); err != nil {
					t.Fatal(err)
				}
				if got := call(t, t.Context(), f, 404); got != "found" {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}

func TestErrorsAreNotKeptByDefault(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		sentinel := errors.New("sentinel")
		rn := &runs[string]{}
		f := wrap(t, c, func(_ context.Context, in string) (int, error) {
			if n := rn.add(in); n > 2 {
				return n, nil
			}
			return 0, sentinel
		}, reprise.Options[string, int]{Residency: r})
		for range 2 {
			res, err := f.Do(t.Context(), "a")
			if err != sentinel || res.Outcome != reprise.Failed {
				t.Errorf("%v, outcome %v", err, res.Outcome)
			}
		}
		calls(t, t.Context(), f, "a", 3, 3)
	})
}

func TestTTLFunc(t *testing.T) {
	for _, r := range residencies {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rn := &runs[time.Duration]{}
				type result struct {
					TTL time.Duration
					Run int
				}
				f := wrap(t, open(t, "memory:"), func(_ context.Context, d time.Duration) (result, error) {
					return result{d, rn.add(d)}, nil
				}, reprise.Options[time.Duration, result]{Residency: r, TTL: time.Hour,
					TTLFunc: func(r result) time.Duration { return r.TTL }})
				run := func(d time.Duration) int { return call(t, t.Context(), f, d).Run }
				long, short, byDefault := run(2*time.Hour), run(time.Minute), run(0)
				for range 2 {
					does(t, t.Context(), f, -1, reprise.Bypassed, reprise.NotKept)
				}
				if err := f.Set(t.Context(), -1, result{TTL: -1}); err == nil {
					t.Error("set of a value that TTLFunc does not keep: no error")
				}
				time.Sleep(2 * time.Minute)
				if run(2*time.Hour) != long || run(time.Minute) == short || run(0) != byDefault {
					t.Error("after two minutes: only the short one is gone")
				}
				time.Sleep(time.Hour)
				if run(2*time.Hour) != long || run(0) == byDefault {
					t.Error("after an hour: the default is gone, too")
				}
			})
		})
	}
}

func TestJitter(t *testing.T) {
	c := open(t, "memory:")
	f := wrap(t, c, func(_ context.Context, n int) (int, error) { return n, nil },
		reprise.Options[int, int]{TTL: time.Hour, Jitter: 30 * time.Minute})
	lives := map[time.Duration]bool{}
	for n := range 50 {
		r := does(t, t.Context(), f, n, reprise.Populated, reprise.Absent)
		life := r.Expires.Sub(r.Created)
		if life > time.Hour || life <= 30*time.Minute {
			t.Fatalf("lives for %v, want between 30m and 1h", life)
		}
		lives[life] = true
	}
	if len(lives) < 40 {
		t.Errorf("only %d different lives of 50", len(lives))
	}
}

func TestTags(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, _ := counting[int]()
		f := wrap(t, c, fn, reprise.Options[int, int]{Residency: r, Tags: func(in, out int) []string {
			return []string{fmt.Sprint("parity ", in%2), fmt.Sprint("run ", out), "all", "all"}
		}})
		calls(t, t.Context(), f, 10, 1)
		calls(t, t.Context(), f, 11, 2)
		calls(t, t.Context(), f, 12, 3)
		drop := func(tag string) {
			t.Helper()
			if _, err := c.InvalidateTag(t.Context(), tag); err != nil {
				t.Fatal(err)
			}
		}
		drop("nobody has it")
		drop("parity 0")
		calls(t, t.Context(), f, 11, 2)
		calls(t, t.Context(), f, 10, 4, 4)
		calls(t, t.Context(), f, 12, 5)
		drop("run 2")
		calls(t, t.Context(), f, 11, 6)
		calls(t, t.Context(), f, 12, 5)
		drop("all")
		calls(t, t.Context(), f, 10, 7)
		if err := f.Set(t.Context(), 99, 0); err != nil {
			t.Fatal(err)
		}
		drop("parity 1")
		calls(t, t.Context(), f, 99, 8) // a value that was set has tags, too
	})
}

func TestInvalidateTagCounts(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		fn, _ := counting[int]()
		f := wrap(t, c, fn, reprise.Options[int, int]{Tags: func(int, int) []string { return []string{"x"} }})
		for n := range 3 {
			call(t, t.Context(), f, n)
		}
		if n, err := c.InvalidateTag(t.Context(), "x"); n != 3 || err != nil {
			t.Errorf("invalidated %d (%v), want 3", n, err)
		}
		does(t, t.Context(), f, 0, reprise.Populated, reprise.Cleared)
	})
}

func TestMaxRun(t *testing.T) {
	for name, ctx := range map[string]context.Context{"cached": context.Background(), "off": mode(reprise.Off)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := wrap(t, open(t, "memory:"), func(ctx context.Context, _ string) (int, error) {
					<-ctx.Done()
					if !errors.Is(context.Cause(ctx), reprise.ErrMaxRun) {
						t.Errorf("cause %v", context.Cause(ctx))
					}
					return 0, ctx.Err()
				}, reprise.Options[string, int]{MaxRun: time.Minute})
				began := time.Now()
				r, err := f.Do(ctx, "a")
				if !errors.Is(err, context.DeadlineExceeded) || r.Outcome != reprise.Failed || time.Since(began) != time.Minute {
					t.Errorf("%v, outcome %v after %v", err, r.Outcome, time.Since(began))
				}
				if name == "cached" && !errors.Is(err, reprise.ErrMaxRun) {
					t.Errorf("%v does not say why", err)
				}
			})
		})
	}
}
