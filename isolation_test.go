package reprise_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
)

// report is a result that can be modified at every level.
type report struct {
	Rows  []int
	ByKey map[string][]string
	Next  *report
}

func fresh() report {
	return report{[]int{1, 2}, map[string][]string{"k": {"v"}}, &report{Rows: []int{3}}}
}

func spoil(r report) {
	r.Rows[0] = 99
	r.ByKey["k"][0] = "spoilt"
	r.ByKey["new"] = nil
	r.Next.Rows[0] = 99
	r.Next.Next = &report{}
}

func sound(t *testing.T, what string, r report) {
	t.Helper()
	if diff := cmp.Diff(fresh(), r); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestResultsAreTheCallersOwn(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		f := wrap(t, c, func(context.Context, string) (report, error) { return fresh(), nil },
			reprise.Options[string, report]{Residency: r})
		for _, who := range []string{"first", "second", "third"} {
			got := call(t, t.Context(), f, "a")
			sound(t, who, got)
			spoil(got)
		}
		peeked, err := f.Peek(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		spoil(peeked.Value)
		sound(t, "after a peek", call(t, t.Context(), f, "a"))
		set := fresh()
		if err := f.Set(t.Context(), "b", set); err != nil {
			t.Fatal(err)
		}
		spoil(set)
		got := call(t, t.Context(), f, "b")
		sound(t, "after a set", got)
		spoil(got)
		sound(t, "after a set, again", call(t, t.Context(), f, "b"))
	})
}

// Those who share one execution get a value each, the leader's included.
func TestJoinedResultsAreTheCallersOwn(t *testing.T) {
	for _, m := range []reprise.Mode{reprise.Use, reprise.ReadOnly, reprise.Refresh} {
		for _, r := range residencies {
			t.Run(m.String()+"/"+r.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := wrap(t, open(t, "memory:"), func(context.Context, string) (report, error) {
						time.Sleep(time.Second)
						return fresh(), nil
					}, reprise.Options[string, report]{Residency: r})
					var all sync.WaitGroup
					for range 8 {
						all.Go(func() {
							got, err := f.Call(mode(m), "a")
							if err != nil {
								t.Error(err)
								return
							}
							sound(t, "a caller's", got)
							spoil(got) // the race detector watches, too
						})
					}
					all.Wait()
				})
			})
		}
	}
}

func TestSharedHandsOutTheValueItself(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reprise.Cache) {
		for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Ephemeral} {
			f := wrap(t, c, func(context.Context, string) (report, error) { return fresh(), nil },
				reprise.Options[string, report]{Name: "shared " + r.String(), Residency: r, Shared: true})
			call(t, t.Context(), f, "a")
			one, two := call(t, t.Context(), f, "a"), call(t, t.Context(), f, "a")
			if &one.Rows[0] != &two.Rows[0] || one.Next != two.Next {
				t.Errorf("%v: copies", r)
			}
		}
	})
}

// A caller who has his answer may do with his input what he likes, also while
// a refresh goes on behind him.
func TestInputsAreNotKept(t *testing.T) {
	for _, r := range residencies {
		t.Run(r.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sum := func(_ context.Context, ns []int) (int, error) {
					time.Sleep(time.Second)
					n := 0
					for _, v := range ns {
						n += v
					}
					return n, nil
				}
				f := wrap(t, open(t, "memory:"), sum,
					reprise.Options[[]int, int]{Residency: r, RefreshAfter: time.Minute})
				input := []int{1, 2, 3}
				calls(t, t.Context(), f, input, 6)
				time.Sleep(2 * time.Minute)
				calls(t, t.Context(), f, input, 6) // begins a refresh
				input[0] = 100
				time.Sleep(10 * time.Second)
				calls(t, t.Context(), f, []int{1, 2, 3}, 6)
				calls(t, t.Context(), f, input, 105)
			})
		})
	}
}

// The same where the caller leaves and others wait on.
func TestInputOfALeaverIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := wrap(t, open(t, "memory:"), func(_ context.Context, ns []int) ([]int, error) {
			time.Sleep(time.Second)
			return slices.Clone(ns), nil
		}, reprise.Options[[]int, []int]{})
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		input := []int{1, 2, 3}
		go func() {
			defer close(left)
			if _, err := f.Call(ctx, input); err == nil {
				t.Error("the leaver got a result")
			}
		}()
		synctest.Wait()
		got := make(chan []int, 1)
		go func() {
			v, err := f.Call(t.Context(), []int{1, 2, 3})
			if err != nil {
				t.Error(err)
			}
			got <- v
		}()
		synctest.Wait()
		leave()
		<-left
		input[0] = 100
		if diff := cmp.Diff([]int{1, 2, 3}, <-got); diff != "" {
			t.Errorf("the other caller's (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int{1, 2, 3}, call(t, t.Context(), f, []int{1, 2, 3})); diff != "" {
			t.Errorf("what is remembered (-want +got):\n%s", diff)
		}
	})
}
