package lease_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// A function that always fails, and 100 that want its result: it does not run
// once a waiter, but once a cool-down.
func TestFailingFunctionIsNotRunOncePerWaiter(t *testing.T) {
	const waiters, cooldown, span = 100, 100 * time.Millisecond, 3 * time.Second
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			b := fresh()
			ctx, cancel := context.WithTimeout(t.Context(), span)
			defer cancel()
			var runs atomic.Int64
			var all sync.WaitGroup
			for range waiters {
				c := coordinator(t, b, lease.Options{Cooldown: cooldown})
				all.Go(func() {
					for ctx.Err() == nil {
						l, err := c.Acquire(ctx, key, 0, ready(b, key))
						if err != nil {
							return
						}
						runs.Add(1)
						l.Release(ctx, true)
					}
				})
			}
			all.Wait()
			most := int64(1 + span/cooldown)
			if got := runs.Load(); got > most || got < most*8/10 {
				t.Errorf("%d runs in %v, want at most %d and not much less", got, span, most)
			}
		})
	})
}

// With pauses of a minute, only a wake brings the result within the second.
func TestWakeShortensTheWait(t *testing.T) {
	slow := lease.Options{PollMin: time.Minute, PollMax: time.Minute}
	for name, ring := range map[string]func(c *lease.Coordinator){
		"of the key": func(c *lease.Coordinator) { k := key; c.Wake(&k) },
		"of all":     func(c *lease.Coordinator) { c.Wake(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newModel()
				one, two := coordinator(t, b, slow), coordinator(t, b, slow)
				l := mustAcquire(t, one, nil)
				time.AfterFunc(time.Second, func() {
					l.Publish(context.Background(), record(), store.PutPublish)
					two.Wake(&store.Key{2})
					ring(two)
				})
				waitsFor(t, two, b, time.Second, time.Second)
			})
		})
	}
}

// Waiters of the same coordinator need no watcher.
func TestPublishAndReleaseWakeTheirOwnProcess(t *testing.T) {
	slow := lease.Options{PollMin: time.Minute, PollMax: time.Minute}
	synctest.Test(t, func(t *testing.T) {
		b := newModel()
		c := coordinator(t, b, slow)
		l := mustAcquire(t, c, nil)
		time.AfterFunc(time.Second, func() { l.Publish(context.Background(), record(), store.PutPublish) })
		waitsFor(t, c, b, time.Second, time.Second)
		l = mustAcquire(t, c, nil)
		time.AfterFunc(time.Second, func() { l.Release(context.Background(), false) })
		start := time.Now()
		mustAcquire(t, c, nil)
		if got := time.Since(start); got != time.Second {
			t.Errorf("waited %v for a release after 1s", got)
		}
	})
}

// As the engine does it: a Watcher's events become wakes.
func TestWatcherEventsWakeOtherProcesses(t *testing.T) {
	slow := lease.Options{PollMin: time.Minute, PollMax: time.Minute}
	synctest.Test(t, func(t *testing.T) {
		b := memstore.New(nil)
		one, two := coordinator(t, b, slow), coordinator(t, b, slow)
		ctx, cancel := context.WithCancel(t.Context())
		watching, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			b.Watch(ctx, func() { close(watching) }, func(e store.Event) { two.Wake(e.Key) })
		}()
		<-watching
		l := mustAcquire(t, one, nil)
		time.AfterFunc(time.Second, func() { l.Publish(context.Background(), record(), store.PutPublish) })
		waitsFor(t, two, b, time.Second, time.Second)
		cancel()
		<-done
	})
}

// waitsFor acquires under c and wants the result within the bounds.
func waitsFor(t *testing.T, c *lease.Coordinator, b backend, least, most time.Duration) {
	t.Helper()
	start := time.Now()
	l, err := c.Acquire(t.Context(), key, 0, ready(b, key))
	if l != nil || err != nil {
		t.Fatalf("Acquire = %v, %v; want the result to be ready", l, err)
	}
	if got := time.Since(start); got < least || got > most {
		t.Errorf("waited %v, want %v to %v", got, least, most)
	}
}

