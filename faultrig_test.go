//go:build unix

package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/pgstore"
	"github.com/reprise-go/reprise/store/redisstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// The rig of the fault tests: children that share a store call one function,
// report all that they do to it with the time, and stand still where they are
// told to, so that the parent can kill or stop them there. crew_test.go is the
// parent's side.

// openStore opens the store at a URL as onEveryStore gives them.
func openStore(ctx context.Context, url string) (sharedStore, error) {
	scheme, _, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return sqlitestore.Open(ctx, database(url), nil)
	case "redis":
		return redisstore.Open(ctx, url, nil)
	case "postgres":
		return pgstore.Open(ctx, url, nil)
	}
	return nil, fmt.Errorf("no store for tests at %q", url)
}

// sharedStore is what every store of several processes is.
type sharedStore interface {
	store.Store
	store.Leaser
	store.Watcher
}

// machineTime is a clock that all processes of this machine read alike, in
// nanoseconds.
func machineTime() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // there is one on every unix
	}
	return ts.Nano()
}

// execution is the result of the workers' function: which execution it was.
type execution struct {
	Fence uint64
	PID   int
}

// worker is a child at work.
type worker struct {
	f     *reprise.Func[int, execution]
	stops stops

	mu    sync.Mutex        // protects what follows
	names map[store.Key]int // of the keys that the parent wants to hear of
	spans map[int]*span
}

// span is a time during which this process was busy with a key all along.
type span struct {
	callers int
	since   int64
}

// newWorker opens a store and wraps the function. Whoever ignores fences
// publishes as if there were none.
func newWorker(url, ttl string, ignoreFences bool) (*worker, *reprise.Cache, error) {
	lease, err := time.ParseDuration(ttl)
	if err != nil {
		return nil, nil, err
	}
	s, err := openStore(context.Background(), url)
	if err != nil {
		return nil, nil, err
	}
	if ignoreFences {
		s = unfenced{s}
	}
	w := &worker{spans: map[int]*span{}, names: map[store.Key]int{}}
	// Who stands still meets deadlines afterwards: they must not be what ends
	// his work.
	c, err := reprise.New(&reporting{s, w}, &reprise.Config{StoreTimeout: time.Minute})
	if err != nil {
		return nil, nil, err
	}
	w.f, err = reprise.Wrap(c, w.execute, &reprise.Options[int, execution]{Name: "work", Version: "1", Serialize: true,
		LeaseTTL: lease, Residency: reprise.Transient, OnStoreError: reprise.FailClosed})
	return w, c, err
}

// execute takes a moment and says who did it. After a stop that outlasted the
// lease it sees to it that it learns of that.
func (w *worker) execute(ctx context.Context, in int) (execution, error) {
	fence, _ := reprise.Fence(ctx)
	tell("start %d %d %d %d", in, fence, os.Getpid(), machineTime())
	if w.stops.at("running", in) == "lost" {
		<-ctx.Done()
	}
	moment := time.NewTimer(rand.N(4 * time.Millisecond))
	defer moment.Stop()
	<-moment.C
	tell("ran %d %d %s", in, fence, causeOf(ctx))
	return execution{Fence: fence, PID: os.Getpid()}, nil
}

func causeOf(ctx context.Context) string {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return "held"
	case errors.Is(cause, reprise.ErrLeaseLost):
		return "lost"
	default:
		return "cancelled"
	}
}

// call asks for the function's result and reports it. Whoever joins a call of
// this process may get what was read before he came, so the time counts from
// when the first of those came who were there without a gap.
func (w *worker) call(in int) {
	since := w.enter(in)
	r, err := w.f.Do(context.Background(), in)
	now := machineTime()
	w.leave(in)
	tell("got %d %d %d %v %q %d %d %v %v", in, since, now, r.Outcome, r.Reason, r.Value.Fence, r.Value.PID, err, r.Err)
}

