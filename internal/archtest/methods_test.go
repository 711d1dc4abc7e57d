package archtest

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoMethodIsLookedUp: a program in which reflection looks up methods by
// name or number keeps every exported method of every library, which doubles
// its size. The linker's account of who does so must not name us.
func TestNoMethodIsLookedUp(t *testing.T) {
	if testing.Short() {
		t.Skip("links a program")
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-ldflags=-dumpdep", "-o", filepath.Join(t.TempDir(), "quickstart"), "./examples/quickstart")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if from, _, ok := strings.Cut(line, " <ReflectMethod> ->"); ok && !strings.Contains(from, " -> ") {
			t.Errorf("%s looks methods up", from)
		}
	}
}
