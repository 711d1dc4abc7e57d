package reprise

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/reprise-go/reprise/internal/engine"
	"github.com/reprise-go/reprise/store"
)

// A Cache binds cached functions to a store. One per process is usual. It is
// safe for concurrent use; what other processes see depends on the store.
type Cache struct {
	engine *engine.Engine
	mode   Mode

	mu        sync.Mutex
	functions map[[32]byte]*registered // by identity.digest; protected by mu
	closed    bool                     // protected by mu
	closeOnce sync.Once
	closeErr  error         // written once, by closeOnce
	closing   chan struct{} // closed by Close
}

// registered is a function that was wrapped. Wrapping it again is fine;
// wrapping another as the same is not.
type registered struct {
	identity
	code uintptr
	fns  []*engine.Function
}

// New returns a Cache over a store that the caller built. The Cache owns the
// store from then on and closes it. A store that does not answer is no error:
// calls then do as their OnStoreError says.
func New(s store.Store, o *Config) (*Cache, error) {
	if s == nil {
		return nil, errors.New("reprise: new: the store is nil; Open gives the embedded one")
	}
	cfg, err := o.complete()
	if err != nil {
		return nil, err
	}
	return newCache(context.Background(), s, &cfg, false)
}

func newCache(ctx context.Context, s store.Store, cfg *Config, warned bool) (*Cache, error) {
	c := &Cache{mode: *cfg.Mode, functions: make(map[[32]byte]*registered), closing: make(chan struct{})}
	var err error
	c.engine, err = engine.New(engine.Config{
		Store: s, Logger: cfg.Logger, Timeout: cfg.StoreTimeout,
		Poll: cfg.CoherenceInterval, Trust: 2 * cfg.CoherenceInterval, Secret: cfg.Secret, Drain: cfg.CloseTimeout,
		Signing: cfg.SigningKey, Memory: cfg.MemoryBytes, Ledger: max(0, cfg.LedgerInterval), Warned: warned,
	})
	if err != nil {
		return nil, fmt.Errorf("reprise: %w", err)
	}
	if !warned { // what could not be opened a moment ago is not asked at once
		// A store that is silent now may answer later; calls will find out.
		_ = c.engine.Ready(ctx)
	}
	return c, nil
}

// Close refuses further calls, waits for executions under way, cancels those
// that outlast Config.CloseTimeout, and closes the store. It returns an error
// that says how many executions ignored their cancelled ctx. Calls after Close
// return ErrClosed. Closing again returns what the first Close returned.
func (c *Cache) Close() error {
	c.closeOnce.Do(func() {
		c.mu.Lock()
		c.closed = true
		close(c.closing)
		c.mu.Unlock() // functions that are waited for may ask for Stats
		if err := c.engine.Close(); err != nil {
			c.closeErr = fmt.Errorf("reprise: close: %w", err)
		}
	})
	return c.closeErr
}

// spawn runs f in a goroutine that Close ends, by closing, and does not wait
// for. It reports whether the Cache is open.
func (c *Cache) spawn(f func(closing <-chan struct{})) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	go f(c.closing)
	return true
}

// DeleteDataset forgets every result that is linked to dataset, of all
// functions and execution stores and in all collections, and frees the space.
// It returns how many there were. Call it when the dataset is deleted.
func (c *Cache) DeleteDataset(ctx context.Context, dataset string) (int, error) {
	if dataset == "" {
		return 0, errors.New("reprise: delete dataset: the dataset is empty; ClearAll forgets everything")
	}
	before := c.engine.StoreTime(ctx)
	n, err := c.engine.ClearLabel(ctx, store.DatasetLabel(dataset))
	if err == nil && !before.IsZero() {
		// Not what was set after the deletion.
		c.engine.Purge(ctx, store.Query{Dataset: &dataset, CreatedBefore: before})
	}
	return n, wrapped("delete dataset", dataset, nil, err)
}

// InvalidateTag forgets every result that Options.Tags gave tag. It returns how
// many there were.
func (c *Cache) InvalidateTag(ctx context.Context, tag string) (int, error) {
	n, err := c.engine.ClearLabel(ctx, store.TagLabel(tag))
	return n, wrapped("invalidate tag", tag, nil, err)
}

// ClearAll forgets every evictable entry of every function and execution
// store, in all collections. Entries with policy Persist stay. It returns how
// many there were.
func (c *Cache) ClearAll(ctx context.Context) (int, error) {
	n, err := c.engine.ClearLabel(ctx, store.All())
	return n, wrapped("clear", "all", nil, err)
}

// register notes a wrapped function. Two functions under one identity would
// give back each other's results.
func (c *Cache) register(id identity, code uintptr, fn *engine.Function) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return wrapped("wrap", id.name, nil, ErrClosed)
	}
	digest := id.digest()
	r := c.functions[digest]
	if r == nil {
		r = &registered{identity: id, code: code}
		c.functions[digest] = r
	}
	// Types that are local to two functions may have one name and structure,
	// and so one digest.
	if r.code != code || r.in != id.in || r.out != id.out {
		return wrapped("wrap", id.name, nil,
			errors.New("another function has this name and this version already, and the two would share results; give one of them another Name or Version"))
	}
	r.fns = append(r.fns, fn)
	c.engine.Enter(fn)
	return nil
}
