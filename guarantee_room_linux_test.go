package reprise_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/reprise-go/reprise/internal/servertest"
)

// TestGuarantee14_PostgresDiskFull: the same where the disk of a database is
// full, which is a small filesystem of its own.
func TestGuarantee14_PostgresDiskFull(t *testing.T) {
	dir := tiny(t, "18m")
	p := servertest.PostgresAlone(t) // ends before the filesystem does
	own(t, dir, p.Run(t, "postgres", "SHOW data_directory"))
	p.Run(t, "postgres", "CREATE TABLESPACE tiny LOCATION '"+dir+"'")
	p.Run(t, "postgres", "CREATE DATABASE small TABLESPACE tiny")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	url := schema(p.URL("small"))
	fillsUp(t, url, open(t, url), false, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
	checked := p.Run(t, "small", "SELECT count(*), bool_and(size = length(value)) FROM cache.entries WHERE present")
	if n, sound, _ := strings.Cut(checked, "|"); sound != "t" || n == "0" {
		t.Errorf("after all there are %s entries, sound: %s", n, sound)
	}
}

// own gives dir to the owner of the server's files.
func own(t *testing.T, dir, like string) {
	t.Helper()
	info, err := os.Stat(like)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // else nobody else gets there
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
}
