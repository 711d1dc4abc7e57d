package command

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/version"
)

// function is all that tells one cached function from another.
type function struct {
	name, version, salt string
	explicit            bool
	ttl                 time.Duration
	serialize, closed   bool
	unlinked            bool
	scope               reprise.Scope
}

// defaultVersion is that of commands without version and policy: what decides
// their results is in their inputs.
const defaultVersion = "1"

// maxFunctions bounds what a Runner keeps of the functions it has met. Making
// one again costs microseconds.
const maxFunctions = 1024

// function gives the cached function of the call, and what it is called with.
func (c *call) function(ctx context.Context) (*reprise.Func[invocation, Run], invocation, error) {
	in, err := c.invoke(ctx)
	if err != nil {
		return nil, in, err
	}
	in.Outputs = &job{call: c, in: &in, relay: new(relay), started: make(chan struct{}), ended: make(chan struct{})}
	f, err := c.wrap(ctx)
	return f, in, err
}

// wrap finds or makes the cached function.
func (c *call) wrap(ctx context.Context) (*reprise.Func[invocation, Run], error) {
	s := &c.spec
	v, err := version.Resolve(ctx, version.Spec{Version: s.version(), Salt: s.Salt, Policies: s.Policies, Params: s.Params})
	if err != nil {
		return nil, &Error{Code: ExitFailure, Err: err}
	}
	// Without an Execution of its own the call takes that of the ctx, whose
	// dataset then counts if it has one.
	unlinked := s.Execution.Dataset == ""
	id := function{c.name, v.String(), s.Salt, v.Explicit, s.TTL, s.Serialize, s.FailClosed, unlinked, s.Scope}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.functions[id]; f != nil {
		return f, nil
	}
	f, err := reprise.Wrap(c.cache, run, c.options(id, v))
	if err != nil {
		return nil, &Error{Code: ExitFailure, Err: err}
	}
	if len(c.functions) >= maxFunctions {
		clear(c.functions)
	}
	c.functions[id] = f
	return f, nil
}

func (s *Spec) version() string {
	if s.Version == "" && len(s.Policies) == 0 {
		return defaultVersion
	}
	return s.Version
}

// run is what is cached.
func run(ctx context.Context, in invocation) (Run, error) { return in.Outputs.run(ctx) }

func (c *call) options(id function, v version.Version) *reprise.Options[invocation, Run] {
	o := &reprise.Options[invocation, Run]{
		Name: id.name, Collection: Collection, Salt: id.salt, TTL: id.ttl, Serialize: id.serialize, Scope: id.scope,
		Unlinked: id.unlinked, Residency: reprise.Transient, Codec: runCodec{},
		TTLFunc: func(r Run) time.Duration {
			if r.doubt != nil {
				return -1
			}
			return 0
		},
		Tags: func(in invocation, _ Run) []string { return in.Outputs.call.spec.Tags },
	}
	if id.closed {
		o.OnStoreError = reprise.FailClosed
	}
	if id.explicit {
		o.Version = v.String()
	}
	for _, p := range v.Parts { // each has run, and is not to run again
		o.Policies = append(o.Policies, version.Named(p.Policy, func(context.Context, string, version.Params) (version.Part, error) { return p, nil }))
	}
	return o
}

// result is what the cache says of a call.
func (c *call) result(f *reprise.Func[invocation, Run], got *reprise.Result[Run]) Result {
	return Result{
		Outcome: got.Outcome, Reason: got.Reason, Err: got.Err, Function: f.Name(), Version: f.Version().String(),
		Key: got.Key, Created: got.Created, Expires: got.Expires, Age: got.Age, Cost: got.Cost,
		Stale: c.spec.Stale > 0 && got.Outcome.Hit() && got.Age >= c.spec.Stale,
	}
}

// interruptedBy turns the end of a call by a signal into its exit code.
func interruptedBy(ctx context.Context, res Result, err error) (Result, error) {
	var by *interrupted
	if err != nil && errors.As(context.Cause(ctx), &by) {
		n := signalNumber(by.signal)
		return Result{ExitCode: 128 + n, Signal: n, Outcome: reprise.Failed, Function: res.Function, Version: res.Version, Err: by}, nil
	}
	return res, err
}

// readable names the parts of a key as people call them.
func readable(x *reprise.Explanation) {
	for i := range x.Parts {
		p := &x.Parts[i]
		p.Name, p.Value = partName(p.Name), shortened(p.Value)
	}
	if x.Nearest == nil {
		return
	}
	for i := range x.Nearest.Differences {
		d := &x.Nearest.Differences[i]
		d.Part, d.Old, d.New = partName(d.Part), shortened(d.Old), shortened(d.New)
	}
}

// partName makes "input main.c" of `input.Files["main.c"]`.
func partName(name string) string {
	for prefix, kind := range map[string]string{`input.Files[`: "input ", `input.Env[`: "variable "} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			var key string
			if _, err := fmt.Sscanf(strings.TrimSuffix(rest, "]"), "%q", &key); err == nil {
				return kind + key
			}
		}
	}
	switch name {
	case "input.Args":
		return "arguments"
	case "input.Dir":
		return "directory"
	case "input.Executable":
		return "program"
	case "input.Stdin":
		return "standard input"
	case "input.Outputs":
		return "declared outputs"
	case "input.Files":
		return "inputs"
	case "input.Env":
		return "variables"
	}
	return name
}

// longDigest matches the digests in what counts of files and variables, also
// where a preview has cut them.
var longDigest = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([0-9a-f]{12})[0-9a-f]{20,52}…?"?`) })

// shortened cuts digests to what people compare, and takes off the quotes.
func shortened(text string) string {
	if short := longDigest().ReplaceAllString(text, "$1…"); short != text {
		return strings.TrimPrefix(short, `"`)
	}
	return text
}
