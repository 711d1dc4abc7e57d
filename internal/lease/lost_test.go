package lease_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
)

const trust = ttl - ttl/10

// An owner dies at a random moment of its execution. The next one starts when
// the lease has expired, and no later than a poll and the jitter after that.
func TestTakeoverWithinTTLAndOnePoll(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		for seed := range uint64(50) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 0))
				b := fresh()
				w := &wire{to: b}
				var renewed late[time.Time] // when the store last counted the TTL from
				w.fate = func(ctx context.Context, _ op, deliver func(context.Context) error) error {
					renewed.set(time.Now())
					return deliver(ctx)
				}
				dying := coordinator(t, w, lease.Options{})
				mustAcquire(t, dying, nil)
				time.AfterFunc(time.Duration(rng.Int64N(int64(2*ttl))), func() { w.meet(cut) })
				next := coordinator(t, b, lease.Options{})
				l, err := next.Acquire(t.Context(), key, 0, ready(b, key))
				if err != nil || l == nil {
					t.Fatal(l, err)
				}
				if gap := time.Since(renewed.get().Add(ttl)); gap < 0 || gap > 85*time.Millisecond {
					t.Errorf("seed %d: taken over %v after the lease expired, want 0 to 85ms", seed, gap)
				}
			})
		}
	})
}

func TestPartitionEndsTrustBeforeTheLease(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		for name, taken := range map[string]bool{"taken over": true, "only expired": false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := fresh()
					w := &wire{to: b}
					c := coordinator(t, w, lease.Options{})
					l := mustAcquire(t, c, nil)
					start := time.Now()
					w.meet(cut)
					ctx, cancel := l.Context(t.Context())
					defer cancel()
					<-ctx.Done()
					if got := time.Since(start); got != trust {
						t.Errorf("cancelled after %v, want %v", got, trust)
					}
					if cause := context.Cause(ctx); !errors.Is(cause, lease.ErrLost) || !errors.Is(cause, store.ErrLeaseLost) {
						t.Errorf("cause %v", cause)
					}
					var successor *lease.Lease
					if taken {
						successor = mustAcquire(t, coordinator(t, b, lease.Options{}), nil)
					} else {
						time.Sleep(ttl - trust)
					}
					w.meet(nil)
					if _, err := l.Publish(t.Context(), record(), store.PutPublish); !errors.Is(err, lease.ErrLost) {
						t.Errorf("late publish: %v, want ErrLost", err)
					}
					if got, _ := b.Get(t.Context(), key); got.Found {
						t.Error("the late publish was stored")
					}
					if again, cancel := l.Context(t.Context()); again.Err() == nil {
						t.Error("a lost lease gives a live context")
					} else {
						cancel()
					}
					if taken {
						if _, err := successor.Publish(t.Context(), record(), store.PutPublish); err != nil {
							t.Errorf("the successor: %v", err)
						}
					}
				})
			})
		}
	})
}

// Trust is counted from the start of an attempt, not from its reply: when
// acquiring, and when renewing.
func TestTrustIsCountedFromTheAttempt(t *testing.T) {
	const slow, beat = 4 * time.Second, ttl / 3
	for renewals, want := range []time.Duration{trust, beat + trust, 2*beat + trust} {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{to: newModel()}
			arrives := first(int64(1 + renewals))
			w.fate = func(ctx context.Context, o op, deliver func(context.Context) error) error {
				if !arrives() {
					return errReset
				}
				err := deliver(ctx)
				time.Sleep(slow)
				return err
			}
			c := coordinator(t, w, lease.Options{})
			start := time.Now()
			l := mustAcquire(t, c, nil)
			ctx, cancel := l.Context(t.Context())
			defer cancel()
			<-ctx.Done()
			if got := time.Since(start); got != want {
				t.Errorf("after %d renewals: cancelled %v after the start, want %v", renewals, got, want)
			}
		})
	}
}

// A process that was stopped may ask for a context before its timers have run.
func TestContextLooksAtTheClock(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{to: newModel()}
			c := coordinator(t, w, lease.Options{})
			l := mustAcquire(t, c, nil)
			w.meet(cut)
			time.Sleep(trust) // the timer is due at this very moment
			ctx, cancel := l.Context(t.Context())
			defer cancel()
			if !errors.Is(context.Cause(ctx), lease.ErrLost) {
				t.Errorf("a live context past the trust window: %v", context.Cause(ctx))
			}
		})
	}
}

