package command

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/reprise-go/reprise/store"
)

// detachedMark is the variable by which Detach tells a program that it holds
// the mark of a refresh: an open file of this number, which must not reach
// programs that it starts itself.
const detachedMark = "REPRISE_DETACHED"

// Detach starts a program with argv that goes on without this process: in a
// session of its own, without terminal and streams, in dir. It is for
// refreshing what Result.Stale marks. While an earlier program that was started
// for the same key still runs, it starts none and returns false. Without a
// StateDir, and on systems that cannot lock files, it cannot know and starts
// one.
func (r *Runner) Detach(key store.Key, argv []string, dir string) (bool, error) {
	if len(argv) == 0 {
		return false, failure("no command is given")
	}
	mark, free, err := r.mark(key)
	if err != nil || !free {
		return false, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.SysProcAttr = dir, detached()
	cmd.Env = os.Environ()
	if mark != nil {
		defer mark.Close()
		cmd.ExtraFiles = []*os.File{mark}
		cmd.Env = append(cmd.Env, detachedMark+"=3")
	}
	if err := cmd.Start(); err != nil {
		return false, failure("refresh in the background: %w", err)
	}
	return true, cmd.Process.Release()
}

// mark takes the mark of a refresh of key, which whoever has it open holds.
// There are 256 marks: one that another key has costs a refresh, which then
// comes with a later hit; a mark for each key would cost files for ever.
func (r *Runner) mark(key store.Key) (f *os.File, free bool, err error) {
	dir := r.state("refresh")
	if dir == "" || !canLock {
		return nil, true, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, false, failure("refresh in the background: %w", err)
	}
	f, err = os.OpenFile(filepath.Join(dir, key.String()[:2]), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, failure("refresh in the background: %w", err)
	}
	if !lock(f) {
		_ = f.Close()
		return nil, false, nil
	}
	return f, true, nil
}
