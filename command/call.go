package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/reprise-go/reprise"
)

// A call is a Spec whose questions are answered.
type call struct {
	*Runner
	spec    Spec
	name    string
	dir     string // absolute
	real    string // without links
	project string // without links
	environ []string
	path    string // of the program
	outputs []string
	stdin   *stdin // nil: not asked for
	digests *digests
}

// prepare checks a Spec and answers what takes no reading of files.
func (r *Runner) prepare(s *Spec) (*call, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	c := &call{Runner: r, spec: *s, name: s.Name, digests: newDigests(r.shards())}
	if c.name == "" && len(s.Args) > 0 {
		c.name = filepath.Base(s.Args[0])
	}
	var err error
	if c.dir, err = filepath.Abs(s.Dir); err == nil {
		c.real, err = filepath.EvalSymlinks(c.dir)
	}
	if err != nil {
		return nil, failure("working directory: %w", err)
	}
	if info, err := os.Stat(c.real); err != nil || !info.IsDir() {
		return nil, failure("working directory %s: it is no directory", c.dir)
	}
	c.project, _ = projectOf(c.real)
	c.environ = s.Environ
	if c.environ == nil {
		c.environ = os.Environ()
	}
	c.environ = environment(c.environ, c.dir)
	if c.outputs, err = cleanOutputs(c.dir, s.Outputs); err != nil {
		return nil, err
	}
	c.path, err = find(s.Args[0], c.dir, c.environ)
	return c, err
}

func (s *Spec) check() error {
	switch {
	case len(s.Args) == 0:
		return failure("no command is given")
	case s.Name == Blobs:
		return failure("name %q: it is taken", s.Name)
	case s.Cwd > CwdIgnore:
		return failure("Cwd: %d is no mode", s.Cwd)
	case s.Executable > ExecutableIgnore:
		return failure("Executable: %d is no mode", s.Executable)
	case s.Mode > reprise.WriteOnly:
		return failure("Mode: %d is no mode", s.Mode)
	case s.TTL < 0 || s.Stale < 0 || s.Timeout < 0:
		return failure("a negative duration; 0 is the default")
	case s.Stale > 0 && s.TTL > 0 && s.Stale >= s.TTL:
		return failure("stale after %v, and gone after %v: nothing would ever be stale", s.Stale, s.TTL).hint("let TTL be the longer of the two")
	}
	return nil
}

// An invocation is what a command is called with, as far as it counts: the
// input of the cached function. Its fields are parts of explanations.
type invocation struct {
	Args       []*string
	Dir        string
	Env        map[string]string
	Executable []string
	Files      map[string]string
	Stdin      string
	Outputs    *job // counts by what outputs are declared
}

// invoke finds out what counts.
func (c *call) invoke(ctx context.Context) (in invocation, err error) {
	if in.Args, err = arguments(c.spec.Args, c.spec.IgnoreArgs, c.spec.Executable); err != nil {
		return in, err
	}
	if in.Env, err = variables(c.spec.Env, c.environ, c.spec.Salt); err != nil {
		return in, err
	}
	in.Dir = c.place()
	if c.stdin != nil {
		in.Stdin = c.stdin.sum
	}
	in.Executable, in.Files, err = c.files(ctx)
	if err := c.digests.save(); err != nil && c.opts.Logger != nil {
		c.opts.Logger.Debug("command: digests of files are not remembered", "error", err)
	}
	return in, err
}

// files finds what counts of program and inputs, now.
func (c *call) files(ctx context.Context) (program []string, inputs map[string]string, err error) {
	s := &scan{ctx: ctx, dir: c.dir, digests: c.digests, missing: c.spec.AllowMissing, ignored: c.spec.Gitignore, outputs: c.outputs}
	if program, err = s.program(c.path, c.spec.Executable, c.project, c.environ); err != nil {
		return nil, nil, err
	}
	inputs, err = s.inputs(c.spec.Inputs)
	return program, inputs, err
}

// place is what counts of the directory.
func (c *call) place() string {
	switch c.spec.Cwd {
	case CwdIgnore:
		return ""
	case CwdProject:
		if rel, err := filepath.Rel(c.project, c.real); err == nil {
			if _, found := projectOf(c.real); found {
				return "project " + filepath.ToSlash(rel)
			}
		}
	}
	return c.real
}

// digest is a hash of all that justifies the result of an invocation, for a
// record to keep. The salt is no part of it: whoever runs the command again may
// not know it.
func (c *call) digest(in *invocation) string {
	env, err := variables(c.spec.Env, c.environ, "")
	if err != nil {
		return ""
	}
	b, err := json.Marshal([]any{in.Args, in.Dir, env, in.Executable, in.Files, in.Stdin, c.outputs})
	if err != nil {
		return "" // strings and maps of them always encode
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// changed names what of the files is not what it was, "" where all is.
func (in *invocation) changed(program []string, files map[string]string) string {
	if !slices.Equal(in.Executable, program) {
		return "the program"
	}
	for _, name := range slices.Sorted(maps.Keys(in.Files)) {
		if files[name] != in.Files[name] {
			return name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, before := in.Files[name]; !before {
			return name
		}
	}
	return ""
}

// recipe is how to run it again.
func (c *call) recipe() Recipe {
	s := &c.spec
	return Recipe{
		Args: s.Args, Dir: c.dir, Cwd: s.Cwd, Inputs: s.Inputs, AllowMissing: s.AllowMissing, Gitignore: s.Gitignore,
		Env: s.Env, Stdin: s.Stdin, Executable: s.Executable, IgnoreArgs: s.IgnoreArgs, Outputs: c.outputs,
	}
}

// openRoot opens the directory that outputs are in.
func (c *call) openRoot() (*os.Root, error) {
	root, err := os.OpenRoot(c.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = cause(err)
	}
	return root, err
}
