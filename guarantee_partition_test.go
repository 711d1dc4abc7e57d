//go:build unix

package reprise_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// wire is a way to a store on which bytes can get lost, beside a way on which
// none do.
type wire struct {
	direct, relayed string // URLs of one empty store
	relays          []*servertest.Relay
}

func (w *wire) each(f func(*servertest.Relay)) {
	for _, r := range w.relays {
		f(r)
	}
}

// wires are the stores that are reached over a network.
var wires = map[string]func(testing.TB) *wire{
	"redis": func(tb testing.TB) *wire {
		s := servertest.SharedRedis(tb)
		return wired(prefixed(s.URL()), servertest.NewRelay(tb, s.Addr()))
	},
	"postgres": func(tb testing.TB) *wire {
		s := servertest.Postgres(tb)
		return wired(schema(s.Database(tb)), servertest.NewRelay(tb, s.Addr()))
	},
	"cluster": func(tb testing.TB) *wire {
		c, relays := servertest.RelayedRedisCluster(tb)
		w := wired(prefixed(c.URL()), relays[0])
		w.relays = relays
		return w
	},
}

func wired(direct string, r *servertest.Relay) *wire {
	u, err := url.Parse(direct)
	if err != nil {
		panic(err) // servertest made it
	}
	u.Host = r.Addr()
	return &wire{direct: direct, relayed: u.String(), relays: []*servertest.Relay{r}}
}

