package command

import (
	"context"
	"errors"

	"github.com/reprise-go/reprise"
)

// run is Run, with rel to take the signals.
func (r *Runner) run(ctx context.Context, s *Spec, io IO, rel *relay) (Result, error) {
	c, err := r.begin(ctx, s, io)
	if err != nil {
		return Result{}, err
	}
	defer c.close()
	ctx = c.context(ctx)
	if s.Mode == reprise.Off {
		return c.bare(ctx, io, rel)
	}
	f, in, err := c.function(ctx)
	if err != nil {
		return Result{}, err
	}
	in.Outputs.use(io, rel)
	return c.serve(ctx, f, in)
}

// bare runs the command without looking at what justifies its result.
func (c *call) bare(ctx context.Context, io IO, rel *relay) (Result, error) {
	in := invocation{}
	in.Outputs = &job{call: c, in: &in, started: make(chan struct{}), ended: make(chan struct{})}
	in.Outputs.use(io, rel)
	f, err := c.wrap(ctx)
	if err != nil {
		return Result{}, err
	}
	return c.serve(ctx, f, in)
}

// use sets where a job's streams and signals go.
func (j *job) use(io IO, rel *relay) {
	j.tee.rec.limit, j.relay = j.call.opts.MaxOutput, rel
	j.tee.to[0], j.tee.to[1] = io.Stdout, io.Stderr
}

func (j *job) isStarted() bool {
	select {
	case <-j.started:
		return true
	default:
		return false
	}
}

// serve asks the cache, and replays what it has.
func (c *call) serve(ctx context.Context, f *reprise.Func[invocation, Run], in invocation) (Result, error) {
	res, err := c.answer(ctx, f, in)
	stored := int64(0)
	if res.Ran { // and has ended
		stored = in.Outputs.result.size()
	}
	c.note(ctx, &res, stored)
	return res, err
}

func (c *call) answer(ctx context.Context, f *reprise.Func[invocation, Run], in invocation) (Result, error) {
	j := in.Outputs
	got, err := f.Do(ctx, in)
	res := c.result(f, &got)
	if j.isStarted() {
		return j.report(ctx, res, err)
	}
	var other *failed
	switch {
	case errors.As(err, &other): // of an identical call in this process
		got.Value = other.run
	case err != nil:
		return res, c.told(err)
	}
	if got.Value.doubt != nil { // of such a call, too: it may not be all there
		return c.again(ctx, f, in, res, got.Value.doubt)
	}
	restored, err := c.restore(ctx, &got.Value)
	switch {
	case err != nil && ctx.Err() != nil:
		return res, context.Cause(ctx)
	case err != nil:
		return c.again(ctx, f, in, res, err)
	}
	res.ExitCode, res.Restored, res.Removed = got.Value.ExitCode, restored.restored, restored.removed
	if err := j.tee.replay(got.Value.Chunks); err != nil {
		res.Err = err
	}
	return res, nil
}

// told makes a failure of the cache one of this package's.
func (c *call) told(err error) error {
	var own *Error
	if errors.As(err, &own) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{Code: ExitFailure, Err: err}
}

// again runs the command because what the cache has cannot be replayed, and
// replaces it, where the mode allows.
func (c *call) again(ctx context.Context, f *reprise.Func[invocation, Run], in invocation, was Result, why error) (Result, error) {
	j := in.Outputs
	j.anew = true
	mode := reprise.Refresh
	if c.spec.Mode == reprise.ReadOnly {
		mode = reprise.Off
	}
	got, err := f.Do(reprise.WithMode(ctx, mode), in)
	res := c.result(f, &got)
	if !j.isStarted() { // joined a refresh of somebody else
		if err != nil {
			return res, c.told(err)
		}
		if _, rerr := c.restore(ctx, &got.Value); rerr != nil {
			return res, failure("replay: %w", rerr)
		}
		res.ExitCode = got.Value.ExitCode
		_ = j.tee.replay(got.Value.Chunks)
		return res, nil
	}
	res, err = j.report(ctx, res, err)
	res.Key = was.Key
	if res.Reason == reprise.RefreshAsked || res.Reason == reprise.NoReason || res.Reason == reprise.ModeOff {
		res.Reason = reprise.Corrupt
	}
	if res.Err == nil {
		res.Err = why
	}
	return res, err
}

// report is the result of a call that ran the command.
func (j *job) report(ctx context.Context, res Result, err error) (Result, error) {
	if ctx.Err() != nil && j.under.Err() == nil {
		j.tee.leave() // it goes on for others, who made the same call
		return res, context.Cause(ctx)
	}
	<-j.ended
	if j.failure != nil {
		return res, j.failure
	}
	e := &j.ending
	res.Ran, res.ExitCode, res.Signal, res.TimedOut = true, e.code, e.signal, e.timedOut
	var d *doubt
	var own *failed
	switch {
	case errors.As(j.result.doubt, &d):
		res.Outcome, res.Reason, res.Err = reprise.PutFailed, d.reason, d.err
	case err != nil && !errors.As(err, &own) && ctx.Err() != nil:
		return res, context.Cause(ctx)
	}
	return res, nil
}

// restore puts the outputs of a record back.
func (c *call) restore(ctx context.Context, run *Run) (*restoration, error) {
	r := &restoration{ctx: ctx, dir: c.dir, digests: c.digests, get: c.blobs.get}
	if len(run.Outputs) == 0 {
		return r, nil
	}
	for i := range run.Outputs {
		if p := run.Outputs[i].Path; !declares(c.outputs, p) {
			return nil, failure("the record has an output %q that was not declared", p)
		}
	}
	root, err := c.openRoot()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	r.root = root
	if err := r.restore(run.Outputs); err != nil {
		return nil, err
	}
	if c.spec.Prune {
		if err := r.prune(run.Outputs); err != nil {
			return nil, err
		}
	}
	_ = c.digests.save()
	return r, nil
}
