package reprise

import (
	"context"
	"sync/atomic"

	"github.com/reprise-go/reprise/internal/engine"
)

// Execution says for whom and for what a call runs. Options.Scope and the
// dataset link decide which of it separates results.
type Execution struct {
	Dataset  string // results are tied to it unless Options.Unlinked
	Operator string
	User     string
	Prompt   string
	JWT      string
}

// WithExecution returns a ctx whose calls run for e. It replaces an earlier
// one as a whole. The values are not checked here: a call whose function needs
// one that is empty runs uncached and says so.
func WithExecution(ctx context.Context, e Execution) context.Context {
	s := settingsOf(ctx)
	s.exec = &execution{Execution: e}
	return context.WithValue(ctx, settingsKey{}, &s)
}

// WithMode returns a ctx whose calls, nested ones included, use m whatever the
// Cache or the program is set to.
func WithMode(ctx context.Context, m Mode) context.Context {
	s := settingsOf(ctx)
	s.mode, s.moded = m, true
	return context.WithValue(ctx, settingsKey{}, &s)
}

// settings are all that a ctx tells this package, in one value so that a call
// searches the ctx once.
type settings struct {
	exec  *execution
	mode  Mode
	moded bool
}

type settingsKey struct{}

// execution adds to an Execution the hash of its private parts, so that calls
// of one request compute it once.
type execution struct {
	Execution
	hashes atomic.Pointer[scopeHashes]
}

func settingsIn(ctx context.Context) *settings {
	s, _ := ctx.Value(settingsKey{}).(*settings)
	return s
}

func settingsOf(ctx context.Context) settings {
	if s := settingsIn(ctx); s != nil {
		return *s
	}
	return settings{}
}

// Fence is the fencing token of the lease under which a function of a
// Serialize call runs, and whether there is one: pass the ctx that the function
// was given. Fences of one key only grow, so whatever the function changes
// outside can refuse a smaller fence than it has seen, and with it an execution
// that was taken over and does not know yet.
func Fence(ctx context.Context) (uint64, bool) { return engine.Fence(ctx) }
