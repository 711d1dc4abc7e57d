package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/internal/flight"
	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/internal/memory"
	"github.com/reprise-go/reprise/store"
)

// Config is what an Engine works with.
type Config struct {
	Store   store.Store
	Logger  *slog.Logger  // nil: silent
	Timeout time.Duration // of one store operation
	Poll    time.Duration // how often other processes' changes are looked for
	Trust   time.Duration // how long memory is trusted after the last look
	Secret  []byte        // keys the hashes of users and tokens; nil: from the store's ID
	Drain   time.Duration // how long Close lets executions go on
	Signing []byte        // signs what is stored; nil: no signatures
	Memory  int64         // bytes in memory, over all functions; 0: no bound
	Ledger  time.Duration // how long after a call the ledger is written; 0: never
	Warned  bool          // Logger has been told already that the store fails
}

// Engine serves the cached functions of one cache. It is safe for concurrent
// use.
type Engine struct {
	cfg     Config
	store   store.Store
	leases  *lease.Coordinator // nil: the store has no leases
	flights flight.Group[*Result]
	clock   *memory.Clock
	gens    *memory.Generations // of the store
	local   *memory.Generations // of this process's ephemeral values
	localMu sync.Mutex          // orders the numbers of local
	reads   breaker
	looks   breaker // for changes; apart, since reads that succeed must not keep it closed
	writes  breaker
	warned  atomic.Bool // Logger knows that the store fails
	probes  probes
	book    book
	watch   coherence
	life    atomic.Uint64 // how often the store's numbers went back
	tiersMu sync.Mutex
	tiers   []*Function // with memory tiers that follow the store; guarded by tiersMu
	info    atomic.Pointer[store.Info]
	sealer  *envelope.Sealer
	budget  *memory.Budget // nil: none
	closed  atomic.Bool
}

// Errors of the engine; the façade exports them.
var (
	ErrClosed = flight.ErrClosed
	ErrMaxRun = errors.New("execution exceeded MaxRun")
	ErrStore  = errors.New("store unavailable")
	// ErrLeaseLost is the cause with which an execution's context is cancelled
	// when its lease is lost.
	ErrLeaseLost = lease.ErrLost
	// ErrRecursive refuses a call that waits for itself.
	ErrRecursive = flight.ErrRecursive
)

// PanicError is what waiting for a function that panicked panics with.
type PanicError = flight.PanicError

// New starts an engine over cfg.Store, whose owner it becomes. It does not
// touch the store before the first call or Ready.
func New(cfg Config) (*Engine, error) {
	sealer, err := envelope.New(envelope.Options{MAC: cfg.Signing})
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, store: cfg.Store, clock: memory.NewClock(),
		gens: memory.NewGenerations(), local: memory.NewGenerations(), sealer: sealer}
	if cfg.Memory > 0 {
		e.budget = memory.NewBudget(cfg.Memory)
	}
	e.reads.clock, e.looks.clock, e.writes.clock = e.clock, e.clock, e.clock
	e.initProbes()
	e.warned.Store(cfg.Warned)
	e.local.SetTrusted(true)
	if l, ok := cfg.Store.(store.Leaser); ok {
		e.leases = lease.New(l, lease.Options{Timeout: cfg.Timeout})
	}
	e.watch.init(e)
	return e, nil
}

// Closed reports whether Close was called.
func (e *Engine) Closed() bool { return e.closed.Load() }

// Leases reports whether the store can serialize across processes.
func (e *Engine) Leases() bool { return e.leases != nil }

// Ready asks the store who it is and which generations it has. It comes before
// the first call.
func (e *Engine) Ready(ctx context.Context) error {
	if _, err := e.storeInfo(ctx); err != nil {
		return err
	}
	return e.sync(ctx)
}

// How often those who wait for a lease look at a store across a network. Its
// events come first as a rule; the polling is for events that get lost.
const (
	remotePollMin = 50 * time.Millisecond
	remotePollMax = time.Second
)

