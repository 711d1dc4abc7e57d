package sqlitestore_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// tinyDisk mounts a filesystem of a few MiB.
func tinyDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("a full disk needs the right to mount a small tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestGuarantee14_DiskFull(t *testing.T) {
	for name, inline := range map[string]int{"in the database": 1 << 20, "in files": -1} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tinyDisk(t), "reprise.db")
			o := &sqlitestore.Options{SweepEvery: -1, InlineBelow: inline}
			s := open(t, path, o)
			var stored []uint64
			refused := 0
			for n := uint64(0); refused < 20; n++ {
				_, err := s.Put(t.Context(), numbered(n), store.PutPublish)
				switch {
				case err == nil:
					stored = append(stored, n)
				case errors.Is(err, store.ErrFull) && strings.Contains(err.Error(), path):
					refused++
				default:
					t.Fatalf("put %d: %v, want ErrFull that names the file", n, err)
				}
				if n > 10_000 {
					t.Fatal("3 MiB do not fill")
				}
			}
			for _, n := range stored {
				wantNumbered(t, s, n)
			}
			s.Close() // may fail: the log does not fit into the database
			makeRoom(t, path)
			wantIntegrity(t, path)
			s = open(t, path, o)
			for _, n := range stored {
				wantNumbered(t, s, n)
			}
			if _, err := s.Purge(t.Context(), store.Query{Function: &[]string{"f"}[0]}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Put(t.Context(), numbered(17), store.PutPublish); err != nil {
				t.Errorf("put after the purge: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// makeRoom gives the filesystem more space.
func makeRoom(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", filepath.Dir(path), "tmpfs", syscall.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
}

// asNobody prepares the command to run as a user without rights. It moves the
// binary where that user can read it.
func openAsNobody(t *testing.T, path string) string {
	t.Helper()
	cmd := child(t, "open", path)
	if os.Getuid() == 0 {
		dir, err := os.MkdirTemp("", "reprise-test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		exe := filepath.Join(dir, "child")
		copyFile(t, cmd.Path, exe)
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.Path = exe
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGuarantee15_ReadOnly expects a clear error for a directory and for a
// database that the user may not write. That a cache then works without its
// store is for the cache to show.
func TestGuarantee15_ReadOnly(t *testing.T) {
	dir, err := os.MkdirTemp("", "reprise-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700); os.RemoveAll(dir) })
	path := filepath.Join(dir, "reprise.db")
	s := open(t, path, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, 0o444), os.Chmod(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{
		path,                                // there, but not writable
		filepath.Join(dir, "other.db"),      // missing
		filepath.Join(dir, "sub", "any.db"), // missing, as its directory
	} {
		if out := openAsNobody(t, p); !strings.Contains(out, p) || !strings.Contains(out, "permission") {
			t.Errorf("%s: %s", p, out)
		}
	}
	// A writable database with the log of somebody else, and one in a directory
	// where no log can be made.
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if out := openAsNobody(t, path); !strings.Contains(out, path) || !strings.Contains(out, "permission") {
		t.Errorf("%s with the log of another user: %s", path, out)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+suffix, path+suffix+".away"); err != nil {
			t.Fatal(err)
		}
	}
	if out := openAsNobody(t, path); !strings.Contains(out, path) || !strings.Contains(out, "permission") {
		t.Errorf("%s without a log: %s", path, out)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the database changed (%v)", err)
	}
}

func TestGuarantee26_DescriptorsSteady(t *testing.T) {
	path := filled(t, 3)
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(fds)
	}
	before := 0
	for i := range 500 {
		s, err := sqlitestore.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantNumbered(t, s, 2)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if i == 10 {
			before = count()
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, %d after 490 more opens", before, after)
	}
}
