package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise/command"
	"github.com/reprise-go/reprise/inspect"
	"github.com/reprise-go/reprise/store"
)

// Exit codes. `run` ends with the command's own.
const (
	exitProblems = 1 // something was looked for and found wrong
	exitUsage    = 2
	exitFailure  = command.ExitFailure // reprise itself failed
)

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
	code int
}

func (h *hinted) Unwrap() error { return h.error }

// fail is a failure of reprise itself.
func fail(hint, format string, args ...any) error {
	return &hinted{error: fmt.Errorf(format, args...), hint: hint, code: exitFailure}
}

// usage is an error of whoever typed the command line.
func usage(cmd *cobra.Command, err error) error {
	return &hinted{error: err, hint: fmt.Sprintf("%s --help tells what there is", cmd.CommandPath()), code: exitUsage}
}

// problems ends with exit code 1 and says nothing more.
var errProblems = errors.New("problems were found")

// report prints an error and returns the exit code.
func (a *app) report(err error) int {
	if errors.Is(err, errProblems) {
		return exitProblems
	}
	var h *hinted
	var c *command.Error
	code, hint := exitFailure, ""
	switch {
	case errors.As(err, &h):
		code, hint = h.code, h.hint
	case errors.As(err, &c):
		code, hint = c.Code, c.Hint
	case strings.HasPrefix(err.Error(), "unknown command"), strings.HasPrefix(err.Error(), "accepts "),
		strings.HasPrefix(err.Error(), "requires "):
		code, hint = exitUsage, "reprise --help lists the subcommands"
	case errors.Is(err, context.Canceled):
		code = 130
	}
	if hint == "" {
		hint = advice(err)
	}
	fmt.Fprintf(a.err, "reprise: %s\n", strings.TrimPrefix(oneLine(err.Error()), "reprise: "))
	if hint != "" {
		fmt.Fprintf(a.err, "hint: %s\n", hint)
	}
	return code
}

// advice knows what to do about errors that have no hint of their own.
func advice(err error) string {
	switch {
	case errors.Is(err, inspect.ErrNotFound):
		return "`reprise ls` lists functions, `reprise ls NAME` a function's entries"
	case errors.Is(err, inspect.ErrAmbiguous):
		return "give more digits of the key"
	case errors.Is(err, inspect.ErrBadKey):
		return "keys are hexadecimal digits, at least the first 4; `reprise ls NAME` shows them"
	case errors.Is(err, inspect.ErrSelection):
		return "say what: --function, --dataset, --tag, --cache-version, --older-than, a key, or --all"
	case errors.Is(err, store.ErrNewerSchema):
		return "update reprise, or name another store by --store"
	case errors.Is(err, store.ErrCorrupt):
		return "move the store away; what it had is computed anew"
	}
	return ""
}

// oneLine keeps an error to its line: part of it may be anybody's text.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