// A grant that comes when nothing of the lease is left is asked for again.
func TestGrantThatComesTooLateIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{to: newModel()}
		slow := first(1)
		w.fate = func(ctx context.Context, o op, deliver func(context.Context) error) error {
			err := deliver(ctx)
			if o == acquire && slow() {
				time.Sleep(trust) // and ctx is not heeded
			}
			return err
		}
		c := coordinator(t, w, lease.Options{Timeout: time.Hour})
		l := mustAcquire(t, c, nil)
		if l.Fence() != 1 || w.sent(acquire) != 2 {
			t.Errorf("fence %d after %d attempts, want 1 after 2", l.Fence(), w.sent(acquire))
		}
		ctx, cancel := l.Context(t.Context())
		defer cancel()
		if ctx.Err() != nil {
			t.Error("not trusted")
		}
	})
}

func TestRenewalsThatFailAreTriedAgainInTime(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		for name, fail := range map[string]func(context.Context, func(context.Context) error) error{
			"request lost": func(context.Context, func(context.Context) error) error { return errReset },
			"reply lost":   func(ctx context.Context, d func(context.Context) error) error { d(ctx); return errReset },
			"silence":      func(ctx context.Context, d func(context.Context) error) error { <-ctx.Done(); return ctx.Err() },
		} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &wire{to: fresh()}
					some := twoOfThree()
					w.fate = func(ctx context.Context, o op, deliver func(context.Context) error) error {
						if o == renew && some() {
							return fail(ctx, deliver)
						}
						return deliver(ctx)
					}
					c := coordinator(t, w, lease.Options{})
					l := mustAcquire(t, c, nil)
					ctx, cancel := l.Context(t.Context())
					defer cancel()
					time.Sleep(200 * ttl)
					if ctx.Err() != nil {
						t.Fatalf("lost: %v", context.Cause(ctx))
					}
					if _, err := l.Publish(t.Context(), record(), store.PutPublish); err != nil {
						t.Fatal(err)
					}
				})
			})
		}
	})
}

// The store's word ends the lease at the next heartbeat, long before trust.
func TestHeartbeatLearnsOfALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newModel()
		c := coordinator(t, b, lease.Options{})
		l := mustAcquire(t, c, nil)
		ctx, cancel := l.Context(t.Context())
		defer cancel()
		b.Release(t.Context(), key, l.Owner(), l.Fence(), 0) // as if the store lost its data
		start := time.Now()
		<-ctx.Done()
		if got := time.Since(start); got != ttl/3 || !errors.Is(context.Cause(ctx), lease.ErrLost) {
			t.Errorf("cancelled after %v with %v", got, context.Cause(ctx))
		}
		if _, err := l.Publish(t.Context(), record(), store.PutPublish); !errors.Is(err, lease.ErrLost) {
			t.Errorf("publish: %v, want ErrLost", err)
		}
		if c.Held() != 0 {
			t.Error("a lost lease is held")
		}
	})
}

// Distrust is caution: a value computed all the same may still be published
// where the store kept the lease.
func TestDistrustedLeaseMayStillPublish(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{to: fresh()}
			w.fate = losesReply(renew, func() bool { return true })
			c := coordinator(t, w, lease.Options{})
			l := mustAcquire(t, c, nil)
			ctx, cancel := l.Context(t.Context())
			defer cancel()
			<-ctx.Done()
			if _, err := l.Publish(t.Context(), record(), store.PutPublish); err != nil {
				t.Errorf("publish: %v", err)
			}
		})
	})
}

// A heartbeat's answer that comes when trust is over does not revive a lease
// whose execution was cancelled.
func TestLateHeartbeatRevivesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{to: &everlasting{newModel()}}
		w.fate = func(ctx context.Context, o op, deliver func(context.Context) error) error {
			if o == renew {
				time.Sleep(trust) // ctx is not heeded
			}
			return deliver(ctx)
		}
		c := coordinator(t, w, lease.Options{})
		l := mustAcquire(t, c, nil)
		ctx, cancel := l.Context(t.Context())
		defer cancel()
		time.Sleep(time.Hour)
		if ctx.Err() == nil || w.sent(renew) != 1 {
			t.Errorf("%v, and %d heartbeats, want 1", ctx.Err(), w.sent(renew))
		}
	})
}

