package flight

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// ending is how a caller's goroutine ended.
type ending struct {
	returned bool
	panicked any
	exited   bool
}

// endings lets one leader and some followers wait for fn.
func endings(t *testing.T, followers int, fn func(context.Context) (int, error)) []ending {
	t.Helper()
	var g Group[int]
	calls := []*Call[int]{lead(t, &g, Key{})}
	for range followers {
		calls = append(calls, follow(t, &g, Key{}))
	}
	all := make([]ending, len(calls))
	var wg sync.WaitGroup
	for i, c := range calls {
		wg.Go(func() {
			e := &all[i]
			e.exited = true
			defer func() {
				if e.panicked = recover(); e.panicked != nil {
					e.exited = false
				}
			}()
			_, _ = c.Wait(bg)
			e.returned, e.exited = true, false
		})
	}
	calls[0].Go(fn)
	wg.Wait()
	if err := g.Close(bg); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPanicReachesAll, with the value and the stack of its origin.
func TestPanicReachesAll(t *testing.T) {
	cause := errors.New("boom")
	for _, e := range endings(t, 3, func(context.Context) (int, error) { return explode(cause) }) {
		p, ok := e.panicked.(*PanicError)
		if !ok {
			t.Fatalf("a caller ended with %+v", e)
		}
		if p.Value != cause || !errors.Is(p, cause) {
			t.Errorf("value %v", p.Value)
		}
		if !strings.Contains(p.Error(), "boom") || !strings.Contains(p.Error(), "explode") {
			t.Errorf("the message lacks the value or the place: %v", p)
		}
	}
}

func explode(v any) (int, error) { panic(v) }

// TestPanicOfOtherValues: what is no error unwraps to none; a nil panic is one
// too, as the runtime reports it and as old programs choose it.
func TestPanicOfOtherValues(t *testing.T) {
	e := endings(t, 0, func(context.Context) (int, error) { return explode("text") })
	if p, ok := e[0].panicked.(*PanicError); !ok || p.Value != "text" || errors.Unwrap(p) != nil {
		t.Errorf("ended with %+v", e[0])
	}
	for _, setting := range []string{"panicnil=0", "panicnil=1"} {
		t.Run(setting, func(t *testing.T) {
			t.Setenv("GODEBUG", setting)
			for _, e := range endings(t, 2, func(context.Context) (int, error) { return explode(nil) }) {
				if _, ok := e.panicked.(*PanicError); !ok {
					t.Errorf("a caller ended with %+v", e)
				}
			}
		})
	}
}

// TestNestedPanic: a panic that came through another flight keeps its origin.
func TestNestedPanic(t *testing.T) {
	var inner Group[int]
	e := endings(t, 0, func(ctx context.Context) (int, error) {
		return call(ctx, &inner, Key{}, func(context.Context) (int, error) { return explode("deep") })
	})
	p, ok := e[0].panicked.(*PanicError)
	if !ok || p.Value != "deep" || !strings.Contains(p.Error(), "explode") {
		t.Fatalf("ended with %+v", e[0])
	}
}

// TestGoexitReachesAll: callers exit as if they had run the function.
func TestGoexitReachesAll(t *testing.T) {
	for _, e := range endings(t, 3, func(context.Context) (int, error) {
		runtime.Goexit()
		return 0, nil
	}) {
		if !e.exited || e.returned || e.panicked != nil {
			t.Errorf("a caller ended with %+v", e)
		}
	}
}

// TestReturnAfterRecover: what the function recovered from is nobody's matter.
func TestReturnAfterRecover(t *testing.T) {
	for _, e := range endings(t, 1, func(context.Context) (v int, err error) {
		defer func() { _ = recover() }()
		return explode("handled")
	}) {
		if !e.returned {
			t.Errorf("a caller ended with %+v", e)
		}
	}
}
