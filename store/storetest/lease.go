package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/store"
)

func leaseTopic() topic {
	return topic{"leases", []check{
		{"one owner at a time", checkOneOwner},
		{"acquiring again renews", checkAcquireAgain},
		{"an expired lease is taken over with a higher fence", checkTakeover},
		{"a renewal prolongs", checkRenew},
		{"a lost lease cannot be renewed", checkRenewLost},
		{"a release frees the key", checkRelease},
		{"a cool-down keeps everybody out", checkCooldown},
		{"a release without the lease does nothing", checkReleaseNotHeld},
		{"fences outlive clears, purges and sweeps", checkFencesGrow},
		{"keys do not disturb each other", checkLeasesApart},
		{"of many racers one wins", checkLeaseRace},
	}}
}

// leaser is the store's capability; without it the check is skipped.
func (e *env) leaser() store.Leaser {
	e.Helper()
	l, ok := e.s.(store.Leaser)
	e.needs(ok, "leases (store.Leaser)")
	return l
}

func (e *env) tryAcquire(key store.Key, owner store.Owner, ttl time.Duration) store.Grant {
	e.Helper()
	g, err := e.leaser().Acquire(e.ctx, key, owner, ttl)
	e.must("Acquire", err)
	return g
}

// acquire fails the check unless the lease is granted.
func (e *env) acquire(key store.Key, owner store.Owner, ttl time.Duration) store.Grant {
	e.Helper()
	g := e.tryAcquire(key, owner, ttl)
	if !g.Granted || g.Fence == 0 || g.Left <= 0 || g.Left > ttl || g.Cooling {
		e.Fatalf("Acquire = %+v, want it granted for up to %v", g, ttl)
	}
	return g
}

// wantLost fails the check unless err says that the lease is lost.
func (e *env) wantLost(what string, err error) {
	e.Helper()
	if !errors.Is(err, store.ErrLeaseLost) {
		e.Errorf("%s = %v, want ErrLeaseLost", what, err)
	}
}

var (
	us   = store.Owner{1}
	them = store.Owner{2}
)

func checkOneOwner(e *env) {
	key := keyOf("a")
	g := e.acquire(key, us, time.Hour)
	got := e.tryAcquire(key, them, time.Hour)
	if got.Granted || got.Fence != g.Fence || got.Cooling || got.Left <= 0 || got.Left > time.Hour {
		e.Errorf("another's Acquire = %+v, want refused, fence %d, up to an hour left", got, g.Fence)
	}
}

func checkAcquireAgain(e *env) {
	key := keyOf("a")
	g := e.acquire(key, us, time.Minute)
	if again := e.acquire(key, us, time.Hour); again.Fence != g.Fence || again.Left <= time.Minute {
		e.Errorf("again = %+v, want fence %d and most of an hour", again, g.Fence)
	}
	if got := e.tryAcquire(key, them, time.Hour); got.Left <= time.Minute {
		e.Errorf("another sees %v left, want most of an hour", got.Left)
	}
}

func checkTakeover(e *env) {
	key := keyOf("a")
	g := e.acquire(key, us, e.span(1))
	e.pass(e.now().Add(e.span(1)))
	got := e.acquire(key, them, time.Hour)
	if got.Fence <= g.Fence {
		e.Errorf("fence %d after %d, want higher", got.Fence, g.Fence)
	}
	e.wantLost("the old owner's Renew", e.leaser().Renew(e.ctx, key, us, g.Fence, time.Hour))
	e.must("the new owner's Renew", e.leaser().Renew(e.ctx, key, them, got.Fence, time.Hour))
}

func checkRenew(e *env) {
	key := keyOf("a")
	g := e.acquire(key, us, e.span(20))
	end := e.now().Add(e.span(20))
	e.must("Renew", e.leaser().Renew(e.ctx, key, us, g.Fence, e.span(1000)))
	e.pass(end)
	if got := e.tryAcquire(key, them, time.Hour); got.Granted {
		e.Error("a renewed lease was taken over at its first end")
	}
	e.must("Renew", e.leaser().Renew(e.ctx, key, us, g.Fence, e.span(1)))
	e.pass(e.now().Add(e.span(1)))
	e.acquire(key, them, time.Hour)
}

