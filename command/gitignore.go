package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// errNotDir is met where a directory of git's list has become a file.
var errNotDir = syscall.ENOTDIR

// gitFiles lists what git does not ignore in a directory, relative to it: what
// it tracks, and what it would add. Git itself is asked: its rules have more
// sources than the files called .gitignore, and what it tracks it never
// ignores.
func gitFiles(ctx context.Context, dir string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "git", "-C", dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return nil, failure("git is not installed; without it nobody knows what it ignores").hint("install git, or leave files out by \"!PATTERN\"")
	case err != nil:
		said, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		return nil, failure("ask git what it ignores in %s: %s (%w)", dir, said, err)
	}
	var names []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}
