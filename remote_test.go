//go:build unix

package reprise_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reprise-go/reprise"
)

// TestChangingTheURL: all that another store takes is another URL. Two caches
// stand for two machines: they share results, run one execution for concurrent
// calls, and forget together.
func TestChangingTheURL(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		here, there := open(t, url), open(t, url)
		var runs atomic.Int32
		fn := func(_ context.Context, n int) (int, error) { runs.Add(1); return n * n, nil }
		o := reprise.Options[int, int]{Name: "square", Version: "1", Serialize: true}
		f, g := wrap(t, here, fn, o), wrap(t, there, fn, o)
		for n := range 20 {
			var all sync.WaitGroup
			for _, fun := range []*reprise.Func[int, int]{f, g, f, g} {
				all.Go(func() {
					if v, err := fun.Call(t.Context(), n); v != n*n || err != nil {
						t.Errorf("%d, %v", v, err)
					}
				})
			}
			all.Wait()
		}
		if n := runs.Load(); n != 20 {
			t.Errorf("%d runs of 20 calls", n)
		}
		if n, err := f.ClearAll(t.Context(), nil); n != 20 || err != nil {
			t.Errorf("cleared %d, %v", n, err)
		}
		does(t, t.Context(), f, 3, reprise.Populated, reprise.Cleared)
		third := wrap(t, open(t, url), fn, o)
		does(t, t.Context(), third, 3, reprise.HitStore, reprise.NoReason)
	})
}
