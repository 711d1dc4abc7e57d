package command

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
)

// Collection is where results of commands are filed, and Blobs the name, in
// it, under which the contents of their outputs are.
const (
	Collection = "commands"
	Blobs      = "(outputs)"
)

// Options say how a Runner works. Nil and the zero Options are the defaults.
type Options struct {
	// StateDir is where digests of files and the marks of refreshes under way
	// are kept between processes; "": reprise in the user's cache directory,
	// "-": nowhere.
	StateDir string
	// MaxOutput bounds what of both streams is recorded, in bytes; 0: 64 MiB.
	// A run that writes more is shown, and not stored.
	MaxOutput int64
	// Grace is how long a command that is told to end (Spec.Timeout, a ctx
	// that ends) may take before it is killed; 0: 5 seconds.
	Grace time.Duration
	// Linger is how long what a command left running in the background may
	// hold its streams open after its end; 0: 2 seconds. Then it is killed,
	// and the run is not stored.
	Linger time.Duration
	// Signing is the key that the Cache signs with, for Rerun to read entries.
	Signing []byte
	// Logger is told of what is no error, such as a file of digests that
	// cannot be written. Nil: silent.
	Logger *slog.Logger
}

// Runner runs commands through a cache. It is safe for concurrent use.
type Runner struct {
	cache *reprise.Cache
	store store.Store
	opts  Options
}

// New returns a Runner over the cache c, which keeps its results in s.
func New(c *reprise.Cache, s store.Store, o *Options) *Runner {
	r := &Runner{cache: c, store: s}
	if o != nil {
		r.opts = *o
	}
	return r
}

// errSoon stands for what the next commits bring.
var errSoon = errors.New("not yet")

// Run replays the command, or runs it and records what it does. The error is
// an *Error for failures of this package, and ctx's where ctx ends; what the
// command itself did is in the Result.
func (r *Runner) Run(ctx context.Context, s *Spec, io IO) (Result, error) { return Result{}, errSoon }

// Peek says whether Run would replay, and what it would say of it. It runs and
// changes nothing. Where Run would run the command, the error is
// reprise.ErrMiss.
func (r *Runner) Peek(ctx context.Context, s *Spec, io IO) (Result, error) { return Result{}, errSoon }

// Explain says whether Run would replay, and if not, why.
func (r *Runner) Explain(ctx context.Context, s *Spec, io IO) (reprise.Explanation, error) {
	return reprise.Explanation{}, errSoon
}

// Rerun runs the command of an entry again, where it ran before, and says what
// it did otherwise. Its outputs are then those of the second run. Nothing is
// stored.
func (r *Runner) Rerun(ctx context.Context, key store.Key) (Difference, error) {
	return Difference{}, errSoon
}

// Decode reads the value of an entry of Collection, as it is in its envelope.
func Decode(value []byte) (Run, error) { return Run{}, errSoon }

// Codec is the name of the codec in the envelopes of runs.
const Codec = "command"

// Notify gives the signals that a command should get, until stop is called:
// INT, TERM, HUP, QUIT, TSTP, CONT and WINCH on Unix, the interrupt elsewhere.
func Notify() (signals <-chan os.Signal, stop func()) { return nil, func() {} }

// Detach starts a program with argv that goes on without this process: in a
// session of its own, without terminal and streams, in dir. It is for
// refreshing what Result.Stale marks. While an earlier program that was started
// for the same key still runs, it starts none and returns false.
func (r *Runner) Detach(key store.Key, argv []string, dir string) (bool, error) { return false, errSoon }

// AdoptDetached is called at the start of a program that Detach may have
// started, before it starts others.
func AdoptDetached() {}
