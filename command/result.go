package command

import (
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
)

// Result says what became of a call.
type Result struct {
	// ExitCode is the command's own; 128+n where signal n ended it, 124 where
	// Spec.Timeout did.
	ExitCode int
	// Signal is the number of the signal that ended the command, or this call
	// while no command ran; 0: none.
	Signal   int
	TimedOut bool

	Outcome reprise.Outcome
	// Reason is why there was no plain hit, or why the run was not stored.
	Reason reprise.Reason
	// Err says more of why a run was not stored, or of what went wrong with
	// the cache; the command is none the worse.
	Err error

	Function string    // what the result is filed under
	Version  string    // of the function
	Key      store.Key // zero where there is none
	// Created is when the result was stored, Expires until when it is valid
	// (zero: for ever), in the store's clock.
	Created, Expires time.Time
	// Age is how long ago a hit was stored.
	Age time.Duration
	// Cost is what the run took: for a hit the time it saved.
	Cost time.Duration

	Ran   bool // the command ran, for this call
	Stale bool // a hit older than Spec.Stale
	// Restored are the outputs that a replay wrote, Removed what Spec.Prune
	// removed, both relative to Dir, with slashes.
	Restored, Removed []string
}

// Difference is what a second run did otherwise than the recorded one; the
// first, in the order of the fields. The zero Difference is none.
type Difference struct {
	// Skipped says why the command was not run again: its inputs are not what
	// they were, or its standard input is not kept. Empty: it was.
	Skipped string
	// What is "exit code", "stdout", "stderr", "order" (of the two streams) or
	// "output"; empty where both runs did the same.
	What string
	// Path is the output that differs, relative to the directory.
	Path string
	// Offset is the first byte that differs, in the stream or the output; -1
	// where no content does.
	Offset int64
	// Old and New are what differs, for people, in a few characters.
	Old, New string
}