func checkRenewLost(e *env) {
	key := keyOf("a")
	l := e.leaser()
	e.wantLost("Renew of a lease that never was", l.Renew(e.ctx, key, us, 1, time.Hour))
	g := e.acquire(key, us, e.span(1000))
	e.wantLost("Renew with another fence", l.Renew(e.ctx, key, us, g.Fence+1, time.Hour))
	e.wantLost("Renew by another owner", l.Renew(e.ctx, key, them, g.Fence, time.Hour))
	e.wantLost("Renew of another key", l.Renew(e.ctx, keyOf("b"), us, g.Fence, time.Hour))
	e.must("Renew", l.Renew(e.ctx, key, us, g.Fence, e.span(1)))
	e.pass(e.now().Add(e.span(1)))
	e.wantLost("Renew after the end", l.Renew(e.ctx, key, us, g.Fence, time.Hour))
}

func checkRelease(e *env) {
	key := keyOf("a")
	g := e.acquire(key, us, time.Hour)
	e.must("Release", e.leaser().Release(e.ctx, key, us, g.Fence, 0))
	e.wantLost("Renew after Release", e.leaser().Renew(e.ctx, key, us, g.Fence, time.Hour))
	if got := e.acquire(key, them, time.Hour); got.Fence <= g.Fence {
		e.Errorf("fence %d after %d, want higher", got.Fence, g.Fence)
	}
}

func checkCooldown(e *env) {
	key := keyOf("a")
	g := e.acquire(key, us, time.Hour)
	e.must("Release", e.leaser().Release(e.ctx, key, us, g.Fence, e.span(20)))
	end := e.now().Add(e.span(20))
	for _, owner := range []store.Owner{us, them} {
		got := e.tryAcquire(key, owner, time.Hour)
		if e.now().Before(end.Add(-e.span(1))) && (got.Granted || !got.Cooling || got.Left <= 0 || got.Left > e.span(20)) {
			e.Errorf("Acquire within the cool-down = %+v, want refused, cooling, up to %v left", got, e.span(20))
		}
	}
	e.pass(end)
	if got := e.acquire(key, them, time.Hour); got.Fence <= g.Fence {
		e.Errorf("fence %d after %d, want higher", got.Fence, g.Fence)
	}
}

func checkReleaseNotHeld(e *env) {
	key := keyOf("a")
	l := e.leaser()
	e.must("Release of nothing", l.Release(e.ctx, key, us, 1, time.Hour))
	g := e.acquire(key, us, time.Hour)
	e.must("Release by another", l.Release(e.ctx, key, them, g.Fence, time.Hour))
	e.must("Release with another fence", l.Release(e.ctx, key, us, g.Fence+1, time.Hour))
	e.must("Renew", l.Renew(e.ctx, key, us, g.Fence, e.span(1)))
	e.pass(e.now().Add(e.span(1)))
	e.must("Release after the end", l.Release(e.ctx, key, us, g.Fence, time.Hour))
	e.acquire(key, them, time.Hour) // so none of them began a cool-down
}

func checkFencesGrow(e *env) {
	key := keyOf("a")
	var last uint64
	for what, between := range map[string]func(){
		"a clear": func() { e.clear(key) },
		"a purge": func() { e.purge(store.Query{Key: &key}) },
		"a sweep": func() { e.sweep() },
		"a bump":  func() { e.bump(store.All()) },
		"a set":   func() { e.put(rec("a"), store.PutSet) },
	} {
		g := e.acquire(key, us, time.Hour)
		if g.Fence <= last {
			e.Errorf("fence %d after %d", g.Fence, last)
		}
		last = g.Fence
		between()
		if err := e.leaser().Renew(e.ctx, key, us, g.Fence, time.Hour); err != nil {
			e.Errorf("%s broke the lease: %v", what, err)
		}
		e.must("Release", e.leaser().Release(e.ctx, key, us, g.Fence, 0))
		between()
	}
}

func checkLeasesApart(e *env) {
	a := e.acquire(keyOf("a"), us, time.Hour)
	b := e.acquire(keyOf("b"), us, time.Hour)
	e.must("Release", e.leaser().Release(e.ctx, keyOf("a"), us, a.Fence, time.Hour))
	e.must("Renew", e.leaser().Renew(e.ctx, keyOf("b"), us, b.Fence, time.Hour))
}

func checkLeaseRace(e *env) {
	l := e.leaser()
	for round := range 20 {
		key := keyOf(fmt.Sprint("round", round))
		var wg sync.WaitGroup
		var won atomic.Int32
		for i := range byte(8) {
			wg.Go(func() {
				g, err := l.Acquire(e.ctx, key, store.Owner{i, 1}, time.Hour)
				if err != nil {
					e.Errorf("Acquire: %v", err)
				}
				if g.Granted {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if n := won.Load(); n != 1 {
			e.Fatalf("round %d: %d of 8 racers won, want 1", round, n)
		}
	}
}
