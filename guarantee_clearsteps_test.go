//go:build unix

package reprise_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/storetest"
)

// step is a moment of a call, at which a test can hold it.
type step struct {
	name string
	// hold makes the next call stop there; nil: the function itself does.
	hold func(*storetest.Faulty) *storetest.Gate
	// leased marks the moments at which the call holds its lease.
	leased bool
}

func holding(m storetest.Method) func(*storetest.Faulty) *storetest.Gate {
	return func(f *storetest.Faulty) *storetest.Gate { return f.Hold(m, 1) }
}

func holdingReply(m storetest.Method) func(*storetest.Faulty) *storetest.Gate {
	return func(f *storetest.Faulty) *storetest.Gate { return f.HoldReply(m, 1) }
}

// secondLook is the one under the lease.
func secondLook(hold func(*storetest.Faulty) *storetest.Gate) func(*storetest.Faulty) *storetest.Gate {
	return func(f *storetest.Faulty) *storetest.Gate {
		f.Inject(storetest.MethodGet, storetest.Fault{Times: 1})
		return hold(f)
	}
}

const (
	duringRun = "during the run"
	afterCall = "after the call" // which has left its result in both caches
)

// stepsOf are the moments of a call, by whether it is serialized.
var stepsOf = map[bool][]step{
	false: {
		{"before the lookup", holding(storetest.MethodGet), false},
		{"between lookup and answer", holdingReply(storetest.MethodGet), false},
		{duringRun, nil, false},
		{"before the put", holding(storetest.MethodPut), false},
		{"between put and answer", holdingReply(storetest.MethodPut), false},
		{afterCall, nil, false},
	},
	true: {
		{"before the lookup", holding(storetest.MethodGet), false},
		{"between lookup and answer", holdingReply(storetest.MethodGet), false},
		{"before the lease", holding(storetest.MethodAcquire), false},
		{"between lease and answer", holdingReply(storetest.MethodAcquire), true},
		{"before the second look", secondLook(holding(storetest.MethodGet)), true},
		{"between second look and answer", secondLook(holdingReply(storetest.MethodGet)), true},
		{duringRun, nil, true},
		{"before the publish", holding(storetest.MethodPublish), true},
		{"between publish and answer", holdingReply(storetest.MethodPublish), false},
		{afterCall, nil, false},
	},
}

// clearCase is one clear at one moment of one call.
type clearCase struct {
	how       string
	by        int // the caller's cache, another, or that of another process
	step      step
	serialize bool
	residency reprise.Residency
}

const byProcess = 2

func (c clearCase) String() string {
	who := []string{"the same cache", "another cache", "another process"}[c.by]
	return fmt.Sprintf("%s by %s %s, %v, serialized: %t", c.how, who, c.step.name, c.residency, c.serialize)
}

func clearCases() (all []clearCase) {
	for how := range clears {
		for by := range 3 {
			for serialize, steps := range stepsOf {
				for _, s := range steps {
					all = append(all, clearCase{how, by, s, serialize, reprise.Hybrid}, clearCase{how, by, s, serialize, reprise.Transient})
				}
			}
		}
	}
	return all
}

// The bound of what another cache may still give: promised is twice the
// interval, and the test allows for machines whose timers are late.
const (
	quickCoherence = 25 * time.Millisecond
	quickBound     = time.Second
)

// clearing is what the cases on one store share.
type clearing struct {
	t      *testing.T
	caches [2]*faultyCache
	child  *process
	cases  int
	late   time.Duration // the longest that another cache took to notice
}

// TestGuarantee18_AClearBeatsEachStepOnEveryStore holds a call at a step, on
// its way to, in, and on its way from a real store, clears in some way in the
// same cache, in another and in another process, and calls again: while the
// first call is still held, and after it. Nobody who begins after the clear
// gets an older value; in another cache, nobody who begins a bound later.
func TestGuarantee18_AClearBeatsEachStepOnEveryStore(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		cl := &clearing{t: t, child: child(t, "clears in any way", url)}
		for i := range cl.caches {
			cl.caches[i] = openFaulty(t, url, &reprise.Config{CoherenceInterval: quickCoherence, StoreTimeout: time.Minute,
				OnStoreError: reprise.FailClosed})
		}
		cl.child.expect("ready")
		all := clearCases()
		some := torture(7, 1) // an order at random, so each run takes others
		for i := 0; i < len(all) && !t.Failed(); i += some {
			cl.play(all[i])
		}
		cl.child.wait()
		t.Logf("%d of %d cases; another cache noticed after %v at most", cl.cases, len(all), cl.late)
	})
}

// play plays one case with a function of its own.
func (cl *clearing) play(c clearCase) {
	cl.cases++
	held := make(chan struct{})
	arrived := make(chan struct{}, 1)
	var runs atomic.Int64
	p := &play{t: cl.t}
	fn := func(context.Context, int) (int64, error) {
		v := p.events.next()
		if runs.Add(1) == 1 && c.step.name == duringRun {
			arrived <- struct{}{}
			<-held
		}
		return v, nil
	}
	name := fmt.Sprint("case", cl.cases)
	for id, cache := range cl.caches {
		p.handles = append(p.handles, &handle{id, cache.Cache, wrap(cl.t, cache.Cache, fn, taggedOptions(name, c))})
	}
	var there <-chan struct{} = arrived
	release := func() { close(held) }
	switch {
	case c.step.hold != nil:
		gate := c.step.hold(cl.caches[0].faults)
		there, release = gate.Arrived(), gate.Open
	case c.step.name == afterCall:
		p.call(p.handles[0])
		p.call(p.handles[1])
		arrived <- struct{}{}
	}
	cl.clearWhileHeld(p, c, name, there, release)
	cl.caches[0].faults.Heal()
	if err := p.history.judge(quickBound); err != nil {
		cl.t.Errorf("%v: %v", c, err)
	}
}

