package version

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// probe is a module of its own that imports this one, built and run for real.
type probe struct {
	t   *testing.T
	dir string
}

type probeReport struct {
	Answer   string
	Versions map[string]string
	Detail   map[string][]Component
}

func newProbe(t *testing.T, answer string) probe {
	t.Helper()
	p := probe{t, t.TempDir()}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	src := strings.Replace(readFile(t, "testdata/probe/main.go"), `"first"`, fmt.Sprintf("%q", answer), 1)
	p.write("main.go", src)
	p.write("go.sum", readFile(t, filepath.Join(root, "go.sum")))
	p.write("go.mod", fmt.Sprintf("module example.com/probe\n\ngo 1.26.0\n\nrequire github.com/reprise-go/reprise v0.0.0\n\nreplace github.com/reprise-go/reprise => %q\n", root))
	return p
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (p probe) write(name, content string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o666); err != nil {
		p.t.Fatal(err)
	}
}

// goCommand runs the go command in dir, without network.
func goCommand(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
	return output(t, cmd)
}

func output(t *testing.T, cmd *exec.Cmd) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.Bytes())
	}
	return out
}

// build returns the path of the built probe.
func (p probe) build(flags ...string) string {
	p.t.Helper()
	exe := filepath.Join(p.t.TempDir(), "probe.exe")
	goCommand(p.t, p.dir, append(append([]string{"build", "-o", exe}, flags...), ".")...)
	return exe
}

func runProbe(t *testing.T, exe string) probeReport {
	t.Helper()
	return parseReport(t, output(t, exec.Command(exe)))
}

func parseReport(t *testing.T, out []byte) probeReport {
	t.Helper()
	var r probeReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return r
}

// toolBuildID is what the go command itself finds in exe.
func toolBuildID(t *testing.T, exe string) string {
	t.Helper()
	return strings.TrimSpace(string(goCommand(t, ".", "tool", "buildid", exe)))
}

// wantBuildID is the version that the content ID of exe must give.
func wantBuildID(t *testing.T, exe string) string {
	t.Helper()
	id, ok := contentID(toolBuildID(t, exe))
	if !ok {
		t.Fatalf("go tool buildid %s: no content ID", exe)
	}
	return combine([]Part{{Value: digest("BuildID", "", "go:"+id)}})
}

// TestBuildID_realPrograms builds one program in the ways that people do.
func TestBuildID_realPrograms(t *testing.T) {
	first := newProbe(t, "first")
	plain := first.build()
	base := runProbe(t, plain)
	if want := wantBuildID(t, plain); base.Versions["BuildID"] != want {
		t.Errorf("plain build: version %s, its content ID gives %s", base.Versions["BuildID"], want)
	}

	t.Run("same source elsewhere", func(t *testing.T) {
		a := runProbe(t, newProbe(t, "first").build("-trimpath", "-buildmode=pie"))
		exe := newProbe(t, "first").build("-trimpath", "-buildmode=pie")
		b := runProbe(t, exe)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("the same source in two directories, -trimpath -buildmode=pie, differs:\n%s", diff)
		}
		if want := wantBuildID(t, exe); b.Versions["BuildID"] != want {
			t.Errorf("version %s, its content ID gives %s", b.Versions["BuildID"], want)
		}
	})
	t.Run("changed source", func(t *testing.T) {
		changed := newProbe(t, "second")
		r := runProbe(t, changed.build())
		if r.Answer != "second" || r.Versions["BuildID"] == base.Versions["BuildID"] {
			t.Errorf("answer %q has the version of %q", r.Answer, base.Answer)
		}
		if r.Versions["FunctionBody"] != base.Versions["FunctionBody"] {
			t.Error("FunctionBody changed with code that the registered function does not reach")
		}
		checkModules(t, base, r)
	})
	t.Run("stripped", func(t *testing.T) {
		exe := first.build("-ldflags=-s -w")
		if got, want := runProbe(t, exe).Versions["BuildID"], wantBuildID(t, exe); got != want {
			t.Errorf("version %s, its content ID gives %s", got, want)
		}
	})
	t.Run("go run", func(t *testing.T) {
		once := parseReport(t, goCommand(t, first.dir, "run", "."))
		again := parseReport(t, goCommand(t, first.dir, "run", "."))
		if diff := cmp.Diff(once, again); diff != "" {
			t.Errorf("two runs of the same source differ:\n%s", diff)
		}
	})
	t.Run("build ID set by hand", checkOverridden)
	t.Run("replaced while it runs", func(t *testing.T) { checkReplaced(t, plain, base) })
}

