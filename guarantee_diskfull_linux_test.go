package reprise_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/reprise-go/reprise"
)

// tiny is a filesystem of so many bytes.
func tiny(t *testing.T, bytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("reprise-test", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skipf("cannot mount a small filesystem: %v; needs root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestGuarantee14_DiskFull: where the disk is full, callers get their values,
// nothing stored is lost, and with room again the cache goes on.
func TestGuarantee14_DiskFull(t *testing.T) {
	for name, size := range map[string]int{"in the row": 20 << 10, "in a file": 200 << 10} {
		t.Run(name, func(t *testing.T) {
			dir := tiny(t, "4m")
			ballast := filepath.Join(dir, "ballast")
			if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			url := "sqlite:" + filepath.Join(dir, "cache.db")
			c := open(t, url)
			f := wrap(t, c, sized(size), reprise.Options[int, []byte]{Name: "f", Residency: reprise.Transient})
			stored := fillUp(t, f, size)
			closeNow(t, c)
			integrity(t, database(url))

			again := open(t, url)
			g := wrap(t, again, sized(size), reprise.Options[int, []byte]{Name: "f", Residency: reprise.Transient})
			for _, in := range stored {
				if r := does(t, t.Context(), g, in, reprise.HitStore, reprise.NoReason); !bytes.Equal(r.Value, noise(in, size)) {
					t.Errorf("result %d is another one now", in)
				}
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			does(t, t.Context(), g, 1<<20, reprise.Populated, reprise.Absent)
			does(t, t.Context(), g, 1<<20, reprise.HitStore, reprise.NoReason)
			closeNow(t, again)
			integrity(t, database(url))
		})
	}
}