func taggedOptions(name string, c clearCase) reprise.Options[int, int64] {
	return reprise.Options[int, int64]{Name: name, Version: "1", Residency: c.residency, Serialize: c.serialize,
		Tags: func(int, int64) []string { return []string{theTag} }}
}

// clearWhileHeld begins a call, clears while it is held, calls again, lets the
// first go and calls once more.
func (cl *clearing) clearWhileHeld(p *play, c clearCase, name string, there <-chan struct{}, release func()) {
	caller, clearer := p.handles[0], p.handles[min(c.by, 1)]
	first := started(func() { p.call(caller) })
	awaitChannel(cl.t, c.String()+": the call held", there)
	asked := [2]int{cl.caches[0].leaseCalls(), cl.caches[1].leaseCalls()}
	x := cl.clear(p, c, name)
	again := started(func() {
		if c.by == byProcess {
			cl.untilFresh(p, c, p.handles[1], x)
		} else {
			p.call(clearer)
		}
	})
	fresh := started(func() { cl.untilFresh(p, c, caller, x) })
	cl.awaitProgress(c, min(c.by, 1), again, asked)
	cl.awaitProgress(c, 0, fresh, asked)
	release()
	for _, done := range []<-chan struct{}{first, again, fresh} {
		awaitChannel(cl.t, c.String()+": the end", done)
	}
	p.call(caller)
	if c.by != byProcess {
		p.call(clearer)
	}
}

// awaitProgress waits until a call after the clear is as far as it can come
// while the first is held. Where that one has the lease, it asks for that.
// Where tags were invalidated it may have joined the first, whose tags nobody
// knows yet.
func (cl *clearing) awaitProgress(c clearCase, in int, done <-chan struct{}, asked [2]int) {
	if c.how == "InvalidateTag" {
		return
	}
	awaitCondition(cl.t, fmt.Sprint(c, ": a call after the clear in cache ", in), func() bool {
		select {
		case <-done:
			return true
		default:
			return c.step.leased && cl.caches[in].leaseCalls() > asked[in]
		}
	})
}

// clear clears in a cache, or has the child do so.
func (cl *clearing) clear(p *play, c clearCase, name string) cleared {
	if c.by != byProcess {
		p.clear(p.handles[c.by], c.how)
	} else {
		x := cleared{how: c.how, by: byProcess, begun: p.events.next()}
		cl.child.say(fmt.Sprintf("%s\t%t\t%d\t%d\t%s", name, c.serialize, c.residency, x.begun, c.how))
		cl.child.expect("done")
		x.ended, x.at = p.events.next(), time.Now()
		p.history.clears = append(p.history.clears, x)
	}
	return p.history.clears[0]
}

// untilFresh calls until there is a value from after the clear. Calls that
// take long are left: they may have joined what was held before.
func (cl *clearing) untilFresh(p *play, c clearCase, h *handle, x cleared) {
	end := time.Now().Add(longEnough)
	for wait := 20 * time.Millisecond; time.Now().Before(end); wait = min(2*wait, time.Second) {
		ctx, leave := context.WithTimeout(dataset(theDataset), wait)
		got, err := p.try(ctx, h)
		leave()
		if err == nil && p.history.valid(got.got) >= x.begun {
			return
		}
		if err != nil && ctx.Err() == nil {
			cl.t.Errorf("%v: %v", c, err)
			return
		}
		if err == nil {
			p.history.mu.Lock()
			cl.late = max(cl.late, got.at.Sub(x.at))
			p.history.mu.Unlock()
			time.Sleep(time.Millisecond) // memory answers thousands of times in that
		}
	}
	cl.t.Errorf("%v: no fresh value after %v", c, longEnough)
}

// try calls, and notes what came of it unless that is an error.
func (p *play) try(ctx context.Context, h *handle) (called, error) {
	c := called{by: h.id, begun: p.events.next(), at: time.Now()}
	got, err := h.f.Call(ctx, 1)
	if err != nil {
		return c, err
	}
	c.got = got
	p.history.mu.Lock()
	defer p.history.mu.Unlock()
	p.history.calls = append(p.history.calls, c)
	return c, nil
}

// The child clears in the ways it is told.
var _ = asChild("clears in any way", func(args []string) error {
	c, err := reprise.Open(context.Background(), args[0], &reprise.Config{OnStoreError: reprise.FailClosed})
	if err != nil {
		return err
	}
	tell("ready")
	for line := range told() {
		words := strings.Split(line, "\t")
		residency, _ := strconv.Atoi(words[2])
		number, _ := strconv.ParseInt(words[3], 10, 64)
		o := taggedOptions(words[0], clearCase{serialize: words[1] == "true", residency: reprise.Residency(residency)})
		f, err := reprise.Wrap(c, func(context.Context, int) (int64, error) { return 0, nil }, &o)
		if err != nil {
			return err
		}
		h := &handle{cache: c, f: f}
		if err := clears[words[4]](dataset(theDataset), h, func() int64 { return number }); err != nil {
			return err
		}
		tell("done")
	}
	return c.Close()
})
