package command

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
)

// Collection is where results of commands are filed, and Blobs the execution
// store in it where the contents of their outputs are.
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
	// Journal is a file where calls are noted for the savings ledger, see
	// JournalFile; "": they are not. It stands in for Config.LedgerInterval in
	// programs too short-lived for that.
	Journal string
	// Logger is told of what is no error, such as a file of digests that
	// cannot be written. Nil: silent.
	Logger *slog.Logger
}

const (
	defaultMaxOutput = 64 << 20
	defaultGrace     = 5 * time.Second
	defaultLinger    = 2 * time.Second
)

// Runner runs commands through a cache. It is safe for concurrent use.
type Runner struct {
	cache *reprise.Cache
	store store.Store
	opts  Options
	blobs blobs

	mu        sync.Mutex
	functions map[function]*reprise.Func[invocation, Run] // guarded by mu
}

// New returns a Runner over the cache c, which keeps its results in s. A nil s
// does, too: then pieces of outputs that are there already are stored again,
// and Rerun has nothing to read.
func New(c *reprise.Cache, s store.Store, o *Options) *Runner {
	r := &Runner{cache: c, store: s, blobs: blobs{c, s}, functions: make(map[function]*reprise.Func[invocation, Run])}
	if o != nil {
		r.opts = *o
	}
	if r.opts.MaxOutput <= 0 {
		r.opts.MaxOutput = defaultMaxOutput
	}
	if r.opts.Grace <= 0 {
		r.opts.Grace = defaultGrace
	}
	if r.opts.Linger <= 0 {
		r.opts.Linger = defaultLinger
	}
	if r.opts.StateDir == "" {
		r.opts.StateDir = defaultStateDir()
	}
	return r
}

// nowhere is the StateDir of a Runner that keeps no state.
const nowhere = "-"

func defaultStateDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nowhere
	}
	return filepath.Join(dir, "reprise")
}

// shards is the directory of digests, "" for none.
func (r *Runner) shards() string { return r.state("digests") }

func (r *Runner) state(name string) string {
	if r.opts.StateDir == nowhere {
		return ""
	}
	return filepath.Join(r.opts.StateDir, name)
}

// Run replays the command, or runs it and records what it does. The error is
// an *Error for failures of this package, and ctx's where ctx ends; what the
// command itself did is in the Result.
func (r *Runner) Run(ctx context.Context, s *Spec, io IO) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rel := &relay{cancel: cancel}
	defer rel.watch(io.Signals)()
	res, err := r.run(ctx, s, io, rel)
	return interruptedBy(ctx, res, err)
}

// Peek says whether Run would replay, and what it would say of it. It runs and
// changes nothing. Where Run would run the command, the error is
// reprise.ErrMiss. Whether contents of outputs are still there it does not
// look.
func (r *Runner) Peek(ctx context.Context, s *Spec, io IO) (Result, error) {
	c, err := r.begin(ctx, s, io)
	if err != nil {
		return Result{}, err
	}
	defer c.close()
	f, in, err := c.function(c.context(ctx))
	if err != nil {
		return Result{}, err
	}
	got, err := f.Peek(c.context(ctx), in)
	res := c.result(f, &got)
	if err == nil {
		res.ExitCode = got.Value.ExitCode
	}
	return res, err
}

// Explain says whether Run would replay, and if not, why.
func (r *Runner) Explain(ctx context.Context, s *Spec, io IO) (reprise.Explanation, error) {
	c, err := r.begin(ctx, s, io)
	if err != nil {
		return reprise.Explanation{}, err
	}
	defer c.close()
	f, in, err := c.function(c.context(ctx))
	if err != nil {
		return reprise.Explanation{}, err
	}
	x, err := f.Explain(c.context(ctx), in)
	readable(&x)
	return x, err
}

// begin prepares a call up to where inputs are read.
func (r *Runner) begin(ctx context.Context, s *Spec, io IO) (*call, error) {
	c, err := r.prepare(s)
	if err != nil {
		return nil, err
	}
	if s.Stdin {
		if c.stdin, err = readStdin(ctx, io.Stdin); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *call) close() { c.stdin.close() }

// context adds what the Spec says of the caller.
func (c *call) context(ctx context.Context) context.Context {
	if c.spec.Execution != (reprise.Execution{}) {
		ctx = reprise.WithExecution(ctx, c.spec.Execution)
	}
	if c.spec.Mode != reprise.Use {
		ctx = reprise.WithMode(ctx, c.spec.Mode)
	}
	return ctx
}
