package lease_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
)

// hazard is what befalls one message of a node.
type hazard uint8

const (
	arrives      hazard = iota
	resetBefore         // the request is lost, the client knows
	resetAfter          // the reply is lost, the client knows
	silentBefore        // the request is lost, the client waits
	silentAfter         // the reply is lost, the client waits
	slowRequest         // the request arrives later, perhaps after the client gave up
	slowReply
	hazards
)

// ending is how a node's execution goes.
type ending uint8

const (
	succeeds ending = iota
	fails
	crashes // in the midst of it: the node is never heard of again
	pauses  // stopped for a while, then goes on as if nothing had been
	endings
)

// node is the script of one process that wants one result.
type node struct {
	key    store.Key
	start  time.Duration // when it asks
	run    time.Duration // what its execution takes
	end    ending
	pause  time.Duration // for how long, from the middle of the execution
	skew   float64       // its clock's rate against the store's
	wakes  bool          // whether wakes reach it
	fates  []hazard      // of its messages, in order; all later ones arrive
	delay  time.Duration // of slow messages
	jitter float64
}

// scenario is a script of everybody.
type scenario struct {
	opts   lease.Options
	nodes  []node
	clears []clearing
}

type clearing struct {
	at  time.Duration
	key store.Key
}

// tally counts the executions of one generation by how they ended.
type tally struct{ starts, published, failed, superseded, lost int }

// sim is a running scenario.
type sim struct {
	*ledger
	opts lease.Options

	mu      sync.Mutex
	trusted map[store.Key]int // executions under way with a live context
	tallies map[generation]*tally
	all     []*lease.Coordinator // those that wakes reach
	wrong   []string
	stuck   int
	mail    sync.WaitGroup // messages that outlast their senders
}

// play runs the scenario in a bubble and returns what was wrong.
func (sc *scenario) play(t *testing.T, b backend) *sim {
	s := &sim{ledger: newLedger(b), opts: sc.opts, trusted: map[store.Key]int{}, tallies: map[generation]*tally{}}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		var all sync.WaitGroup
		for _, c := range sc.clears {
			all.Go(func() {
				time.Sleep(c.at)
				s.Clear(ctx, c.key)
				s.wake(&c.key)
			})
		}
		for i := range sc.nodes {
			all.Go(func() { s.live(ctx, &sc.nodes[i]) })
		}
		all.Wait()
		s.mail.Wait()
	})
	s.judge()
	return s
}

// judge checks the promises over the whole history.
func (s *sim) judge() {
	s.wrong = append(s.wrong, s.faults...)
	for g, fences := range s.puts {
		if len(fences) > 1 {
			s.wrong = append(s.wrong, fmt.Sprintf("key %d: %d publishes accepted in one generation: fences %v", g.key[0], len(fences), fences))
		}
	}
	for g, n := range s.tallies {
		// A failure is reported to the caller, and a clear voids an
		// execution: neither is a lost lease, and both call for one more.
		if most := 1 + n.lost + n.failed + n.superseded; n.starts > most {
			s.wrong = append(s.wrong, fmt.Sprintf("key %d: %d executions, at most %d: %+v", g.key[0], n.starts, most, *n))
		}
	}
	if s.stuck > 0 {
		s.wrong = append(s.wrong, fmt.Sprintf("%d nodes never got an answer", s.stuck))
	}
}

func (s *sim) wake(key *store.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.all {
		c.Wake(key)
	}
}

// live is a node's life.
func (s *sim) live(ctx context.Context, n *node) {
	time.Sleep(n.start)
	p := &process{node: n, mail: &s.mail}
	w := &wire{to: s.ledger, fate: p.fate, skew: n.skew}
	c := lease.New(w, s.opts)
	c.SetJitter(func() float64 { return n.jitter })
	defer c.Close()
	if n.wakes {
		s.mu.Lock()
		s.all = append(s.all, c)
		s.mu.Unlock()
	}
	var begun uint64
	look := func(ctx context.Context) (bool, error) {
		l, err := w.Get(ctx, n.key)
		begun = l.Seq
		return l.Found, err
	}
	for {
		l, err := c.Acquire(ctx, n.key, 0, look)
		switch {
		case ctx.Err() != nil:
			s.mu.Lock()
			s.stuck++
			s.mu.Unlock()
			return
		case err != nil: // its messages are lost: ask again, as a retrying caller does
		case l == nil:
			return
		default:
			if s.execute(ctx, n, p, l, begun) {
				return
			}
		}
	}
}