// Every wake is dropped: the result is seen within two polls all the same.
func TestWaitWithoutWakesIsBounded(t *testing.T) {
	const poll = 80 * time.Millisecond
	onEach(t, func(t *testing.T, fresh func() backend) {
		for i := range 100 {
			synctest.Test(t, func(t *testing.T) {
				b := fresh()
				one, two := coordinator(t, b, lease.Options{}), coordinator(t, b, lease.Options{})
				l := mustAcquire(t, one, nil)
				after := time.Duration(i*i) * time.Millisecond
				time.AfterFunc(after, func() { l.Publish(context.Background(), record(), store.PutPublish) })
				waitsFor(t, two, b, after, after+2*poll)
			})
		}
	})
}

// The result comes, and the wake with it, while the answer that somebody else
// holds the lease is on its way.
func TestWakeDuringALookIsNotLost(t *testing.T) {
	slow := lease.Options{PollMin: time.Minute, PollMax: time.Minute}
	synctest.Test(t, func(t *testing.T) {
		b := newModel()
		w := &wire{to: b}
		w.fate = func(ctx context.Context, o op, deliver func(context.Context) error) error {
			err := deliver(ctx)
			time.Sleep(2 * time.Second)
			return err
		}
		one, two := coordinator(t, b, slow), coordinator(t, w, slow)
		l := mustAcquire(t, one, nil)
		time.AfterFunc(time.Second, func() {
			l.Publish(context.Background(), record(), store.PutPublish)
			two.Wake(&store.Key{1})
		})
		start := time.Now()
		if l, err := two.Acquire(t.Context(), key, 0, ready(w, key)); l != nil || err != nil {
			t.Fatalf("Acquire = %v, %v; want the result to be ready", l, err)
		}
		if got := time.Since(start); got != 4*time.Second {
			t.Errorf("waited %v, want two messages of 2s and no pause", got)
		}
	})
}

// A waiter knows when a cool-down ends and does not ask all the time.
func TestCooldownIsWaitedOut(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{to: fresh()}
			c := coordinator(t, w, lease.Options{Cooldown: 150 * time.Millisecond})
			mustAcquire(t, c, nil).Release(t.Context(), true)
			n := w.sent(acquire)
			mustAcquire(t, c, nil)
			if got := w.sent(acquire) - n; got != 2 {
				t.Errorf("the store was asked %d times, want once before and once after", got)
			}
		})
	})
}

// A store that rings at every write is not asked at every ring.
func TestWakesAreSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{to: newModel()}
		one, two := coordinator(t, w.to, lease.Options{}), coordinator(t, w, lease.Options{})
		l := mustAcquire(t, one, nil)
		defer l.Release(t.Context(), false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var ringing sync.WaitGroup
		ringing.Go(func() {
			for ctx.Err() == nil {
				two.Wake(nil)
				time.Sleep(100 * time.Microsecond)
			}
		})
		two.Acquire(ctx, key, 0, ready(w, key))
		ringing.Wait()
		if got := w.sent(acquire); got > 201 || got < 150 {
			t.Errorf("%d looks in a second, want one per 5ms", got)
		}
	})
}

func TestCallerLeaves(t *testing.T) {
	why := errors.New("left")
	synctest.Test(t, func(t *testing.T) {
		w := &wire{to: newModel()}
		c := coordinator(t, w, lease.Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		l := mustAcquire(t, c, nil)
		start := time.Now()
		time.AfterFunc(time.Second, func() { cancel(why) })
		if l, err := c.Acquire(ctx, key, 0, nil); l != nil || !errors.Is(err, why) {
			t.Errorf("Acquire = %v, %v; want the cause", l, err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("left after %v", got)
		}
		l.Release(t.Context(), false)
		n := w.sent(acquire)
		if _, err := c.Acquire(ctx, key, 0, nil); !errors.Is(err, why) || w.sent(acquire) != n {
			t.Errorf("with a context that is done: %v", err)
		}
	})
}

// The request got through, but the caller has left before the reply: nobody
// knows of the lease, and yet nobody waits for it to expire.
func TestLeaseThatNobodyKnowsOfIsWithdrawn(t *testing.T) {
	for name, ended := range map[string]func(c *lease.Coordinator, cancel func()){
		"caller left":  func(_ *lease.Coordinator, cancel func()) { cancel() },
		"closed":       func(c *lease.Coordinator, _ func()) { c.Close() },
		"never a word": func(*lease.Coordinator, func()) {},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, fresh func() backend) {
				synctest.Test(t, func(t *testing.T) {
					b := fresh()
					w := &wire{to: b}
					c := coordinator(t, w, lease.Options{Timeout: time.Second})
					silent := first(3)
					w.fate = func(ctx context.Context, o op, deliver func(context.Context) error) error {
						err := deliver(ctx)
						if o == acquire && silent() {
							<-ctx.Done()
							return ctx.Err()
						}
						return err
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					time.AfterFunc(time.Second/2, func() { ended(c, cancel) })
					if l, err := c.Acquire(ctx, key, 0, nil); err == nil {
						t.Fatalf("Acquire = %v", l)
					}
					start := time.Now()
					mustAcquire(t, coordinator(t, b, lease.Options{}), nil)
					if got := time.Since(start); got > 2500*time.Millisecond {
						t.Errorf("free after %v; the lease itself lasts %v", got, ttl)
					}
				})
			})
		})
	}
}

