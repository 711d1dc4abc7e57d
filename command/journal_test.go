package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/inspect"
	"github.com/reprise-go/reprise/internal/ledger"
)

// Calls get into the ledger of the store by way of the journal.
func TestCallsAreNoted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal")
	r := newRig(t, &Options{Journal: file})
	early := ledger.Note{Time: time.Now().Add(-time.Hour), Collection: Collection, Name: "sh", Outcome: "hit-store", Saved: time.Second}
	if err := (ledger.Journal{File: file}).Add(early); err != nil {
		t.Fatal(err)
	}
	s := r.sh("echo hello")
	r.run(s).ran(t) // folds what is old
	if b, err := os.ReadFile(file); err == nil {
		t.Errorf("the journal still has %q", b)
	}
	r.run(s).hit(t)
	r.run(s).hit(t)
	b, err := os.ReadFile(file)
	if err != nil || strings.Count(string(b), "\n") != 2 || strings.Contains(string(b), "hello") {
		t.Errorf("the journal has %q, %v", b, err)
	}
	i, err := inspect.New(r.store, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.FoldJournal(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	saved, err := i.Savings(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c := saved.Total
	if c.Outcomes["hit-store"] != 3 || c.Outcomes["populated"] != 1 || c.Reasons["absent"] != 1 ||
		c.Spent <= 0 || c.Saved.Duration() < time.Second || c.Stored != 6 {
		t.Errorf("%+v", c)
	}
}

func TestJournalFile(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	a, b := JournalFile("redis://:secret@h"), JournalFile("redis://h")
	if a == b || strings.Contains(a, "secret") || !strings.HasPrefix(a, filepath.FromSlash("/state/reprise/journal-")) {
		t.Errorf("%q, %q", a, b)
	}
}
