package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/version"
)

// key is the key of a Spec, as Peek gives it.
func (r *rig) key(s *Spec) string {
	r.t.Helper()
	return r.keyWith(s, IO{})
}

func (r *rig) keyWith(s *Spec, io IO) string {
	r.t.Helper()
	own := *s
	if own.Dir == "" {
		own.Dir = r.dir
	}
	res, err := r.Peek(r.t.Context(), &own, io)
	if err != nil && !errors.Is(err, reprise.ErrMiss) {
		r.t.Fatalf("%q: %v", s.Args, err)
	}
	return res.Key.String()
}

// differ and same compare keys of Specs in the same rig.
func (r *rig) differ(what string, a, b *Spec) {
	r.t.Helper()
	if r.key(a) == r.key(b) {
		r.t.Errorf("%s does not count", what)
	}
}

func (r *rig) same(what string, a, b *Spec) {
	r.t.Helper()
	if r.key(a) != r.key(b) {
		r.t.Errorf("%s counts", what)
	}
}

// changes compares the key of a Spec before and after something is done.
func (r *rig) changes(what string, counts bool, s *Spec, do func()) {
	r.t.Helper()
	before := r.key(s)
	do()
	if after := r.key(s); (before != after) != counts {
		r.t.Errorf("%s: counts %t, want %t", what, before != after, counts)
	}
}

func echo(args ...string) *Spec { return &Spec{Args: append([]string{"echo"}, args...)} }

func with(s *Spec, change func(*Spec)) *Spec {
	own := *s
	change(&own)
	return &own
}

func TestKeyOfArguments(t *testing.T) {
	r := newRig(t, nil)
	r.differ("where one argument ends", echo("a b"), echo("a", "b"))
	r.differ("an empty argument", echo(), echo(""))
	r.differ("order", echo("a", "b"), echo("b", "a"))
	r.differ("bytes that are no text", echo("\xff"), echo("\xfe"))
	r.differ("name", echo(), with(echo(), func(s *Spec) { s.Name = "other" }))
	r.differ("version", echo(), with(echo(), func(s *Spec) { s.Version = "2" }))
	r.differ("salt", echo(), with(echo(), func(s *Spec) { s.Salt = "x" }))
	r.differ("declared outputs", echo(), with(echo(), func(s *Spec) { s.Outputs = []string{"o"} }))
	r.same("order of declared outputs", with(echo(), func(s *Spec) { s.Outputs = []string{"a", "b/"} }),
		with(echo(), func(s *Spec) { s.Outputs = []string{r.dir + "/b", "./a", "a"} }))
	r.same("how the cache is used", echo(), with(echo(), func(s *Spec) {
		s.TTL, s.Stale, s.Timeout, s.CacheFailures, s.Serialize, s.Tags, s.Prune = time.Hour, time.Minute, time.Second, true, true, []string{"t"}, true
	}))
}

func TestIgnoredArguments(t *testing.T) {
	r := newRig(t, nil)
	ignoring := func(args []string, ignore ...string) *Spec {
		s := echo(args...)
		s.IgnoreArgs = ignore
		return s
	}
	r.same("a value by position", ignoring([]string{"a", "b"}, "2"), ignoring([]string{"a", "c"}, "2"))
	r.differ("another position", ignoring([]string{"a", "b"}, "2"), ignoring([]string{"x", "b"}, "2"))
	r.differ("whether there is one", ignoring([]string{"a", "b"}, "2"), ignoring([]string{"a"}, "2"))
	r.same("a range", ignoring([]string{"a", "b", "c"}, "1-2"), ignoring([]string{"x", "y", "c"}, "1-2"))
	r.same("an open range", ignoring([]string{"a", "b", "c"}, "2-"), ignoring([]string{"a", "x", "y"}, "2-"))
	r.same("a flag by pattern", ignoring([]string{"-v", "a"}, "-v"), ignoring([]string{"a"}, "-v"))
	r.same("a path by pattern", ignoring([]string{"--log=/a/b"}, "--log=*"), ignoring([]string{"--log=c"}, "--log=*"))
	r.differ("what no pattern matches", ignoring([]string{"--log=a"}, "--logs=*"), ignoring([]string{"--log=b"}, "--logs=*"))
	for _, bad := range []string{"0", "3-2", "[", "0-"} {
		_, err := r.Peek(t.Context(), with(ignoring(nil, bad), func(s *Spec) { s.Dir = r.dir }), IO{})
		own(t, err, ExitFailure, "ignored argument")
	}
	s := ignoring([]string{"secret", "b"}, "1")
	s.Dir = r.dir
	if got := r.run(s).ran(t); got.out != "secret b\n" {
		t.Errorf("an ignored argument is not passed on: %q", got.out)
	}
}

