package command

import (
	"io"
	"os"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/version"
)

// Spec says what to run and what justifies its result. Args is all that is
// needed. A Spec is read, never altered.
type Spec struct {
	// Args are the program and its arguments. A program without a slash is
	// looked up in PATH, of Environ.
	Args []string
	// Dir is where the command runs, and what Inputs and Outputs are relative
	// to; "": the working directory of this process.
	Dir string
	// Cwd says how Dir counts; default CwdPath.
	Cwd CwdMode
	// Name is what the results are filed under; "": the base name of Args[0].
	Name string

	// Inputs are files, directories and globs (with **) that the command
	// reads. They count by relative path, content and executable bit; a
	// directory counts with all that is in it but .git and Outputs. "!GLOB"
	// leaves out what it matches. An entry that names nothing is an error unless
	// AllowMissing.
	Inputs []string
	// AllowMissing lets an entry of Inputs name nothing; that counts, too.
	AllowMissing bool
	// Gitignore leaves out of Inputs what git ignores. It needs git, and
	// inputs in a repository.
	Gitignore bool
	// Env are names of variables that count: by their value, and whether they
	// are set. The command gets all variables of Environ.
	Env []string
	// Environ are all variables, as NAME=VALUE; nil: those of this process.
	Environ []string
	// Stdin makes standard input count. It is read to its end before anything
	// else, and given to the command. Without it the command reads nothing.
	Stdin bool
	// Executable says how the program itself counts; default ExecutableAuto.
	Executable ExecutableMode
	// IgnoreArgs leave arguments out of the key: "3" is Args[3], "2-4" a range,
	// "7-" all from there, anything else a glob that the whole argument matches
	// ("--verbose", "--log=*"). The command gets them all the same.
	IgnoreArgs []string

	// Outputs are files, directories and globs, inside Dir, that the command
	// makes. A replay restores them. A run that did not make them all is not
	// stored.
	Outputs []string
	// Prune removes what else is in directories of Outputs at a replay, and so
	// makes them what the command left. Without it such files stay.
	Prune bool

	// Version states the version of whatever else decides the result. It wins
	// over Policies. Both empty: one constant version.
	Version string
	// Salt is one more thing that the result depends on.
	Salt string
	// Policies derive the version anew at each call.
	Policies []version.Policy
	// Params are what policies look at.
	Params version.Params

	// TTL is how long a result is valid; 0: for ever.
	TTL time.Duration
	// Stale is the age from which a hit is Result.Stale, so that the caller
	// may have it refreshed; 0: never.
	Stale time.Duration
	// Timeout ends a run that takes longer, as Options.Grace says; 0: none.
	// The exit code is then 124.
	Timeout time.Duration
	// CacheFailures also stores runs with an exit code other than 0.
	CacheFailures bool
	// Serialize lets one of many identical runs happen, among all who share
	// the store; the rest wait and replay it.
	Serialize bool
	// Mode is how this call uses the cache; Use, the zero value, takes the
	// mode of the ctx or else of the Cache.
	Mode reprise.Mode
	// FailClosed makes a failing store an error where the command would run
	// without the cache.
	FailClosed bool

	// Tags are labels by which Cache.InvalidateTag finds the result.
	Tags []string
	// Scope separates results by who asks, as Execution says.
	Scope reprise.Scope
	// Execution says for whom and for which dataset the command runs. Zero:
	// what the ctx says, outside of any dataset.
	Execution reprise.Execution
}

// CwdMode says how the working directory counts.
type CwdMode uint8

const (
	// CwdPath counts the absolute path, without links.
	CwdPath CwdMode = iota
	// CwdProject counts the path relative to the project: the next directory
	// upwards with a .git. So checkouts in different places share results.
	// Outside of any project it is CwdPath.
	CwdProject
	// CwdIgnore does not count it.
	CwdIgnore
)

// ExecutableMode says how the program counts.
type ExecutableMode uint8

const (
	// ExecutableAuto counts programs inside the project (the next directory
	// upwards from Dir with a .git, or else Dir) by content, others by path
	// without links, size and modification time. The interpreter of a script
	// counts, too, in the same way.
	ExecutableAuto ExecutableMode = iota
	// ExecutableContent counts program and interpreter by content wherever
	// they are.
	ExecutableContent
	// ExecutableName counts the name as given in Args[0] alone.
	ExecutableName
	// ExecutableIgnore counts nothing of the program, not even Args[0].
	ExecutableIgnore
)

// IO are the streams of a call. Nil writers drop what is written to them, a
// nil Stdin is empty.
type IO struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Signals are passed on to the command while it runs. At other times those
	// that ask to end (INT, TERM, HUP, QUIT) end the call with exit code
	// 128+n. Nil: none. [Notify] gives those of the process.
	Signals <-chan os.Signal
}