func onEveryWire(t *testing.T, test func(t *testing.T, w *wire)) {
	t.Helper()
	for name, start := range wires {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// partitionTTL is the lease of owners that are cut off. They are told a tenth
// of it before it ends, which is all the slack that a busy machine has.
const partitionTTL = 2 * time.Second

// cutOff is an owner that loses its store, and a function that another takes
// over from it.
type cutOff struct {
	t      *testing.T
	key    int
	obeys  bool          // the owner's function ends with its ctx
	begun  chan struct{} // closed when the owner's function runs
	told   chan error    // why the owner's ctx was cancelled
	toldAt time.Time     // and when; written before told is sent
	aware  atomic.Bool   // told was sent
	goOn   chan struct{} // closed when a function that disobeys is to end

	own, heirs <-chan answer
}

func newCutOff(t *testing.T, key int, obeys bool) *cutOff {
	return &cutOff{t: t, key: key, obeys: obeys, begun: make(chan struct{}), told: make(chan error, 1), goOn: make(chan struct{})}
}

var errObeyed = errors.New("told to stop")

func (c *cutOff) owner(ctx context.Context) (string, error) {
	close(c.begun)
	<-ctx.Done()
	c.toldAt = time.Now()
	c.aware.Store(true)
	c.told <- context.Cause(ctx)
	if c.obeys {
		return "", errObeyed
	}
	<-c.goOn
	return "owner's", nil
}

func (c *cutOff) heir(ctx context.Context) (string, error) {
	if !c.aware.Load() {
		c.t.Error("another execution runs, and the owner of the lost lease does not know")
	}
	if _, ok := reprise.Fence(ctx); !ok {
		c.t.Error("the heir runs without a lease")
	}
	return "heir's", nil
}

var partitioned = reprise.Options[int, string]{Name: "partitioned", Version: "1", Serialize: true, LeaseTTL: partitionTTL}

// answer is what became of a call.
type answer struct {
	r   reprise.Result[string]
	err error
}

func (c *cutOff) ask(f *reprise.Func[int, string]) <-chan answer {
	got := make(chan answer, 1)
	go func() {
		r, err := f.Do(c.t.Context(), c.key)
		got <- answer{r, err}
	}()
	return got
}

// loseBoth has two owners lose their store by cut, one whose function obeys and
// one whose function goes on, others take over, and the owners find their store
// again by mend. Where mendFirst, the others can only start after that.
func loseBoth(t *testing.T, owner, heir *reprise.Cache, cut, mend func(), mendFirst bool) {
	both := map[int]*cutOff{0: newCutOff(t, 0, true), 1: newCutOff(t, 1, false)}
	f := wrap(t, owner, func(ctx context.Context, key int) (string, error) { return both[key].owner(ctx) }, partitioned)
	g := wrap(t, heir, func(ctx context.Context, key int) (string, error) { return both[key].heir(ctx) }, partitioned)
	for _, c := range both {
		c.own = c.ask(f)
		<-c.begun
	}
	cut()
	at := time.Now()
	for _, c := range both {
		c.heirs = c.ask(g)
	}
	for _, c := range both {
		c.isTold(at)
	}
	if mendFirst {
		mend()
	}
	for _, c := range both {
		if got := <-c.heirs; got.err != nil || got.r.Value != "heir's" || got.r.Outcome != reprise.Populated {
			t.Errorf("the heir got %+v", got)
		}
	}
	if !mendFirst {
		mend()
	}
	for _, c := range both {
		close(c.goOn)
		c.judge(<-c.own)
		if got := <-c.ask(g); got.err != nil || got.r.Value != "heir's" || !got.r.Outcome.Hit() {
			t.Errorf("afterwards %+v, want the heir's result", got)
		}
	}
}

// isTold waits until the owner knows, which must be before its lease ends.
func (c *cutOff) isTold(cut time.Time) {
	if cause := <-c.told; !errors.Is(cause, reprise.ErrLeaseLost) {
		c.t.Errorf("the owner's ctx was cancelled because of %v, want ErrLeaseLost", cause)
	}
	took := c.toldAt.Sub(cut)
	c.t.Logf("told %v after the cut", took.Round(time.Millisecond))
	if took >= partitionTTL {
		c.t.Errorf("the owner learnt of it %v after the cut, its lease lasts %v", took, partitionTTL)
	}
}

// judge looks at what the owner's caller got.
func (c *cutOff) judge(got answer) {
	switch {
	case c.obeys && (!errors.Is(got.err, errObeyed) || !errors.Is(got.err, reprise.ErrLeaseLost)):
		c.t.Errorf("the owner's caller got %+v, want the function's error and why", got)
	case !c.obeys && (got.err != nil || got.r.Value != "owner's"):
		c.t.Errorf("the owner's caller got %+v, want the function's value", got)
	case !c.obeys && (got.r.Outcome != reprise.PutFailed || got.r.Reason != reprise.Superseded || !errors.Is(got.r.Err, reprise.ErrLeaseLost)):
		c.t.Errorf("the late publish: %v (%v), %v; want put-failed, superseded", got.r.Outcome, got.r.Reason, got.r.Err)
	}
}

// TestGuarantee04_PartitionedOwnerIsTold cuts an owner's connections. Its
// function is told before the lease ends and so before another one starts. What
// it publishes after it is connected again is refused.
func TestGuarantee04_PartitionedOwnerIsTold(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryWire(t, func(t *testing.T, w *wire) {
		loseBoth(t, openWith(t, w.relayed, nil), open(t, w.direct), func() { w.each((*servertest.Relay).Cut) }, func() { w.each((*servertest.Relay).Pass) }, false)
	})
}

// The child takes the lock of SQLite's one writer, which is a byte of the file
// of shared memory beside the log, and does not let go: it stands for a process
// that is stopped inside of a transaction.
var _ = asChild("locks", func(args []string) error {
	shm, err := os.OpenFile(args[0]+"-shm", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	const writeLock = 120
	if err := syscall.FcntlFlock(shm.Fd(), syscall.F_SETLKW, &syscall.Flock_t{Type: syscall.F_WRLCK, Start: writeLock, Len: 1}); err != nil {
		return err
	}
	tell("locked")
	<-told()
	return nil
})

// TestGuarantee04_OwnerOfALockedFileIsTold: there is no network to a file, but
// somebody may lock it for too long.
func TestGuarantee04_OwnerOfALockedFileIsTold(t *testing.T) {
	t.Parallel() // with others that wait
	u := file(t)
	var locker *process
	loseBoth(t, open(t, u), open(t, u),
		func() { locker = child(t, "locks", database(u)); locker.expect("locked") },
		func() { locker.kill() }, true)
}

// The child owns the lease of a key and tells when and why it lost it.
var _ = asChild("owns", func(args []string) error {
	c, err := reprise.Open(context.Background(), args[0], &reprise.Config{OnStoreError: reprise.FailClosed})
	if err != nil {
		return err
	}
	orders := told()
	o := partitioned
	f, err := reprise.Wrap(c, func(ctx context.Context, _ int) (string, error) {
		tell("begun")
		<-ctx.Done()
		tell("told %v", context.Cause(ctx))
		<-orders
		return "owner's", nil
	}, &o)
	if err != nil {
		return err
	}
	r, err := f.Do(context.Background(), 1)
	tell("got %v %v %v %v", r.Value, r.Outcome, r.Reason, err)
	return c.Close()
})

// TestGuarantee04_StoppedOwnerIsTold stops an owner's process past its lease.
// It cannot know before it goes on; then it is told, and cannot publish.
func TestGuarantee04_StoppedOwnerIsTold(t *testing.T) {
	t.Parallel() // with others that wait
	onEveryStore(t, func(t *testing.T, url string) {
		p := child(t, "owns", url)
		p.expect("begun")
		p.signal(syscall.SIGSTOP)
		o := partitioned
		f := wrap(t, open(t, url), func(context.Context, int) (string, error) { return "heir's", nil }, o)
		if r := does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent); r.Value != "heir's" {
			t.Errorf("the heir got %+v", r)
		}
		p.signal(syscall.SIGCONT)
		if why := p.expect("told"); !strings.Contains(why, "lost") {
			t.Errorf("the owner was told %q", why)
		}
		p.say("go on")
		if got := p.expect("got"); got != "owner's put-failed superseded <nil>" {
			t.Errorf("the late publish: %q", got)
		}
		p.wait()
		c := open(t, url)
		if r := does(t, t.Context(), wrap(t, c, f.Uncached, o), 1, reprise.HitStore, reprise.NoReason); r.Value != "heir's" {
			t.Errorf("the store has %+v", r)
		}
	})
}
