package reprise

import (
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/internal/engine"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/version"
)

// Errors of this package; compare with errors.Is. A cached function's own
// error is returned as the function returned it, unless the execution was cut
// short by MaxRun or a lost lease: then both are told.
var (
	// ErrMiss is what Peek returns where a call would run the function.
	ErrMiss = errors.New("not in the cache")
	// ErrNotSerializable marks a result, or a type of results, that would not
	// come back as it went. *codec.Error names the field.
	ErrNotSerializable = codec.ErrNotSerializable
	// ErrUnkeyable marks inputs, or a type of inputs, that cannot be keyed in
	// full. *UnkeyableError names the field.
	ErrUnkeyable = canon.ErrUnkeyable
	// ErrNoVersion marks a function that neither a version nor a policy covers.
	ErrNoVersion = version.ErrNoVersion
	// ErrScopeMissing marks a call whose ctx lacks what the function's scope,
	// or its dataset link, needs.
	ErrScopeMissing = errors.New("scope missing")
	// ErrLeaseLost is the cause with which a function's ctx is cancelled when
	// another process has taken its execution over.
	ErrLeaseLost = engine.ErrLeaseLost
	// ErrRecursive is returned by a call that waits for itself.
	ErrRecursive = engine.ErrRecursive
	// ErrClosed is returned after Close.
	ErrClosed = engine.ErrClosed
	// ErrStore marks failures of the store.
	ErrStore = engine.ErrStore
	// ErrMaxRun is the cause with which a function's ctx is cancelled when
	// Options.MaxRun is over.
	ErrMaxRun = engine.ErrMaxRun
)

// UnkeyableError says which part of an input type cannot be keyed, and why.
type UnkeyableError = canon.UnkeyableError

// PanicError is what a call panics with when the function panicked: every
// caller that shared the execution gets one, with the stack of the panic.
type PanicError = engine.PanicError

// MissError is Peek's ErrMiss with its reason.
type MissError struct{ Reason Reason }

// Error says why the call would miss.
func (e *MissError) Error() string { return "not in the cache: " + e.Reason.String() }

// Is makes errors.Is(err, ErrMiss) hold.
func (e *MissError) Is(target error) bool { return target == ErrMiss }

// ScopeError says which value of the Execution is missing.
type ScopeError struct {
	// Field is the field of Execution: "Dataset", "User", …
	Field string
}

// Error names the field and two ways out.
func (e *ScopeError) Error() string {
	if e.Field == "Dataset" {
		return "scope missing: the function is linked to a dataset and Execution.Dataset is empty; set it with WithExecution, or set Options.Unlinked"
	}
	return fmt.Sprintf("scope missing: the function is scoped and Execution.%s is empty; set it with WithExecution, or take the scope out of Options.Scope", e.Field)
}

// Is makes errors.Is(err, ErrScopeMissing) hold.
func (e *ScopeError) Is(target error) bool { return target == ErrScopeMissing }

// wrapped puts the operation, the function and the key before err, once.
func wrapped(op, name string, key *store.Key, err error) error {
	if err == nil {
		return nil
	}
	if key == nil {
		return fmt.Errorf("reprise: %s %s: %w", op, name, err)
	}
	return fmt.Errorf("reprise: %s %s (key %s…): %w", op, name, key.Short(), err)
}