// checkOverridden builds with build IDs that say nothing about the code: the
// file's hash stands in.
func checkOverridden(t *testing.T) {
	var got []string
	for _, p := range []struct{ answer, id string }{{"first", ""}, {"second", "a/b/fixed"}} {
		exe := newProbe(t, p.answer).build("-ldflags=-buildid=" + p.id)
		if tool := toolBuildID(t, exe); tool != p.id {
			t.Fatalf("the executable carries build ID %q, want %q", tool, p.id)
		}
		sum := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(readFile(t, exe))))
		want := combine([]Part{{Value: digest("BuildID", "", sum)}})
		if got = append(got, runProbe(t, exe).Versions["BuildID"]); got[len(got)-1] != want {
			t.Errorf("build ID %q: version %s, the file's hash gives %s", p.id, got[len(got)-1], want)
		}
	}
	if got[0] == got[1] {
		t.Error("changed source kept the version")
	}
}

// checkReplaced puts another program in the place of a running one.
func checkReplaced(t *testing.T, exe string, want probeReport) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux still reaches the file of a running program that was replaced")
	}
	cmd := exec.Command(exe, "wait")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close()
	ready := make([]byte, len("ready\n"))
	if _, err := stdout.Read(ready); err != nil {
		t.Fatal(err)
	}
	other := exe + ".new"
	if err := os.WriteFile(other, []byte("another program"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, exe); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	var got probeReport
	if err := json.NewDecoder(stdout).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the file's successor was read:\n%s", diff)
	}
}

// checkModules looks at what two builds of a program learn of its modules.
func checkModules(t *testing.T, before, r probeReport) {
	t.Helper()
	if r.Versions["Modules"] != before.Versions["Modules"] {
		t.Error("a module with a checksum got another version with the main module")
	}
	if r.Versions["Replaced"] == before.Versions["Replaced"] {
		t.Error("another build has the same version of a module that a directory replaces")
	}
	if r.Versions["Auto"] != r.Versions["BuildID"] {
		t.Error("Auto of an unregistered function is not BuildID")
	}
	if r.Versions["AutoRegistered"] != r.Versions["FunctionBody"] {
		t.Error("Auto of a registered function is not FunctionBody")
	}
	var names []string
	for _, c := range r.Detail["FunctionBody"] {
		names = append(names, c.Name)
	}
	if len(names) != 2 || !strings.HasPrefix(names[0], "github.com/bmatcuk/doublestar/v4@v4.") || names[1] != "std@"+runtime.Version() {
		t.Errorf("FunctionBody names %q, want doublestar's version and Go's", names)
	}
	if got := r.Detail["Modules"]; len(got) != 1 || got[0] != r.Detail["FunctionBody"][0] {
		t.Errorf("Modules details %v, FunctionBody %v", got, r.Detail["FunctionBody"])
	}
}

// TestBuildID_thisTest reads the ID of the test binary, which go test links
// its own way.
func TestBuildID_thisTest(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	v, err := Resolve(t.Context(), Spec{Policies: []Policy{BuildID()}})
	if err != nil {
		t.Fatal(err)
	}
	if want := wantBuildID(t, exe); v.String() != want {
		t.Errorf("version %s, the content ID gives %s", v, want)
	}
}

// TestGoBuildID_otherPlatforms reads executables of formats that cannot run
// here, against the go command's own reader.
func TestGoBuildID_otherPlatforms(t *testing.T) {
	for _, target := range []string{"darwin/arm64", "windows/amd64", "linux/386"} {
		t.Run(target, func(t *testing.T) {
			goos, goarch, _ := strings.Cut(target, "/")
			t.Setenv("GOOS", goos)
			t.Setenv("GOARCH", goarch)
			t.Setenv("CGO_ENABLED", "0")
			p := probe{t, t.TempDir()}
			p.write("go.mod", "module example.com/empty\n\ngo 1.26.0\n")
			p.write("main.go", "package main\n\nfunc main() { println(1) }\n")
			exe := p.build()
			f, err := os.Open(exe)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got := goBuildID(f)
			t.Setenv("GOOS", runtime.GOOS)
			t.Setenv("GOARCH", runtime.GOARCH)
			if want := toolBuildID(t, exe); got != want {
				t.Errorf("found %q, go tool buildid finds %q", got, want)
			}
			if _, ok := contentID(got); !ok {
				t.Errorf("%q has no content ID", got)
			}
		})
	}
}
