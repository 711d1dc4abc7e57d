package command

import "fmt"

// Exit codes of a call that did not get as far as the command's own.
const (
	ExitTimeout       = 124 // Spec.Timeout ended the command, as timeout(1) has it
	ExitFailure       = 125 // reprise itself failed, before or without running the command
	ExitNotExecutable = 126 // the program was found and cannot be executed
	ExitNotFound      = 127 // there is no such program
)

// Error is a failure of this package, rather than of the command.
type Error struct {
	Code int    // ExitFailure, ExitNotExecutable or ExitNotFound
	Err  error  // what went wrong, on what
	Hint string // what to do about it; may be empty
}

// Error says what went wrong. The hint is apart.
func (e *Error) Error() string { return "command: " + e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

func failure(format string, args ...any) *Error {
	return &Error{Code: ExitFailure, Err: fmt.Errorf(format, args...)}
}

func (e *Error) hint(text string) *Error {
	e.Hint = text
	return e
}