func (e *Engine) storeInfo(ctx context.Context) (*store.Info, error) {
	if i := e.info.Load(); i != nil {
		return i, nil
	}
	var info store.Info
	err := e.ask(ctx, &e.reads, func(ctx context.Context) (err error) {
		info, err = e.store.Info(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	e.meet(&info)
	return &info, nil
}

// meet takes note of what kind of store it is, at its first answer.
func (e *Engine) meet(info *store.Info) {
	if e.info.CompareAndSwap(nil, info) && e.leases != nil && !info.Local {
		e.leases.SetPoll(remotePollMin, remotePollMax)
	}
}

// Private hashes what must not stand in clear anywhere, such as a user's id,
// under the cache's secret. kind separates hashes of equal values.
func (e *Engine) Private(ctx context.Context, kind, value string) ([32]byte, error) {
	secret := e.cfg.Secret
	if secret == nil {
		info, err := e.storeInfo(ctx)
		if err != nil {
			return [32]byte{}, err
		}
		secret = info.ID[:]
	}
	m := hmac.New(sha256.New, secret)
	fmt.Fprintf(m, "%d:%s", len(kind), kind)
	m.Write([]byte(value))
	return [32]byte(m.Sum(nil)), nil
}

// look reads from the store. A store that does no network I/O answers in
// microseconds, or not even a deadline helps: it is spared the deadline, which
// would cost as much as the answer.
func (e *Engine) look(ctx context.Context, key store.Key) (lk store.Lookup, err error) {
	if !e.isLocal() {
		err = e.ask(ctx, &e.reads, func(ctx context.Context) (err error) {
			lk, err = e.store.Get(ctx, key)
			return err
		})
		return lk, err
	}
	trial, err := e.reads.enter()
	if err != nil {
		return lk, err
	}
	lk, err = e.store.Get(context.Background(), key)
	return lk, e.judge(ctx, &e.reads, trial, err)
}

// ask runs one store operation under its deadline and b. A caller that leaves
// is no failure of the store.
func (e *Engine) ask(ctx context.Context, b *breaker, op func(context.Context) error) error {
	trial, err := b.enter()
	if err != nil {
		return err
	}
	judged := false
	defer func() {
		if !judged { // the driver panicked
			b.abandon(trial)
		}
	}()
	opctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	err = op(opctx)
	judged = true
	return e.judge(ctx, b, trial, err)
}

// judge notes how an operation went and marks a failure of the store as such.
func (e *Engine) judge(ctx context.Context, b *breaker, trial bool, err error) error {
	switch {
	case err == nil, isAnswer(err):
		b.done(trial, nil)
		if e.warned.Load() {
			e.recovered()
		}
		return err
	case ctx.Err() != nil:
		b.abandon(trial)
		return err
	}
	if opened, _ := b.done(trial, err); opened && !e.warned.Swap(true) {
		e.warn("store fails; calls run uncached until it answers", err)
	}
	return failing(err)
}

// failing marks err as a failure of the store, once.
func failing(err error) error {
	if errors.Is(err, ErrStore) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrStore, err)
}

// isAnswer tells refusals, which show a store at work, from failures.
func isAnswer(err error) bool {
	return errors.Is(err, store.ErrSuperseded) || errors.Is(err, store.ErrTooLarge) ||
		errors.Is(err, store.ErrLeaseLost) || errors.Is(err, store.ErrBadQuery)
}

func (e *Engine) warn(msg string, err error) {
	if e.cfg.Logger != nil {
		e.cfg.Logger.Warn("reprise: "+msg, "error", err)
	}
}

// recovered tells Logger once that all kinds of operations work again.
func (e *Engine) recovered() {
	if failing, _ := e.State(); !failing && e.warned.Swap(false) && e.cfg.Logger != nil {
		e.cfg.Logger.Info("reprise: store answers again")
	}
}

// Store is the engine's store, for work that is no call.
func (e *Engine) Store() store.Store { return e.store }

// Read gets the record under key for somebody who insists, and brings the
// generations up to it.
func (e *Engine) Read(ctx context.Context, key store.Key) (store.Lookup, error) {
	if e.closed.Load() {
		return store.Lookup{}, ErrClosed
	}
	life := e.life.Load()
	lk, err := e.store.Get(ctx, key)
	if err != nil {
		return lk, unavailable(ctx, err)
	}
	return lk, e.syncTo(ctx, lk.Seq, life)
}

// List lists entries for somebody who insists.
func (e *Engine) List(ctx context.Context, q store.Query) (store.Page, error) {
	if e.closed.Load() {
		return store.Page{}, ErrClosed
	}
	p, err := e.store.List(ctx, q)
	return p, unavailable(ctx, err)
}

// unavailable marks a failure of the store as such.
func unavailable(ctx context.Context, err error) error {
	if err == nil || isAnswer(err) || ctx.Err() != nil {
		return err
	}
	return failing(err)
}

// Visible reports whether no label hides rec by what this process knows.
func (e *Engine) Visible(rec *store.Record) bool {
	return e.gens.LabelsCurrent(rec.Labels.Of(nil, rec.Policy), rec.Begun)
}

// State describes the store as calls find it.
func (e *Engine) State() (failing bool, last error) {
	for _, b := range []*breaker{&e.reads, &e.writes} {
		if open, err := b.state(); open {
			return true, err
		}
	}
	// Where all functions are transient nobody may look again for long.
	if open, err := e.looks.state(); open && !e.looks.due() {
		return true, err
	}
	return false, nil
}

// Close refuses further calls, lets executions under way end, cancels them
// when Config.Drain is over, and closes the store. It returns what did not end
// or close.
func (e *Engine) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), e.cfg.Drain)
	defer cancel()
	err := e.flights.Close(ctx)
	if e.leases != nil {
		e.leases.Close()
	}
	e.closeLedger()
	e.watch.close()
	e.probes.close()
	return errors.Join(err, e.store.Close())
}

// StoreTime is what the store's clock shows, or the zero time where the store
// does not answer.
func (e *Engine) StoreTime(ctx context.Context) time.Time {
	var info store.Info
	if e.ask(ctx, &e.reads, func(ctx context.Context) (err error) {
		info, err = e.store.Info(ctx)
		return err
	}) != nil {
		return time.Time{}
	}
	return info.Now
}