// execute runs the node's function once under l and reports whether the node
// has its answer, or is no more.
func (s *sim) execute(ctx context.Context, n *node, p *process, l *lease.Lease, begun uint64) bool {
	g := s.generation(n.key, begun)
	s.count(g, func(t *tally) { t.starts++ })
	run, cancel := l.Context(ctx)
	defer cancel()
	leave := s.trust(n.key, run)
	n.work(run, p)
	why := context.Cause(run)
	leave()
	switch {
	case n.end == crashes:
		p.crash()
		s.count(g, func(t *tally) { t.lost++ })
		return true
	case why != nil && n.end != pauses: // it heeds its context
		s.count(g, func(t *tally) { t.lost++ })
		s.blame(n, why)
		l.Release(ctx, true)
		return false
	case n.end == fails:
		s.count(g, func(t *tally) { t.failed++ })
		l.Release(ctx, true)
		return true
	}
	s.publish(ctx, n, g, l, begun)
	return true
}

// work is the function.
func (n *node) work(run context.Context, p *process) {
	switch n.end {
	case crashes:
		sleepUntil(run, n.run/2)
	case pauses:
		p.pauseFor(n.run/2, n.pause)
		time.Sleep(n.run + n.pause) // heedless of its context
	default:
		sleepUntil(run, n.run)
	}
}

func (s *sim) publish(ctx context.Context, n *node, g generation, l *lease.Lease, begun uint64) {
	_, err := l.Publish(ctx, &store.Record{Key: n.key, Begun: begun, Value: []byte{1}}, store.PutPublish)
	s.wake(&n.key)
	switch {
	case err == nil:
		s.count(g, func(t *tally) { t.published++ })
	case errors.Is(err, store.ErrSuperseded):
		s.count(g, func(t *tally) { t.superseded++ })
	default:
		s.count(g, func(t *tally) { t.lost++ })
		s.blame(n, err)
	}
}

// blame notes a loss that nothing explains: whatever befalls the others, a
// node that is well keeps its lease.
func (s *sim) blame(n *node, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.well() {
		s.wrong = append(s.wrong, fmt.Sprintf("key %d: a node that was well lost its lease: %v", n.key[0], why))
	}
}

func (n *node) well() bool {
	return n.end != pauses && n.end != crashes &&
		!slices.ContainsFunc(n.fates, func(h hazard) bool { return h != arrives })
}

func (s *sim) count(g generation, f func(*tally)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tallies[g] == nil {
		s.tallies[g] = &tally{}
	}
	f(s.tallies[g])
}

// trust notes an execution whose context is live. No two of one key may be at
// the same time: the store lets the next one start only after the trust of the
// one before is over. The caller calls leave when its execution ends.
func (s *sim) trust(key store.Key, run context.Context) (leave func()) {
	if run.Err() != nil {
		return func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trusted[key]++; s.trusted[key] > 1 {
		s.wrong = append(s.wrong, fmt.Sprintf("key %d: %d executions trust their lease at once", key[0], s.trusted[key]))
	}
	leave = sync.OnceFunc(func() {
		s.mu.Lock()
		s.trusted[key]--
		s.mu.Unlock()
	})
	context.AfterFunc(run, leave)
	return leave
}

func sleepUntil(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// process is what a node's messages go through.
type process struct {
	*node
	mail *sync.WaitGroup

	mu       sync.Mutex
	sent     int
	dead     bool
	from, to time.Time // of the pause
}

func (p *process) crash() {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
}

func (p *process) pauseFor(after, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.from = time.Now().Add(after)
	p.to = p.from.Add(d)
}

// stopped is for how long the process does nothing from now on.
func (p *process) stopped() (d time.Duration, dead bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Before(p.from) || !now.Before(p.to) {
		return 0, p.dead
	}
	return time.Until(p.to), p.dead
}

func (p *process) next() hazard {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	if p.sent > len(p.fates) {
		return arrives
	}
	return p.fates[p.sent-1]
}

var errDead = fmt.Errorf("the process is dead: %w", store.ErrClosed)

// fate sends one message. A stopped process sends nothing, and sees no reply,
// until it goes on, whatever its deadline.
func (p *process) fate(ctx context.Context, _ op, deliver func(context.Context) error) error {
	d, dead := p.stopped()
	if dead {
		return errDead
	}
	time.Sleep(d)
	err := p.transmit(ctx, deliver)
	d, dead = p.stopped()
	if dead {
		return errDead
	}
	time.Sleep(d)
	return err
}

func (p *process) transmit(ctx context.Context, deliver func(context.Context) error) error {
	switch p.next() {
	case resetBefore:
		return errReset
	case resetAfter:
		deliver(ctx)
		return errReset
	case silentBefore:
		<-ctx.Done()
		return ctx.Err()
	case silentAfter:
		deliver(ctx)
		<-ctx.Done()
		return ctx.Err()
	case slowRequest:
		done := make(chan error, 1)
		p.mail.Go(func() {
			time.Sleep(p.delay)
			done <- deliver(context.WithoutCancel(ctx))
		})
		return answer(ctx, done)
	case slowReply:
		err := deliver(ctx)
		done := make(chan error, 1)
		time.AfterFunc(p.delay, func() { done <- err })
		return answer(ctx, done)
	}
	return deliver(ctx)
}

func answer(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
