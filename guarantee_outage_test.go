//go:build unix

package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// outageServer is a server that a test may ruin.
type outageServer interface {
	Kill(testing.TB)
	Restart(testing.TB)
	Stop(testing.TB)
	Cont(testing.TB)
}

// ruinable are stores on servers of a test's own.
var ruinable = map[string]func(*testing.T) (url string, s outageServer){
	"redis": func(t *testing.T) (string, outageServer) {
		s := servertest.Redis(t)
		return s.URL(), s
	},
	"cluster": func(t *testing.T) (string, outageServer) {
		c := servertest.RedisCluster(t)
		return c.URL(), c
	},
	"postgres": func(t *testing.T) (string, outageServer) {
		s := servertest.PostgresAlone(t)
		return schema(s.Database(t)), s
	},
}

// outages are the ways in which a server goes away and comes back.
var outages = map[string]struct {
	begin, end func(outageServer, testing.TB)
}{
	"killed":  {outageServer.Kill, outageServer.Restart},
	"stopped": {outageServer.Stop, outageServer.Cont},
}

// TestGuarantee11_ServerDown: a real server is killed, or stops to answer, before
// a call, while a function runs, or after its result was stored. Calls give right
// values or, under FailClosed, the store's error; none waits longer than its
// function and two StoreTimeouts; when the server is back the cache is used
// again, without a restart.
func TestGuarantee11_ServerDown(t *testing.T) {
	for name, start := range ruinable {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, server := start(t)
			for how, o := range outages {
				for i, step := range []string{"before", "running", "after"} {
					for _, policy := range outagePolicies(i, how) {
						t.Run(fmt.Sprint(how, " ", step, " ", policy), func(t *testing.T) {
							d := newOutage(t, url, policy)
							d.begin, d.end = func() { o.begin(server, t) }, func() { o.end(server, t) }
							d.at(step)
						})
					}
				}
			}
		})
	}
}

// outagePolicies are both, or by turns one of them in a short run.
func outagePolicies(step int, how string) []reprise.StoreErrorPolicy {
	both := []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed}
	if torture(0, 1) == 1 {
		return both
	}
	i := (step + len(how)) % 2
	return both[i : i+1]
}

// serverOutage is a cache whose server goes away.
type serverOutage struct {
	t          *testing.T
	policy     reprise.StoreErrorPolicy
	f          *reprise.Func[int, int]
	during     func() // what happens while the function runs
	begin, end func()
	longest    atomic.Int64 // of all calls
	refused    atomic.Int64
}

const outageTimeout = 500 * time.Millisecond

func newOutage(t *testing.T, url string, policy reprise.StoreErrorPolicy) *serverOutage {
	d := &serverOutage{t: t, policy: policy, during: func() {}}
	c := openWith(t, url, &reprise.Config{StoreTimeout: outageTimeout})
	fn := func(_ context.Context, n int) (int, error) { d.during(); return n * n, nil }
	d.f = wrap(t, c, fn, reprise.Options[int, int]{Name: t.Name(), OnStoreError: policy, Serialize: true, LeaseTTL: 2 * time.Second})
	return d
}

// call makes one call and judges it.
func (d *serverOutage) call(n int) {
	began := time.Now()
	r, err := d.f.Do(d.t.Context(), n)
	took := time.Since(began)
	for old := d.longest.Load(); int64(took) > old && !d.longest.CompareAndSwap(old, int64(took)); old = d.longest.Load() {
	}
	switch {
	case err != nil && (d.policy != reprise.FailClosed || !errors.Is(err, reprise.ErrStore)):
		d.t.Errorf("call of %d: %v", n, err)
	case err != nil:
		d.refused.Add(1)
	case r.Value != n*n:
		d.t.Errorf("call of %d gives %d (%v)", n, r.Value, r.Outcome)
	}
}

// crowd makes calls from several goroutines for a while, some for results that
// are remembered and some for new ones.
func (d *serverOutage) crowd(span time.Duration) {
	var all sync.WaitGroup
	began := time.Now()
	for who := range 4 {
		all.Go(func() {
			for i := 0; time.Since(began) < span; i++ {
				d.call(i % 3)
				d.call(1000*who + i)
			}
		})
	}
	all.Wait()
}

// at has the server go away at a step and come back after a while.
func (d *serverOutage) at(step string) {
	d.call(1)
	switch step {
	case "before":
		d.begin()
	case "running":
		begin := sync.OnceFunc(d.begin)
		d.during = begin
		d.call(2)
		d.during = func() {}
	case "after":
		d.call(2)
		d.begin()
	}
	d.crowd(time.Duration(torture(300, 1000)) * time.Millisecond)
	d.end()
	took := d.recovers()
	// Twice the promise: the machine of the test does other things as well.
	if longest := time.Duration(d.longest.Load()); longest > 2*2*outageTimeout {
		d.t.Errorf("a call took %v", longest)
	}
	if d.policy == reprise.FailClosed && d.refused.Load() == 0 {
		d.t.Error("under FailClosed no call failed")
	}
	d.t.Logf("longest call %v; well %v after the server", time.Duration(d.longest.Load()).Round(time.Millisecond), took.Round(time.Millisecond))
}

// recovers waits until results are stored and found again.
func (d *serverOutage) recovers() time.Duration {
	began := time.Now()
	for n := 1 << 20; ; n++ {
		d.call(n)
		if r, err := d.f.Peek(d.t.Context(), n); err == nil && r.Outcome == reprise.HitMemory {
			if r, err := d.f.Do(reprise.WithMode(d.t.Context(), reprise.Refresh), n); err == nil && r.Outcome == reprise.Refreshed {
				return time.Since(began)
			}
		}
		if time.Since(began) > time.Minute {
			d.t.Fatal("the cache does not use the server again")
		}
	}
}
