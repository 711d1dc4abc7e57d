package command

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
)

func reading(inputs ...string) *Spec { return &Spec{Args: []string{"echo"}, Inputs: inputs} }

// states are what counts of inputs, without digests.
func (r *rig) states(s *Spec) (map[string]string, error) {
	r.t.Helper()
	sc := &scan{ctx: r.t.Context(), dir: r.dir, digests: newDigests(""), missing: s.AllowMissing, ignored: s.Gitignore}
	all, err := sc.inputs(s.Inputs)
	for name, state := range all {
		all[name] = longHex(state)
	}
	return all, err
}

func longHex(state string) string {
	words := strings.Fields(state)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return len(w) == 64 }), " ")
}

func (r *rig) names(s *Spec) []string {
	r.t.Helper()
	all, err := r.states(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(all))
}

func (r *rig) tree() {
	for _, f := range []string{"a.c", "b.c", "b.h", "sub/c.c", "sub/deep/d.c", "sub/deep/d.txt", ".git/config", ".git/HEAD", "odd[1].c", "sub/.hidden"} {
		r.write(f, f)
	}
	if err := os.Mkdir(filepath.Join(r.dir, "sub/empty"), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func TestInputsThatCount(t *testing.T) {
	r := newRig(t, nil)
	r.tree()
	for _, c := range []struct {
		inputs string
		want   string
	}{
		{"a.c", "a.c"},
		{"./a.c a.c sub/../a.c", "a.c"},
		{"*.c", "a.c b.c odd[1].c"},
		{"odd[1].c", "odd[1].c"},
		{"**/*.c", "a.c b.c odd[1].c sub/c.c sub/deep/d.c"},
		{"sub", "sub/.hidden sub/c.c sub/deep/d.c sub/deep/d.txt sub/empty"},
		{"sub/", "sub/.hidden sub/c.c sub/deep/d.c sub/deep/d.txt sub/empty"},
		{".", "a.c b.c b.h odd[1].c sub/.hidden sub/c.c sub/deep/d.c sub/deep/d.txt sub/empty"},
		{".git/HEAD", ".git/HEAD"},
		{".git", ".git/HEAD .git/config"},
		{"sub !**/deep", "sub/.hidden sub/c.c sub/empty"},
		{"!sub/deep/*.txt sub/deep", "sub/deep/d.c"},
		{"*.{c,h} !odd*", "a.c b.c b.h"},
		{"sub/*/*.c", "sub/deep/d.c"},
		{"sub/empty", "sub/empty"},
		{"../" + filepath.Base(r.dir) + "/a.c", "../" + filepath.Base(r.dir) + "/a.c"},
		{filepath.ToSlash(r.dir) + "/a.c", filepath.ToSlash(r.dir) + "/a.c"},
	} {
		if d := cmp.Diff(strings.Fields(c.want), r.names(reading(strings.Fields(c.inputs)...))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.inputs, d)
		}
	}
	all, err := r.states(reading("sub"))
	if err != nil || all["sub/empty"] != stateDir || all["sub/c.c"] != stateFile {
		t.Errorf("%v, %v", all, err)
	}
}

// What a command makes is no input of it, though it lies among its inputs; if it
// is named as one, too, it is.
func TestOutputsAmongInputs(t *testing.T) {
	r := newRig(t, nil)
	r.write("src/a", "1")
	s := r.sh("mkdir -p src/out; cat src/a > src/out/b; cat src/a > src/c.o; echo done")
	s.Inputs, s.Outputs = []string{"."}, []string{"src/out", "src/*.o"}
	r.run(s).ran(t)
	r.run(s).hit(t)
	r.wreck("src/out", "src/c.o")
	r.run(s).hit(t)
	if r.read("src/out/b") != "1" || r.read("src/c.o") != "1" {
		t.Error("not restored")
	}
	r.write("src/a", "2")
	r.run(s).ran(t)
	for _, named := range []string{"src/c.o", "src/out", "src/out/*"} {
		own := with(s, func(s *Spec) { s.Inputs = []string{named}; s.Salt = named })
		r.changes("a named output", true, own, func() { r.write("src/c.o", named); r.write("src/out/b", named) })
	}
	own := with(s, func(s *Spec) { s.Inputs = []string{"src/out"} })
	if got := r.run(own); got.Reason != reprise.InputsChanged {
		t.Errorf("%+v", got)
	}
}

func TestInputsThatAreMissing(t *testing.T) {
	r := newRig(t, nil)
	r.tree()
	for _, name := range []string{"none", "*.none", "none/*.c", "none/**", "sub/x"} {
		s := with(reading(name), func(s *Spec) { s.Dir = r.dir })
		_, err := r.try(t.Context(), s, IO{})
		own(t, err, ExitFailure, name)
		s.AllowMissing = true
		before := r.key(s)
		r.run(s).ran(t)
		if got, err := r.states(s); err != nil || got[name] != stateNone {
			t.Errorf("%v, %v", got, err)
		}
		if name == "sub/x" {
			r.write("sub/x", "")
			if r.key(s) == before {
				t.Error("whether an input is there does not count")
			}
		}
	}
	for bad, text := range map[string]string{"": "empty", "[": "malformed", "![": "malformed", "/dev/null": "neither file"} {
		_, err := r.try(t.Context(), with(reading(bad), func(s *Spec) { s.Dir = r.dir }), IO{})
		own(t, err, ExitFailure, text)
	}
}

func TestKeyOfInputs(t *testing.T) {
	r := newRig(t, nil)
	r.tree()
	s := reading("sub", "a.c")
	file := filepath.Join(r.dir, "sub", "c.c")
	do := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	r.changes("content", true, s, func() { r.write("sub/c.c", "new") })
	r.changes("time", false, s, func() { do(os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0))) })
	r.changes("the executable bit", true, s, func() { do(os.Chmod(file, 0o755)) })
	r.changes("other permissions", false, s, func() { do(os.Chmod(file, 0o700)) })
	r.changes("a new file", true, s, func() { r.write("sub/new", "") })
	r.changes("a name", true, s, func() { do(os.Rename(filepath.Join(r.dir, "sub/new"), filepath.Join(r.dir, "sub/newer"))) })
	r.changes("an empty directory", true, s, func() { do(os.Mkdir(filepath.Join(r.dir, "sub/empty2"), 0o755)) })
	r.changes("a file elsewhere", false, s, func() { r.write("b.c", "new") })
	r.changes("content moved between files", true, s, func() { r.write("sub/c.c", "sub/deep/d.c"); r.write("sub/deep/d.c", "new") })
	r.same("order of inputs", reading("sub", "a.c"), reading("a.c", "sub", "sub/c.c"))
	// The same content by another name, or below another directory.
	r.differ("where a file is", reading("a.c"), reading("./sub/../b.h"))
}

