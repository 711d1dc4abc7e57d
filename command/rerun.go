package command

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/reprise-go/reprise/inspect"
	"github.com/reprise-go/reprise/store"
)

// Rerun runs the command of an entry again, where it ran before, and says what
// it did otherwise. Its outputs are then those of the second run. Nothing is
// stored. Where the inputs are not what they were, or standard input is part of
// them, it runs nothing and says so.
func (r *Runner) Rerun(ctx context.Context, key store.Key) (Difference, error) {
	if r.store == nil {
		return Difference{}, failure("run again: the runner has no store to read from")
	}
	i, err := inspect.New(r.store, &inspect.Options{Signing: r.opts.Signing, Logger: r.opts.Logger})
	if err != nil {
		return Difference{}, failure("run again: %w", err)
	}
	p, err := i.Payload(ctx, key.String())
	if err != nil {
		return Difference{}, failure("run again: %w", err)
	}
	old, err := Decode(p.Bytes)
	if err != nil {
		return Difference{}, failure("run again: %w", err)
	}
	return r.rerun(ctx, &old)
}

// Skipped says why a command was not run again.
const (
	skippedStdin  = "its standard input is not kept"
	skippedInputs = "its inputs are not what they were"
)

func (r *Runner) rerun(ctx context.Context, old *Run) (Difference, error) {
	if old.Recipe.Stdin {
		return Difference{Skipped: skippedStdin}, nil
	}
	c, err := r.prepare(old.Recipe.spec())
	if err != nil {
		return Difference{Skipped: err.Error()}, nil
	}
	in, err := c.invoke(ctx)
	switch {
	case ctx.Err() != nil:
		return Difference{}, context.Cause(ctx)
	case err != nil:
		return Difference{Skipped: err.Error()}, nil
	case c.digest(&in) != old.Digest:
		return Difference{Skipped: skippedInputs}, nil
	}
	j := &job{call: c, in: &in, relay: new(relay), started: make(chan struct{}), ended: make(chan struct{})}
	j.use(IO{}, j.relay)
	if err := j.execute(ctx); err != nil {
		return Difference{}, err
	}
	if ctx.Err() != nil {
		return Difference{}, context.Cause(ctx)
	}
	again := Run{ExitCode: j.ending.code, Chunks: j.tee.rec.chunks()}
	if d := streamsDiffer(old, &again); d.What != "" {
		return d, nil
	}
	return c.outputsDiffer(ctx, old, again.ExitCode != 0)
}

func (rc *Recipe) spec() *Spec {
	return &Spec{
		Args: rc.Args, Dir: rc.Dir, Cwd: rc.Cwd, Inputs: rc.Inputs, AllowMissing: rc.AllowMissing, Gitignore: rc.Gitignore,
		Env: rc.Env, Executable: rc.Executable, IgnoreArgs: rc.IgnoreArgs, Outputs: rc.Outputs,
	}
}

// streamsDiffer compares exit codes and streams.
func streamsDiffer(old, again *Run) Difference {
	if old.ExitCode != again.ExitCode {
		return Difference{What: "exit code", Offset: -1, Old: fmt.Sprint(old.ExitCode), New: fmt.Sprint(again.ExitCode)}
	}
	for stream := 1; stream <= 2; stream++ {
		a, b := streamOf(old.Chunks, stream), streamOf(again.Chunks, stream)
		if at := firstDifference(a, b); at >= 0 {
			return Difference{What: streamName(stream), Offset: int64(at), Old: around(a, at), New: around(b, at)}
		}
	}
	if at, differ := orderDiffers(old.Chunks, again.Chunks); differ {
		return Difference{What: "order", Offset: at}
	}
	return Difference{}
}

func streamOf(chunks []Chunk, stream int) []byte {
	var b []byte
	for _, c := range chunks {
		if c.Stream == stream {
			b = append(b, c.Bytes...)
		}
	}
	return b
}

// firstDifference is where two texts part, -1 where they do not.
func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) == len(b) {
		return -1
	}
	return n
}

