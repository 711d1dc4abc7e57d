package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/inspect"
	"github.com/reprise-go/reprise/internal/ledger"
)

// JournalFile is where the calls that a program makes with the store at a URL
// are noted, for Options.Journal: in $XDG_STATE_HOME/reprise or
// ~/.local/state/reprise, elsewhere than on Unix in the user's cache directory.
// It is "" where this user has no directory. The URL is not readable from it.
func JournalFile(url string) string {
	dir := os.Getenv("XDG_STATE_HOME")
	if home, err := os.UserHomeDir(); dir == "" && err == nil && runtime.GOOS != "windows" {
		dir = filepath.Join(home, ".local", "state")
	}
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = cache
	}
	sum := sha256.Sum256([]byte(url))
	return filepath.Join(dir, "reprise", "journal-"+hex.EncodeToString(sum[:8]))
}

// note writes down what became of a call. A run folds the journal now and then:
// beside it that takes no time.
func (r *Runner) note(ctx context.Context, res *Result, stored int64) {
	if r.opts.Journal == "" || res.Outcome == 0 {
		return
	}
	j := ledger.Journal{File: r.opts.Journal}
	n := ledger.Note{Time: time.Now(), Collection: Collection, Name: res.Function, Outcome: res.Outcome.String(), Reason: res.Reason.String()}
	switch {
	case res.Ran:
		n.Spent = res.Cost
	default:
		n.Saved = res.Cost
	}
	if res.Outcome == reprise.Populated || res.Outcome == reprise.Refreshed {
		n.Stored = stored
	}
	err := j.Add(n)
	if err == nil && res.Ran && r.store != nil && j.Due(n.Time) {
		err = r.fold(ctx)
	}
	if err != nil && r.opts.Logger != nil {
		r.opts.Logger.Debug("command: the call is not in the savings ledger", "error", err)
	}
}

func (r *Runner) fold(ctx context.Context) error {
	i, err := inspect.New(r.store, &inspect.Options{Signing: r.opts.Signing, Logger: r.opts.Logger})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), foldTimeout)
	defer cancel()
	return i.FoldJournal(ctx, r.opts.Journal)
}

// foldTimeout bounds what a store that hangs costs after a run.
const foldTimeout = 2 * time.Second

// size is about what a record takes in the store.
func (r *Run) size() (n int64) {
	for _, c := range r.Chunks {
		n += int64(len(c.Bytes))
	}
	for i := range r.Outputs {
		n += r.Outputs[i].Size
	}
	return n
}