func TestKeyOfLinks(t *testing.T) {
	r := newRig(t, nil)
	r.tree()
	link := func(text, name string) {
		t.Helper()
		_ = os.Remove(filepath.Join(r.dir, name))
		if err := os.Symlink(text, filepath.Join(r.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("../a.c", "sub/link")
	s := reading("sub")
	r.changes("what a link leads to", true, s, func() { r.write("a.c", "new") })
	r.changes("the text of a link", true, s, func() { r.write("a2.c", "new"); link("../a2.c", "sub/link") })
	r.changes("a link that leads nowhere", true, s, func() { link("nowhere", "sub/link") })
	r.changes("a link to a directory inside", true, s, func() { link("deep", "sub/link") })
	link("..", "sub/link")
	_, err := r.try(t.Context(), with(s, func(s *Spec) { s.Dir = r.dir }), IO{})
	own(t, err, ExitFailure, "outside of it")
	r.names(reading("sub", "!sub/link"))
	// A link that is named itself is what it leads to.
	link("sub/deep", "named")
	if got := strings.Join(r.names(reading("named", "!**/*.txt")), " "); got != "named/d.c" {
		t.Errorf("%q", got)
	}
	link("a.c", "named")
	r.changes("what a named link leads to", true, reading("named"), func() { r.write("a.c", "newer") })
}

func TestGitignore(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	r := newRig(t, nil)
	r.write("a.c", "")
	s := with(reading("."), func(s *Spec) { s.Gitignore, s.Dir = true, r.dir })
	_, err := r.try(t.Context(), s, IO{})
	own(t, err, ExitFailure, "ask git")
	r.git("init", "-q")
	r.write(".gitignore", "*.o\n/out/\n")
	r.write("sub/.gitignore", "!keep.o\n")
	for _, f := range []string{"a.o", "out/x", "sub/keep.o", "sub/b.o", "sub/ä b.c", "tracked.o", "deleted.c"} {
		r.write(f, f)
	}
	r.git("add", "-f", "tracked.o", "deleted.c")
	if err := os.Remove(filepath.Join(r.dir, "deleted.c")); err != nil {
		t.Fatal(err)
	}
	want := []string{".gitignore", "a.c", "sub/.gitignore", "sub/keep.o", "sub/ä b.c", "tracked.o"}
	if d := cmp.Diff(want, r.names(s)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	glob := with(s, func(s *Spec) { s.Inputs = []string{"**/*.o"} })
	if d := cmp.Diff([]string{"sub/keep.o", "tracked.o"}, r.names(glob)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// A file that is named counts whatever git thinks of it.
	named := with(s, func(s *Spec) { s.Inputs = []string{"a.o"} })
	if d := cmp.Diff([]string{"a.o"}, r.names(named)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// A repository in the tree has rules of its own.
	r.write("inner/.gitignore", "*.c\n")
	r.write("inner/x.c", "")
	r.write("inner/x.h", "")
	cmd := exec.Command("git", "-C", filepath.Join(r.dir, "inner"), "init", "-q")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(slices.Sorted(slices.Values(append(want, "inner/.gitignore", "inner/x.h"))), r.names(s)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// An input that the command, or anybody else, changes while it runs makes the
// result belong to neither state.
func TestInputsThatChangeMeanwhile(t *testing.T) {
	for name, script := range map[string]string{
		"content": "echo more >> in/a", "new": "echo > in/b", "gone": "rm in/a", "mode": "chmod +x in/a", "program": "echo '#' >> tool",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.write("in/a", "text")
			r.write("tool", "#!/bin/sh\n"+script+"\necho out\n")
			if err := os.Chmod(filepath.Join(r.dir, "tool"), 0o755); err != nil {
				t.Fatal(err)
			}
			s := &Spec{Args: []string{"./tool"}, Dir: r.dir, Inputs: []string{"in"}}
			got := r.run(s)
			if got.Outcome != reprise.PutFailed || got.Reason != reprise.InputsChanged || got.out != "out\n" || got.ExitCode != 0 {
				t.Errorf("%+v", got)
			}
			if got.Err == nil || name == "content" && !strings.Contains(got.Err.Error(), "in/a") {
				t.Errorf("the reason does not name the input: %v", got.Err)
			}
		})
	}
}

// Of many inputs an explanation names the one that changed.
func TestExplainNamesTheInput(t *testing.T) {
	r := newRig(t, nil)
	for i := range 300 {
		r.write(fmt.Sprintf("in/f%d", i), "text")
	}
	s := r.sh("echo hi")
	s.Inputs = []string{"in"}
	r.run(s).ran(t)
	r.write("in/f77", "other")
	x, err := r.Explain(t.Context(), s, IO{})
	if err != nil || x.Hit || x.Nearest == nil || len(x.Nearest.Differences) != 1 {
		t.Fatalf("%v, %v", x, err)
	}
	if d := x.Nearest.Differences[0]; d.Part != "input in/f77" || !strings.HasPrefix(d.Old, "file ") || len(d.Old) > 20 {
		t.Errorf("%+v", d)
	}
}
