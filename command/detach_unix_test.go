//go:build unix

package command

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprise-go/reprise/store"
)

func init() { plays["refresh"] = playRefresh }

// playRefresh is a program that Detach started: it says what it has, and waits
// until it is let go.
func playRefresh(args []string) int {
	marked := os.Getenv(detachedMark) != ""
	AdoptDetached()
	flags, err := unix.FcntlInt(3, unix.F_GETFD, 0)
	session, _ := unix.Getsid(0)
	said := "bad"
	if marked && os.Getenv(detachedMark) == "" && err == nil && flags&unix.FD_CLOEXEC != 0 && session == os.Getpid() {
		said = "good"
	}
	if _, err := os.Stdin.Read(make([]byte, 1)); err == nil {
		said = "has input"
	}
	if err := os.WriteFile(args[0]+".tmp", []byte(said), 0o644); err != nil {
		return 1
	}
	if err := os.Rename(args[0]+".tmp", args[0]); err != nil {
		return 1
	}
	fifo, err := os.Open(args[0] + ".go") // until somebody writes
	if err == nil {
		fifo.Close()
	}
	return 0
}

// What Detach starts is on its own, and alone for its key as long as it lasts.
func TestDetach(t *testing.T) {
	r := newRig(t, nil)
	t.Setenv("COMMAND_TEST_PLAY", "refresh")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(r.dir, "said")
	if err := unix.Mkfifo(at+".go", 0o600); err != nil {
		t.Fatal(err)
	}
	key, other := store.Key{1}, store.Key{2}
	if began, err := r.Detach(key, []string{self, at}, r.dir); !began || err != nil {
		t.Fatal(began, err)
	}
	soon(t, "it says what it has", func() bool { _, err := os.Stat(at); return err == nil })
	if said := r.read("said"); said != "good" {
		t.Error(said)
	}
	if began, err := r.Detach(key, []string{self, at}, r.dir); began || err != nil {
		t.Errorf("a second one began: %t, %v", began, err)
	}
	if began, err := r.Detach(other, []string{"/bin/true"}, r.dir); !began || err != nil {
		t.Errorf("one for another key: %t, %v", began, err)
	}
	if err := os.WriteFile(at+".go", nil, 0); err != nil {
		t.Fatal(err)
	}
	soon(t, "the mark is free", func() bool {
		f, free, err := r.mark(key)
		if f != nil {
			f.Close()
		}
		return free && err == nil
	})
	for _, bad := range [][]string{nil, {"/no/such/program"}} {
		if began, err := r.Detach(key, bad, r.dir); began || err == nil {
			t.Errorf("%q: %t, %v", bad, began, err)
		}
	}
	nowhereRig := newRig(t, &Options{StateDir: nowhere})
	if began, err := nowhereRig.Detach(key, []string{"/bin/true"}, r.dir); !began || err != nil {
		t.Errorf("without a place for marks: %t, %v", began, err)
	}
}