func TestStoreThatFailsIsAskedABoundedNumberOfTimes(t *testing.T) {
	for name, tc := range map[string]struct {
		fate  fate
		want  error
		o     op
		tries int
		most  time.Duration
	}{
		"for good":          {refuse(acquire, store.ErrCorrupt), store.ErrCorrupt, acquire, 1, 0},
		"for now":           {refuse(acquire, errReset), errReset, acquire, 3, 20 * time.Millisecond},
		"by hanging":        {cut, context.DeadlineExceeded, acquire, 2, 11 * time.Second},
		"on the look":       {refuse(get, errReset), errReset, get, 3, 20 * time.Millisecond},
		"on the final look": {refuse(get, store.ErrClosed), store.ErrClosed, get, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{to: newModel(), fate: tc.fate}
				c := lease.New(w, lease.Options{})
				start := time.Now()
				l, err := c.Acquire(t.Context(), key, 0, ready(w, key))
				if l != nil || !errors.Is(err, tc.want) {
					t.Errorf("Acquire = %v, %v; want %v", l, err, tc.want)
				}
				if got := time.Since(start); got > tc.most || w.sent(tc.o) < tc.tries {
					t.Errorf("took %v and %d tries, want at most %v and %d", got, w.sent(tc.o), tc.most, tc.tries)
				}
				c.Close()
				if c.Held() != 0 {
					t.Error("held after an error")
				}
			})
		})
	}
}

func TestStoreThatFailsAWhileIsWaitedOut(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			b := fresh()
			w := &wire{to: b}
			some := twoOfThree()
			w.fate = func(ctx context.Context, _ op, deliver func(context.Context) error) error {
				if some() {
					return errReset
				}
				return deliver(ctx)
			}
			holder := coordinator(t, b, lease.Options{})
			l := mustAcquire(t, holder, nil)
			time.AfterFunc(time.Minute, func() { l.Publish(context.Background(), record(), store.PutPublish) })
			waitsFor(t, coordinator(t, w, lease.Options{}), w, time.Minute, time.Minute+time.Second)
		})
	})
}

func TestPausesStayInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		duration := func(name string, most time.Duration) time.Duration {
			return time.Duration(rapid.Int64Range(int64(-time.Second), int64(most)).Draw(t, name))
		}
		o := lease.Options{PollMin: duration("min", time.Hour), PollMax: duration("max", 1<<63-1)}
		c := lease.New(newModel(), o)
		c.SetJitter(func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "jitter") })
		if o.PollMin <= 0 {
			o.PollMin = 5 * time.Millisecond
		}
		if o.PollMax <= 0 {
			o.PollMax = 80 * time.Millisecond
		}
		o.PollMax = max(o.PollMin, o.PollMax)
		n := rapid.IntRange(0, 1<<20).Draw(t, "n")
		if d := lease.Backoff(c, n); d < o.PollMin/2 || d > o.PollMax {
			t.Errorf("backoff %d = %v, outside %v/2 to %v", n, d, o.PollMin, o.PollMax)
		}
		if d := lease.Backoff(c, 0); d > o.PollMin {
			t.Errorf("first backoff %v over %v", d, o.PollMin)
		}
		g := store.Grant{Left: duration("left", time.Hour), Cooling: rapid.Bool().Draw(t, "cooling")}
		d := lease.Pause(c, n, g)
		if d < time.Millisecond || g.Left >= 0 && d > max(g.Left+o.PollMin, time.Millisecond) {
			t.Errorf("pause of %+v = %v", g, d)
		}
		if d > max(2*min(o.PollMax, 1<<62-1), time.Millisecond) {
			t.Errorf("pause of %+v = %v, over two polls of %v", g, d, o.PollMax)
		}
	})
}
