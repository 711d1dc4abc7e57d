package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/reprise-go/reprise"
)

// A job is a call that may have to run the command: as a field of the
// invocation it reaches the cached function.
type job struct {
	call  *call
	in    *invocation
	tee   tee
	relay *relay
	anew  bool // pieces of outputs are stored whether they are there or not

	started chan struct{}   // closed when the command is about to run
	under   context.Context // of the run; set before started is closed
	ended   chan struct{}   // closed when there is no more to come of it
	over    bool            // the command has ended, as ending says
	ending  ending
	failure error // why it did not start
	result  Run   // of a run that came to its end
}

// CacheKey is what counts of the outputs: which are declared. After a run it
// looks whether the inputs are what they were, for that is when the cache asks
// again: a result that belongs to neither state must not be stored.
func (j *job) CacheKey() (any, error) {
	if j.over {
		program, files, err := j.call.files(context.Background())
		if err != nil {
			return nil, err
		}
		if what := j.in.changed(program, files); what != "" {
			return nil, fmt.Errorf("input %s changed while the command ran", what)
		}
	}
	return j.call.outputs, nil
}

// errTwice would be a fault of the cache.
var errTwice = errors.New("command: the cache asked for a second run")

// failed is a run that must not be stored because of how it ended.
type failed struct{ run Run }

func (e *failed) Error() string { return fmt.Sprintf("exit code %d", e.run.ExitCode) }

// doubt is why a run must not be stored although it went well.
type doubt struct {
	reason reprise.Reason
	err    error
}

func (d *doubt) Error() string { return d.err.Error() }

func (d *doubt) Unwrap() error { return d.err }

// run is the cached function: it runs the command and records what it does.
func (j *job) run(ctx context.Context) (Run, error) {
	if j.isStarted() {
		return Run{}, errTwice
	}
	if ctx.Err() != nil {
		return Run{}, context.Cause(ctx)
	}
	j.under = ctx
	close(j.started)
	defer close(j.ended)
	began := time.Now()
	if j.failure = j.execute(ctx); j.failure != nil {
		return Run{}, j.failure
	}
	r := Run{ExitCode: j.ending.code, Began: began.UTC().Round(0), Took: time.Since(began), Recipe: j.call.recipe(),
		Chunks: j.tee.rec.chunks(), Digest: j.call.digest(j.in)}
	j.over, j.result = true, r
	if ctx.Err() != nil && !outlives(ctx) {
		return r, context.Cause(ctx)
	}
	if e := &j.ending; e.signal != 0 || e.timedOut || r.ExitCode != 0 && !j.call.spec.CacheFailures {
		return r, &failed{r}
	}
	if r.doubt = j.doubts(); r.doubt == nil {
		r.Outputs, r.doubt = j.collect(ctx)
	}
	j.result = r
	return r, nil
}

// execute runs the command to its end.
func (j *job) execute(ctx context.Context) error {
	c := j.call
	var in *os.File
	if c.stdin != nil {
		var err error
		if in, err = c.stdin.open(); err != nil {
			return failure("standard input: %w", err)
		}
	}
	signals, done := j.relay.start()
	defer done()
	t := task{
		path: c.path, args: c.spec.Args, dir: c.dir, environ: c.environ, stdin: in, timeout: c.spec.Timeout,
		grace: c.opts.Grace, linger: c.opts.Linger, signals: signals, take: j.tee.take,
	}
	var err error
	j.ending, err = t.run(ctx)
	return err
}

// doubts are about what was recorded of a run that ended by itself.
func (j *job) doubts() error {
	e := &j.ending
	switch {
	case e.told:
		return &doubt{reprise.NotKept, errors.New("a signal that asks to end was sent to the command")}
	case e.lingered:
		return &doubt{reprise.NotKept, fmt.Errorf("the command left processes behind that held its output open for over %v", j.call.opts.Linger)}
	case j.tee.failure() != nil:
		return &doubt{reprise.NotKept, fmt.Errorf("its output could not be written: %w", j.tee.failure())}
	case e.cut != nil:
		return &doubt{reprise.NotKept, fmt.Errorf("its output could not be read: %w", e.cut)}
	case j.tee.rec.over:
		return &doubt{reprise.TooLarge, fmt.Errorf("the command wrote more than %d bytes, which is the most that is recorded", j.tee.rec.limit)}
	}
	return nil
}

// collect stores the declared outputs. Failed runs may lack some, if they are
// to be stored at all.
func (j *job) collect(ctx context.Context) ([]Output, error) {
	if len(j.call.outputs) == 0 || !j.call.keeps() {
		return nil, nil
	}
	root, err := j.call.openRoot()
	if err != nil {
		return nil, &doubt{reprise.NotKept, fmt.Errorf("outputs: %w", err)}
	}
	defer root.Close()
	c := collection{ctx: ctx, root: root, partial: j.result.ExitCode != 0, store: func(ctx context.Context, p Piece, b []byte) error {
		return j.call.blobs.put(ctx, p, b, j.call.spec.TTL, j.anew)
	}}
	outputs, err := c.collect(j.call.outputs)
	if err == nil {
		err = checkOutputs(outputs)
	}
	if err != nil {
		return nil, &doubt{reprise.NotKept, err}
	}
	return slices.Clip(outputs), nil
}

// keeps reports whether a run can be stored at all.
func (c *call) keeps() bool { return c.spec.Mode != reprise.Off && c.spec.Mode != reprise.ReadOnly }
