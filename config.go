package reprise

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// Config is how a Cache behaves. Nil and the zero Config are the defaults. It
// is read once and never altered.
type Config struct {
	// Mode is how calls use the cache; nil: the environment variable
	// REPRISE_MODE, and without that Use.
	Mode *Mode

	// OnStoreError says what Open does with a store that cannot be opened, for
	// a database that is corrupt, from a newer version, in a read-only
	// directory. FailOpen, the default, gives a Cache whose calls run uncached
	// and which tries the store again from time to time; Stats and Result.Err
	// tell. FailClosed returns the error. A malformed URL is always an error.
	OnStoreError StoreErrorPolicy

	// StoreTimeout bounds one operation on the store; 0: 5 seconds. A call
	// makes at most a few, and none while a failing store is left in peace.
	// The lookups of a store on this machine (store.Info.Local) are bounded by
	// the store itself.
	StoreTimeout time.Duration

	// CloseTimeout is how long Close lets executions under way go on before it
	// cancels them; 0: 10 seconds.
	CloseTimeout time.Duration

	// Quota bounds the sealed values in a store that Open opens, in bytes; 0:
	// 10 GiB, negative: none. What saves least is evicted first.
	Quota int64

	// MemoryBytes bounds the results held in this process's memory, over all
	// functions, in bytes by estimate; 0: only MaxSize bounds them.
	MemoryBytes int64

	// Secret keys the hashes of user ids and tokens. All who share results of
	// scoped functions must use the same. Nil: a random secret that the store
	// keeps, which whoever can read the store can read too. Otherwise at least
	// 16 bytes.
	Secret []byte

	// SigningKey makes the cache sign what it stores (HMAC-SHA-256), and
	// refuse what is not signed so. Nil: no signatures. Otherwise at least 16
	// bytes.
	SigningKey []byte

	// Logger gets a warning when the store begins to fail, and a line when it
	// is well again. Nil: the library is silent.
	Logger *slog.Logger

	// CoherenceInterval is how often a Cache in use looks for what other
	// processes cleared or set; 0: 500 milliseconds. Memory may answer with a
	// value that another process has cleared for at most twice as long.
	CoherenceInterval time.Duration

	// LedgerInterval is how long after a call its outcome is in the store's
	// savings ledger, which tells whoever looks into the store what the cache
	// saves; 0: 1 minute, negative: no ledger. Close writes what is missing; a
	// process that dies loses at most this much of it. Writing takes one look
	// and one put for all functions together, and none while nobody calls.
	LedgerInterval time.Duration
}

// defaults of a Config.
const (
	defaultStoreTimeout = 5 * time.Second
	defaultCloseTimeout = 10 * time.Second
	defaultCoherence    = 500 * time.Millisecond
	defaultLedger       = time.Minute
	minSecret           = 16
)

// complete returns a copy of c with defaults in place, or what is wrong.
func (c *Config) complete() (Config, error) {
	var o Config
	if c != nil {
		o = *c
	}
	if o.Mode == nil {
		m, err := ParseMode(os.Getenv("REPRISE_MODE"))
		if err != nil {
			return o, fmt.Errorf("%w (from the environment variable REPRISE_MODE)", err)
		}
		o.Mode = &m
	}
	o.StoreTimeout = orDefault(o.StoreTimeout, defaultStoreTimeout)
	o.CloseTimeout = orDefault(o.CloseTimeout, defaultCloseTimeout)
	o.CoherenceInterval = orDefault(o.CoherenceInterval, defaultCoherence)
	o.LedgerInterval = orDefault(o.LedgerInterval, defaultLedger)
	if err := o.check(); err != nil {
		return o, fmt.Errorf("reprise: %w", err)
	}
	return o, nil
}

func (c *Config) check() error {
	return together(
		refuse(*c.Mode > WriteOnly, "Config.Mode: %d is no mode", *c.Mode),
		refuse(c.OnStoreError > FailClosed, "Config.OnStoreError: %d is neither FailOpen nor FailClosed", c.OnStoreError),
		refuse(c.StoreTimeout < 0, "Config.StoreTimeout: %v is negative; use 0 for the default", c.StoreTimeout),
		refuse(c.CloseTimeout < 0, "Config.CloseTimeout: %v is negative; use 0 for the default", c.CloseTimeout),
		refuse(c.CoherenceInterval < 0, "Config.CoherenceInterval: %v is negative; use 0 for the default", c.CoherenceInterval),
		refuse(c.MemoryBytes < 0, "Config.MemoryBytes: %d is negative; use 0 for no bound", c.MemoryBytes),
		refuse(c.Secret != nil && len(c.Secret) < minSecret, "Config.Secret: %d bytes are too few; use at least %d", len(c.Secret), minSecret),
		refuse(c.SigningKey != nil && len(c.SigningKey) < minSecret, "Config.SigningKey: %d bytes are too few; use at least %d", len(c.SigningKey), minSecret),
	)
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// refuse is an error where bad holds. Whoever returns it to a caller says what
// was refused.
func refuse(bad bool, format string, args ...any) error {
	if !bad {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// problems are several errors in one line.
type problems []error

// together is nil where all of errs are.
func together(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return problems(errs)
}

func (p problems) Error() string {
	texts := make([]string, len(p))
	for i, err := range p {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (p problems) Unwrap() []error { return p }