func TestKeyOfVariables(t *testing.T) {
	r := newRig(t, nil)
	env := func(environ ...string) *Spec {
		s := echo()
		s.Env, s.Environ = []string{"MODE"}, append([]string{"PATH=/usr/bin:/bin"}, environ...)
		return s
	}
	r.differ("unset and empty", env(), env("MODE="))
	r.differ("empty and set", env("MODE="), env("MODE=x"))
	r.differ("the value", env("MODE=x"), env("MODE=y"))
	r.same("other variables", env("MODE=x"), env("MODE=x", "OTHER=1"))
	r.same("order and repetition", env("MODE=x", "A=1"), env("MODE=y", "A=1", "MODE=x"))
	r.same("repetition of names", env("MODE=x"), with(env("MODE=x"), func(s *Spec) { s.Env = []string{"MODE", "MODE"} }))
	r.differ("whether it counts", env("MODE=x"), with(env("MODE=x"), func(s *Spec) { s.Env = nil }))
	for _, bad := range []string{"", "A=B", "A\x00"} {
		_, err := r.Peek(t.Context(), &Spec{Args: []string{"echo"}, Dir: r.dir, Env: []string{bad}}, IO{})
		own(t, err, ExitFailure, "variable")
	}
	s := with(env("MODE=hunter2", "A=1"), func(s *Spec) { s.Args, s.Dir = []string{"sh", "-c", "echo $MODE $A; pwd"}, r.dir })
	if got := r.run(s).ran(t); got.out != "hunter2 1\n"+r.dir+"\n" {
		t.Errorf("%q", got.out)
	}
	x, err := r.Explain(t.Context(), with(s, func(s *Spec) { s.Environ[1] = "MODE=other" }), IO{})
	if err != nil || x.Hit || !strings.Contains(x.String(), "variable MODE: set, ") || strings.Contains(x.String(), "hunter2") {
		t.Errorf("%v, %v", x, err)
	}
}