// everlasting is a store whose renewals all succeed.
type everlasting struct{ *model }

func (everlasting) Renew(context.Context, store.Key, store.Owner, uint64, time.Duration) error {
	return nil
}

// 200 times each, a reply is lost once or twice: one fence, one publish.
func TestLostRepliesAreSafe(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		for _, o := range []op{acquire, renew, publish, release, get} {
			t.Run(string(o), func(t *testing.T) {
				for i := range 200 {
					synctest.Test(t, func(t *testing.T) {
						b := fresh()
						w := &wire{to: b, fate: losesReply(o, first(int64(1+i%2)))}
						c := coordinator(t, w, lease.Options{})
						l := mustAcquire(t, c, ready(w, key))
						time.Sleep(ttl)
						if o == release {
							l.Release(t.Context(), false)
							l = mustAcquire(t, c, ready(w, key))
						}
						stamp, err := l.Publish(t.Context(), record(), store.PutPublish)
						if err != nil || stamp.Created.IsZero() {
							t.Fatalf("publish: %v, %v", stamp, err)
						}
						got, err := b.Get(t.Context(), key)
						if err != nil || got.Record.Fence != l.Fence() {
							t.Fatalf("stored under fence %d, published under %d (%v)", got.Record.Fence, l.Fence(), err)
						}
						if next := mustAcquire(t, c, nil); next.Fence() != l.Fence()+1 {
							t.Fatalf("fence %d after %d: a lease between them", next.Fence(), l.Fence())
						}
					})
				}
			})
		}
	})
}

// A heartbeat that crosses an accepted publish whose reply is lost hears that
// the lease is gone. That is no loss.
func TestHeartbeatDuringPublishIsNoLoss(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{to: fresh()}
			silent := first(1)
			w.fate = func(ctx context.Context, o op, deliver func(context.Context) error) error {
				err := deliver(ctx)
				if o == publish && silent() {
					<-ctx.Done()
					return ctx.Err()
				}
				return err
			}
			c := coordinator(t, w, lease.Options{Timeout: ttl / 2})
			l := mustAcquire(t, c, nil)
			ctx, cancel := l.Context(t.Context())
			defer cancel()
			if _, err := l.Publish(t.Context(), record(), store.PutPublish); err != nil {
				t.Errorf("publish: %v", err)
			}
			if w.sent(renew) == 0 || w.sent(publish) != 2 {
				t.Errorf("%d heartbeats, %d publishes: the test tests nothing", w.sent(renew), w.sent(publish))
			}
			if ctx.Err() != nil {
				t.Errorf("cancelled: %v", context.Cause(ctx))
			}
		})
	})
}

// A caller leaves while his request for the lease is under way, which the
// store does late: on another connection than what comes after it, it may be
// overtaken. Nobody waits for a lease that nobody holds.
func TestLateGrantToWhoLeftGoesBack(t *testing.T) {
	onEach(t, func(t *testing.T, fresh func() backend) {
		synctest.Test(t, func(t *testing.T) {
			b := fresh()
			w := &wire{to: b}
			var delay atomic.Int64
			delay.Store(int64(time.Second))
			w.fate = func(ctx context.Context, o op, deliver func(context.Context) error) error {
				if o != acquire || delay.Load() == 0 {
					return deliver(ctx)
				}
				d := time.Duration(delay.Swap(0)) // only the first is slow
				if _, called := ctx.Deadline(); !called {
					t.Error("the request has no deadline")
				}
				done := make(chan error, 1)
				go func() { time.Sleep(d); done <- deliver(context.WithoutCancel(ctx)) }()
				select {
				case err := <-done:
					return err
				case <-ctx.Done(): // the client closes the connection; the server has the request
					return ctx.Err()
				}
			}
			c := coordinator(t, w, lease.Options{})
			ctx, leave := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, leave)
			start := time.Now()
			if l, err := c.Acquire(ctx, key, 0, nil); l != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("Acquire = %v, %v", l, err)
			}
			if took := time.Since(start); took != 100*time.Millisecond {
				t.Errorf("who left was free after %v", took)
			}
			time.Sleep(time.Second) // now the store has done it
			start = time.Now()
			mustAcquire(t, coordinator(t, b, lease.Options{}), nil)
			if took := time.Since(start); took != 0 {
				t.Errorf("another got the lease after %v, want at once", took)
			}
		})
	})
}