// around shows what is at an offset.
func around(b []byte, at int) string {
	const before, after = 20, 40
	if at >= len(b) {
		return "(end)"
	}
	return string(bytes.ToValidUTF8(b[max(0, at-before):min(len(b), at+after)], []byte("\uFFFD")))
}

// orderDiffers compares how the streams alternate. Their bytes are the same.
func orderDiffers(a, b []Chunk) (offset int64, differ bool) {
	for i := range min(len(a), len(b)) {
		if a[i].Stream != b[i].Stream || len(a[i].Bytes) != len(b[i].Bytes) {
			return offset, true
		}
		offset += int64(len(a[i].Bytes))
	}
	return offset, len(a) != len(b)
}

// outputsDiffer compares what both runs made.
func (c *call) outputsDiffer(ctx context.Context, old *Run, partial bool) (Difference, error) {
	if len(c.outputs) == 0 {
		return Difference{}, nil
	}
	root, err := c.openRoot()
	if err != nil {
		return Difference{}, failure("outputs: %w", err)
	}
	defer root.Close()
	made, err := (&collection{ctx: ctx, root: root, partial: partial}).collect(c.outputs)
	if err != nil {
		if ctx.Err() != nil {
			return Difference{}, context.Cause(ctx)
		}
		return Difference{What: "output", Offset: -1, New: err.Error()}, nil
	}
	return c.firstOutput(ctx, old.Outputs, made, root)
}

// firstOutput finds the first path, in order, at which the outputs differ.
func (c *call) firstOutput(ctx context.Context, old, made []Output, root *os.Root) (Difference, error) {
	for len(old) > 0 || len(made) > 0 {
		switch {
		case len(made) == 0 || len(old) > 0 && comparePaths(old[0].Path, made[0].Path) < 0:
			return Difference{What: "output", Path: old[0].Path, Offset: -1, Old: describe(&old[0]), New: "(not made)"}, nil
		case len(old) == 0 || comparePaths(old[0].Path, made[0].Path) > 0:
			return Difference{What: "output", Path: made[0].Path, Offset: -1, Old: "(not made)", New: describe(&made[0])}, nil
		}
		a, b := &old[0], &made[0]
		if a.Mode != b.Mode || a.Target != b.Target {
			return Difference{What: "output", Path: a.Path, Offset: -1, Old: describe(a), New: describe(b)}, nil
		}
		if a.SHA256 != b.SHA256 {
			return c.contentDiffers(ctx, a, b, root), nil
		}
		old, made = old[1:], made[1:]
	}
	return Difference{}, nil
}

func describe(o *Output) string {
	switch o.Mode.Type() {
	case fs.ModeDir:
		return o.Mode.String()
	case fs.ModeSymlink:
		return "link to " + o.Target
	}
	return fmt.Sprintf("%s %d bytes, SHA-256 %x…", o.Mode, o.Size, o.SHA256[:4])
}

// contentDiffers finds the first byte, as far as the old content is still there.
func (c *call) contentDiffers(ctx context.Context, a, b *Output, root *os.Root) Difference {
	d := Difference{What: "output", Path: a.Path, Offset: -1, Old: describe(a), New: describe(b)}
	at := int64(0)
	for i := range a.Pieces {
		if i < len(b.Pieces) && a.Pieces[i] == b.Pieces[i] {
			at += a.Pieces[i].Size
			continue
		}
		before, err := c.blobs.get(ctx, &a.Pieces[i])
		if err != nil {
			return d
		}
		now := make([]byte, 0)
		if i < len(b.Pieces) {
			if now, err = readAt(root, b.Path, at, b.Pieces[i].Size); err != nil {
				return d
			}
		}
		off := firstDifference(before, now)
		d.Offset, d.Old, d.New = at+int64(off), around(before, off), around(now, off)
		return d
	}
	d.Offset = at // the new one goes on
	return d
}

func readAt(root *os.Root, name string, at, size int64) ([]byte, error) {
	f, err := root.Open(local(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	_, err = f.ReadAt(b, at)
	return b, err
}