func TestKeyOfDirectory(t *testing.T) {
	r := newRig(t, nil)
	for _, d := range []string{"one/.git", "one/sub", "two/.git", "two/sub"} {
		if err := os.MkdirAll(filepath.Join(r.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("one", filepath.Join(r.dir, "link")); err != nil {
		t.Fatal(err)
	}
	in := func(dir string, mode CwdMode) *Spec {
		s := echo()
		s.Dir, s.Cwd = filepath.Join(r.dir, dir), mode
		return s
	}
	r.differ("the path", in("one", CwdPath), in("two", CwdPath))
	r.same("a link in the path", in("one", CwdPath), in("link", CwdPath))
	r.same("where a project is", in("one/sub", CwdProject), in("two/sub", CwdProject))
	r.differ("the place in a project", in("one/sub", CwdProject), in("one", CwdProject))
	r.differ("outside of projects, the path", in(".", CwdProject), in("..", CwdProject))
	r.same("an ignored path", in("one", CwdIgnore), in("two/sub", CwdIgnore))
}

func TestKeyOfStandardInput(t *testing.T) {
	r := newRig(t, nil)
	s := echo()
	s.Stdin = true
	given := func(text string) string { return r.keyWith(s, IO{Stdin: strings.NewReader(text)}) }
	large := strings.Repeat("x", headSize)
	keys := map[string]string{}
	for _, text := range []string{"", "a", "b", large, large + "y", large + "z"} {
		k := given(text)
		if given(text) != k {
			t.Errorf("%d bytes have two keys", len(text))
		}
		if other, again := keys[k]; again {
			t.Errorf("%d and %d bytes have one key", len(text), len(other))
		}
		keys[k] = text
	}
	if r.keyWith(echo(), IO{Stdin: strings.NewReader("a")}) != r.keyWith(echo(), IO{Stdin: strings.NewReader("b")}) {
		t.Error("input that nobody asked for counts")
	}
	for _, text := range []string{"", "small", large + "more"} {
		cat := r.sh("cat; cat")
		cat.Stdin = true
		got, err := r.try(t.Context(), cat, IO{Stdin: strings.NewReader(text)})
		if err != nil || got.out != text {
			t.Errorf("%d bytes are %d for the command, %v", len(text), len(got.out), err)
		}
		again, err := r.try(t.Context(), cat, IO{Stdin: strings.NewReader(text)})
		if err != nil || again.hit(t).out != text {
			t.Errorf("%d bytes are %d when replayed, %v", len(text), len(again.out), err)
		}
	}
	_, err := r.try(t.Context(), s, IO{Stdin: brokenReader{}})
	own(t, err, ExitFailure, "read standard input")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestKeyOfProgram(t *testing.T) {
	r := newRig(t, nil)
	outside, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	script := func(at, text string) {
		t.Helper()
		if err := os.WriteFile(at, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	inside := filepath.Join(r.dir, "tool")
	script(inside, "#!/bin/sh\necho 1\n")
	s := &Spec{Args: []string{"./tool"}, Dir: r.dir}
	old := time.Now().Add(-time.Hour)
	r.changes("the time of a program in the project", false, s, func() { _ = os.Chtimes(inside, old, old) })
	r.changes("its content", true, s, func() { script(inside, "#!/bin/sh\necho 2\n") })

	tool := filepath.Join(outside, "tool")
	script(tool, "#!/bin/sh\necho 1\n")
	away := &Spec{Args: []string{tool}, Dir: r.dir}
	r.changes("the time of a program outside", true, away, func() { _ = os.Chtimes(tool, old, old) })
	byContent := with(away, func(s *Spec) { s.Executable = ExecutableContent })
	r.changes("the time of one that counts by content", false, byContent, func() { _ = os.Chtimes(tool, old.Add(1), old.Add(1)) })
	r.changes("its content", true, byContent, func() { script(tool, "#!/bin/sh\necho 3\n") })
	byName := with(away, func(s *Spec) { s.Executable = ExecutableName })
	r.changes("the content of one that counts by name", false, byName, func() { script(tool, "#!/bin/sh\necho 4\n") })
	r.differ("a name that counts", byName, with(byName, func(s *Spec) { s.Args, s.Name = []string{inside}, "tool" }))
	ignored := with(byName, func(s *Spec) { s.Executable, s.Name = ExecutableIgnore, "tool" })
	r.same("a program that does not count", ignored, with(ignored, func(s *Spec) { s.Args = []string{inside} }))

	// The interpreter of a script counts as the script does.
	interp := filepath.Join(r.dir, "interp")
	script(interp, "#!/bin/sh\nexec sh \"$@\"\n")
	script(inside, "#!"+interp+"\necho 5\n")
	r.changes("the interpreter", true, s, func() { script(interp, "#!/bin/sh\nexec sh -e \"$@\"\n") })
	viaEnv := filepath.Join(r.dir, "viaenv")
	script(viaEnv, "#!/usr/bin/env -S X=1 interp -x\necho 6\n")
	env := &Spec{Args: []string{"./viaenv"}, Dir: r.dir, Environ: []string{"PATH=" + r.dir + ":/usr/bin:/bin"}}
	r.changes("the interpreter that env finds", true, env, func() { script(interp, "#!/bin/sh\nexec sh -u \"$@\"\n") })
}

func TestInterpreter(t *testing.T) {
	p := filepath.Join(t.TempDir(), "f")
	for text, want := range map[string]string{
		"": "", "#": "", "#!": "", "#!\n": "", "#! \n": "", "x#!/bin/sh\n": "", "#!/bin/sh": "/bin/sh", "#!/bin/sh -e\nx": "/bin/sh",
		"#! /usr/bin/env python3\n": "python3", "#!/usr/bin/env -S A=b node --x\n": "node", "#!/usr/bin/env\n": "/usr/bin/env",
		"#!" + strings.Repeat("a", 1000): strings.Repeat("a", maxFirstLine-2), "\x7fELF": "",
	} {
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := interpreter(p); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPolicies(t *testing.T) {
	r := newRig(t, nil)
	value := "1"
	runs := 0
	s := r.sh("echo hi")
	s.Policies = []version.Policy{version.Named("mine", func(context.Context, string, version.Params) (version.Part, error) {
		runs++
		if value == "" {
			return version.Part{}, errors.New("no value")
		}
		return version.Part{Value: value}, nil
	})}
	r.run(s).ran(t)
	r.run(s).hit(t)
	if runs != 2 {
		t.Errorf("the policy ran %d times in two calls", runs)
	}
	value = "2"
	x, err := r.Explain(t.Context(), s, IO{})
	if err != nil || !strings.Contains(x.String(), "version.mine: 1 → 2") {
		t.Errorf("%v, %v", x, err)
	}
	r.run(s).ran(t)
	value = ""
	_, err = r.try(t.Context(), s, IO{})
	own(t, err, ExitFailure, "mine")
}

func TestBadSpecs(t *testing.T) {
	r := newRig(t, nil)
	for text, change := range map[string]func(*Spec){
		"no command":   func(s *Spec) { s.Args = nil },
		"taken":        func(s *Spec) { s.Name = Blobs },
		"Cwd":          func(s *Spec) { s.Cwd = 9 },
		"Executable":   func(s *Spec) { s.Executable = 9 },
		"Mode":         func(s *Spec) { s.Mode = 9 },
		"negative":     func(s *Spec) { s.TTL = -1 },
		"stale after":  func(s *Spec) { s.Stale, s.TTL = time.Hour, time.Hour },
		"directory":    func(s *Spec) { s.Dir = "no/such" },
		"no directory": func(s *Spec) { s.Dir = filepath.Join(r.dir, "file") },
	} {
		r.write("file", "")
		s := r.sh("echo hi")
		change(s)
		_, err := r.try(t.Context(), s, IO{})
		own(t, err, ExitFailure, text)
	}
}

// git runs git in the rig's directory.
func (r *rig) git(args ...string) {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir, "-c", "user.name=n", "-c", "user.email=e", "-c", "init.defaultBranch=m"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("git %q: %v\n%s", args, err, bytes.TrimSpace(out))
	}
}