func (w *worker) enter(in int) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.spans[in]
	if s == nil {
		s = &span{since: machineTime()}
		w.spans[in] = s
	}
	s.callers++
	return s.since
}

func (w *worker) leave(in int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.spans[in].callers--; w.spans[in].callers == 0 {
		delete(w.spans, in)
	}
}

func (w *worker) clear(in int) {
	if err := w.f.Clear(context.Background(), in); err != nil {
		tell("failed clear of %d: %v", in, err)
	}
}

// play calls for all keys, twice and in random order, in several goroutines,
// and clears one before a call with a chance in percent.
func (w *worker) play(seed uint64, from, to, goroutines, chance int) {
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(g)))
			for range 2 {
				for _, n := range random.Perm(to - from) {
					if random.IntN(100) < chance {
						w.clear(from + random.IntN(to-from))
					}
					w.call(from + n)
				}
			}
		})
	}
	all.Wait()
	tell("over")
}

// name has the operations on the keys of inputs reported from now on.
func (w *worker) name(from, to int) error {
	for in := from; in < to; in++ {
		r, err := w.f.Peek(context.Background(), in)
		if err != nil && !errors.Is(err, reprise.ErrMiss) {
			return err
		}
		w.mu.Lock()
		w.names[r.Key] = in
		w.mu.Unlock()
	}
	tell("named")
	return nil
}

func (w *worker) named(k store.Key) (int, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in, ok := w.names[k]
	return in, ok
}

// The child does as the parent says, each thing beside the others.
var _ = asChild("works", func(args []string) error {
	w, c, err := newWorker(args[0], args[1], args[2] == "unfenced")
	if err != nil {
		return err
	}
	tell("ready")
	var all sync.WaitGroup
	for order := range told() {
		if err := w.obey(order, &all); err != nil {
			return fmt.Errorf("%q: %w", order, err)
		}
	}
	all.Wait()
	return c.Close()
})

func (w *worker) obey(order string, all *sync.WaitGroup) error {
	var in, from, to, goroutines, chance int
	var seed uint64
	var point, word string
	verb, rest, _ := strings.Cut(order, " ")
	var err error
	switch verb {
	case "name":
		if _, err = fmt.Sscan(rest, &from, &to); err == nil {
			err = w.name(from, to)
		}
	case "call":
		_, err = fmt.Sscan(rest, &in)
		all.Go(func() { w.call(in) })
	case "play":
		_, err = fmt.Sscan(rest, &seed, &from, &to, &goroutines, &chance)
		all.Go(func() { w.play(seed, from, to, goroutines, chance) })
	case "stop":
		_, err = fmt.Sscan(rest, &in, &point)
		w.stops.arm(point, in)
	case "go":
		_, err = fmt.Sscan(rest, &in, &point, &word)
		w.stops.release(point, in, word)
	default:
		err = errors.New("no such order")
	}
	return err
}

// stops are the places where a worker stands still when it first comes by. The
// zero value has none.
type stops struct {
	mu  sync.Mutex
	all map[stop]*standing
}

type stop struct {
	point string // acquired, running, publishing or committed
	in    int
}

type standing struct {
	arrived bool
	order   chan string
}

func (s *stops) arm(point string, in int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[stop]*standing{}
	}
	s.all[stop{point, in}] = &standing{order: make(chan string, 1)}
}

// at stands still, where that was ordered, until the order to go on, which it
// returns.
func (s *stops) at(point string, in int) string {
	s.mu.Lock()
	here := s.all[stop{point, in}]
	first := here != nil && !here.arrived
	if first {
		here.arrived = true
	}
	s.mu.Unlock()
	if !first {
		return ""
	}
	tell("at %d %s", in, point)
	return <-here.order
}

// release ends a stop, whether anybody came to it or not.
func (s *stops) release(point string, in int, word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	here := s.all[stop{point, in}]
	delete(s.all, stop{point, in})
	if here != nil {
		here.order <- word
	}
}
