package flight

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Errors of this package. Compare with errors.Is. Their texts have no prefix of
// their own: users meet them behind the prefix of what they called.
var (
	// ErrRecursive refuses a join that would make an execution wait for
	// itself, directly or through others.
	ErrRecursive = errors.New("the call waits for itself; call the function with another input, or call it uncached")
	// ErrClosed refuses new flights after Close, and is the cause with which
	// Close cancels the executions that outlast its ctx.
	ErrClosed = errors.New("the cache is closed")
	// ErrAbandoned reaches followers whose leader gave up before it ran
	// anything. Nothing was executed: join again.
	ErrAbandoned = errors.New("flight: the leading caller gave up before the execution; join again")
	// ErrNoWaiters cancels an execution whose last caller has left. The cause
	// wraps it together with what made that caller leave.
	ErrNoWaiters = errors.New("every caller has left")
)

// PanicError is what Wait panics with where the execution panicked, so that
// the panic reaches every caller on its own goroutine.
type PanicError struct {
	Value any    // what the function panicked with
	Stack []byte // of the goroutine that panicked
}

// Error tells the value and the stack, which would otherwise be lost: the
// stack of the caller does not lead to the place of the panic.
func (p *PanicError) Error() string {
	return fmt.Sprintf("the function panicked: %v\n\n%s", p.Value, p.Stack)
}

// Unwrap is Value where that is an error, else nil.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// newPanicError keeps the innermost panic as it is when it came through other
// flights: its stack is the one that matters.
func newPanicError(v any) *PanicError {
	if p, ok := v.(*PanicError); ok {
		return p
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}
