package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise"
)

// TestGuarantee26_NothingLeaks opens, uses and closes a cache over a file many
// times. Neither goroutines nor file descriptors grow.
func TestGuarantee26_NothingLeaks(t *testing.T) {
	url := file(t)
	before := goleak.IgnoreCurrent()
	use := func(n int) {
		c := open(t, url)
		f := wrap(t, c, sized(100), reprise.Options[int, []byte]{Name: "f"})
		if _, err := f.Call(t.Context(), n%7); err != nil {
			t.Fatal(err)
		}
		if n%50 == 0 {
			s, err := c.ExecutionStore("s", nil)
			if err == nil {
				err = s.Set(t.Context(), "k", n, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		closeNow(t, c)
	}
	use(0) // what is made once for all
	descriptors, goroutines := descriptorsOf(t), runtime.NumGoroutine()
	for n := range torture(50, 500) {
		use(n)
		if n%25 == 24 {
			if now := descriptorsOf(t); now != descriptors {
				t.Fatalf("%d descriptors after %d rounds, %d before", now, n+1, descriptors)
			}
			if now := runtime.NumGoroutine(); now > goroutines+5 { // some may be about to end
				t.Fatalf("%d goroutines after %d rounds, %d before", now, n+1, goroutines)
			}
		}
	}
	goleak.VerifyNone(t, before)
}

// descriptorsOf counts this process's open files where the system tells.
func descriptorsOf(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		if runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		return 0
	}
	return len(fds)
}

// TestGuarantee26_CloseDrains: Close waits for an execution under way, whose
// callers get the result, cancels one that takes too long, and says how many
// did not even heed that.
func TestGuarantee26_CloseDrains(t *testing.T) {
	for name, c := range map[string]struct {
		fn    func(context.Context) (int, error)
		after time.Duration // that Close takes
		got   string
		close string
	}{
		"one that ends": {
			func(context.Context) (int, error) { time.Sleep(3 * time.Second); return 7, nil },
			3 * time.Second, "7 <nil>", "",
		},
		"one that heeds its ctx": {
			func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, context.Cause(ctx) },
			5 * time.Second, reprise.ErrClosed.Error(), "",
		},
		"one that does not": {
			func(context.Context) (int, error) { time.Sleep(time.Hour); return 7, nil },
			7 * time.Second, reprise.ErrClosed.Error(), "1 execution",
		},
	} {
		for _, r := range []reprise.Residency{reprise.Hybrid, reprise.Transient, reprise.Ephemeral} {
			t.Run(fmt.Sprint(name, " ", r), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cache, err := reprise.Open(t.Context(), "memory:", &reprise.Config{CloseTimeout: 5 * time.Second})
					if err != nil {
						t.Fatal(err)
					}
					f := wrap(t, cache, func(ctx context.Context, _ int) (int, error) { return c.fn(ctx) }, reprise.Options[int, int]{Residency: r})
					var callers sync.WaitGroup
					for range 5 {
						callers.Go(func() {
							v, err := f.Call(t.Context(), 1)
							if got := fmt.Sprint(v, " ", err); !strings.Contains(got, c.got) {
								t.Errorf("a caller got %q, want %q", got, c.got)
							}
						})
					}
					synctest.Wait()
					began := time.Now()
					err = cache.Close()
					if took := time.Since(began); took != c.after {
						t.Errorf("Close took %v, want %v", took, c.after)
					}
					if c.close == "" && err != nil || c.close != "" && (err == nil || !strings.Contains(err.Error(), c.close)) {
						t.Errorf("Close: %v, want %q", err, c.close)
					}
					callers.Wait()
					afterClose(t, cache, f)
					time.Sleep(2 * time.Hour) // what did not heed anything ends now, and does no harm
				})
			})
		}
	}
}

// afterClose expects that a closed cache refuses, and that closing it again
// says the same.
func afterClose(t *testing.T, c *reprise.Cache, f *reprise.Func[int, int]) {
	t.Helper()
	for op, err := range map[string]error{
		"Call": second(f.Call(t.Context(), 1)), "Set": f.Set(t.Context(), 1, 1), "Clear": f.Clear(t.Context(), 1),
		"Peek": second(f.Peek(t.Context(), 1)), "ClearAll": second(f.ClearAll(t.Context(), nil)),
		"DeleteDataset": second(c.DeleteDataset(t.Context(), "d")),
	} {
		if !errors.Is(err, reprise.ErrClosed) {
			t.Errorf("%s after Close: %v", op, err)
		}
	}
	began := time.Now()
	_ = c.Close() // as the first time
	if took := time.Since(began); took != 0 {
		t.Errorf("the second Close took %v", took)
	}
}
