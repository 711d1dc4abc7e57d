//go:build unix

package canon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// later is a clock that runs an hour ahead: files just written are old for it.
func later() time.Time { return time.Now().Add(time.Hour) }

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFileCountsByContent(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	write(t, a, "same")
	write(t, b, "same")
	write(t, c, "other")
	same := string(encode(t, File{a}))
	sum := sha256.Sum256([]byte("same"))
	if want := string(AppendBytes(nil, sum[:])); same != want {
		t.Errorf("got %x, want %x", same, want)
	}
	if same != string(encode(t, File{b})) {
		t.Error("the path counts")
	}
	if same == string(encode(t, File{c})) {
		t.Error("the content does not count")
	}
	if err := os.Symlink(a, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if same != string(encode(t, File{filepath.Join(dir, "link")})) {
		t.Error("a link is not followed")
	}
}

func TestFileErrorsNameThePath(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	type input struct{ In struct{ Config File } }
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"): "no such file",
		dir:                           "use Dir",
		fifo:                          "no regular file",
		"":                            "set Path",
	} {
		var in input
		in.In.Config.Path = path
		_, err := tryEncode(t, in)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "field In.Config") {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := tryEncode(t, File{filepath.Join(dir, "missing")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

func hashes(t *testing.T, m *memo, path string) digest {
	t.Helper()
	sum, err := m.file(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func remembers(m *memo, path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	_, ok := m.lookup(path, identify(info))
	return ok
}

func TestMemoForgetsEditedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "one")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	m := newMemo(later, 10)
	one := hashes(t, m, path)
	if !remembers(m, path) {
		t.Fatal("an old file is not remembered")
	}
	write(t, path, "two") // same size
	if err := os.Chtimes(path, old.Add(time.Minute), old.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if remembers(m, path) || hashes(t, m, path) == one {
		t.Error("an edit of the same size went unnoticed")
	}
	// Another file under the name, with the same size and time.
	two := hashes(t, m, path)
	write(t, path+".new", "six")
	if err := os.Chtimes(path+".new", old.Add(time.Minute), old.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if hashes(t, m, path) == two {
		t.Error("a replaced file went unnoticed")
	}
}

func TestMemoAnswersWithoutReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "content")
	m := newMemo(later, 10)
	want := hashes(t, m, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	m.young[path] = memoEntry{identify(info), digest{1}}
	if got := hashes(t, m, path); got == want {
		t.Error("the file was read again")
	}
}

func TestYoungFilesAreNotRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "content")
	changed, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for age, want := range map[time.Duration]bool{
		-time.Hour: false, 0: false, racyWindow - 1: false, racyWindow: true, time.Hour: true,
	} {
		id := identify(changed)
		m := newMemo(func() time.Time { return time.Unix(0, max(id.mtime, id.ctime)).Add(age) }, 10)
		hashes(t, m, path)
		if remembers(m, path) != want {
			t.Errorf("age %v: remembered is %v", age, !want)
		}
	}
}

func TestMemoIsBounded(t *testing.T) {
	m := newMemo(later, 10)
	for i := range 100 {
		m.remember(fmt.Sprint(i), identity{}, digest{}, later())
		if _, ok := m.lookup("0", identity{}); !ok {
			t.Fatalf("after %d files the one in use is forgotten", i)
		}
	}
	if n := len(m.young) + len(m.old); n > 20 {
		t.Errorf("%d files remembered, the limit is 2 × 10", n)
	}
}

func TestHashGivesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := struct{ F File }{File{path}}
	e := mustCompile[struct{ F File }](t)
	if _, err := e.Append(ctx, nil, unsafe.Pointer(&in)); !errors.Is(err, context.Canceled) {
		t.Errorf("file: %v", err)
	}
	d := Dir{Path: filepath.Dir(path)}
	if _, err := mustCompile[Dir](t).Append(ctx, nil, unsafe.Pointer(&d)); !errors.Is(err, context.Canceled) {
		t.Errorf("directory: %v", err)
	}
}

// sourceTree writes a tree and returns its root.
func sourceTree(t testing.TB) string {
	root := t.TempDir()
	for _, name := range []string{"a.go", "b.txt", "sub/x.go", "sub/deep/y.go", "vendor/v/z.go", ".hidden"} {
		write(t, filepath.Join(root, name), name)
	}
	return root
}

func TestDirSeesEveryEdit(t *testing.T) {
	root := sourceTree(t)
	at := func(name string) string { return filepath.Join(root, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	last := encode(t, Dir{Path: root})
	for _, edit := range []struct {
		name string
		do   func()
	}{
		{"content", func() { write(t, at("sub/x.go"), "sub/x.gO") }},
		{"added", func() { write(t, at("sub/new"), "") }},
		{"renamed", func() { must(os.Rename(at("sub/new"), at("sub/newer"))) }},
		{"removed", func() { must(os.Remove(at("sub/newer"))) }},
		{"executable", func() { must(os.Chmod(at("a.go"), 0o755)) }},
		{"link", func() { must(os.Symlink("a.go", at("link"))) }},
		{"dangling link", func() { must(os.Symlink("nowhere", at("dangling"))) }},
		{"link elsewhere", func() { must(os.Remove(at("dangling"))); must(os.Symlink("nowhere2", at("dangling"))) }},
		{"link inside", func() { must(os.Symlink("sub", at("inside"))) }},
		{"content behind link", func() { write(t, at("a.go"), "A.go") }},
		{"file for link", func() { must(os.Remove(at("link"))); write(t, at("link"), "A.go"); must(os.Chmod(at("link"), 0o755)) }},
	} {
		edit.do()
		next := encode(t, Dir{Path: root})
		if string(next) == string(last) {
			t.Errorf("%s: went unnoticed", edit.name)
		}
		last = next
	}
}

func TestDirDoesNotSee(t *testing.T) {
	root, copied := sourceTree(t), sourceTree(t)
	want := string(encode(t, Dir{Path: root}))
	if string(encode(t, Dir{Path: copied})) != want {
		t.Error("the place of the tree counts")
	}
	old := time.Unix(1, 0)
	if err := errors.Join(os.Chtimes(filepath.Join(root, "a.go"), old, old), os.Mkdir(filepath.Join(root, "empty"), 0o700),
		os.Chmod(filepath.Join(root, "a.go"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if string(encode(t, Dir{Path: root})) != want {
		t.Error("times, permissions or empty directories count")
	}
}

func TestDirPatterns(t *testing.T) {
	root := sourceTree(t)
	for _, c := range []struct {
		include, exclude []string
		want             string
	}{
		{nil, nil, ".hidden a.go b.txt sub/deep/y.go sub/x.go vendor/v/z.go"},
		{[]string{"**/*.go"}, nil, "a.go sub/deep/y.go sub/x.go vendor/v/z.go"},
		{[]string{"*.go"}, nil, "a.go"},
		{[]string{"**/*.go"}, []string{"vendor"}, "a.go sub/deep/y.go sub/x.go"},
		{[]string{"**/*.go"}, []string{"vendor/**", "**/deep"}, "a.go sub/x.go"},
		{[]string{"*.{txt,go}", "sub/*"}, []string{"a.*"}, "b.txt sub/x.go"},
		{[]string{"nothing"}, nil, ""},
	} {
		files, err := contents.dir(t.Context(), &Dir{root, c.include, c.exclude})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.rel)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v but not %v: got %v, want %s", c.include, c.exclude, got, c.want)
		}
	}
	a := encode(t, Dir{root, []string{"a.go"}, nil})
	b := encode(t, Dir{root, []string{"*.go"}, []string{"vendor"}})
	if string(a) != string(b) {
		t.Error("patterns count beyond what they select")
	}
}

func TestDirErrors(t *testing.T) {
	root, other := sourceTree(t), sourceTree(t)
	fifo := filepath.Join(other, "fifo")
	if err := errors.Join(os.Symlink(other, filepath.Join(root, "out")), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir  Dir
		want string
	}{
		{Dir{Path: filepath.Join(root, "missing")}, filepath.Join(root, "missing")},
		{Dir{Path: filepath.Join(root, "a.go")}, filepath.Join(root, "a.go")},
		{Dir{}, "set Path"},
		{Dir{Path: root, Include: []string{"[a"}}, `malformed pattern "[a"`},
		{Dir{Path: root}, filepath.Join(root, "out") + " links to a directory outside"},
		{Dir{Path: other}, fifo + " is neither file"},
	} {
		if _, err := tryEncode(t, c.dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.dir, err)
		}
	}
	encode(t, Dir{Path: root, Exclude: []string{"out"}})
}

func TestUnreadableFileIsAnError(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	root := sourceTree(t)
	if err := os.Chmod(filepath.Join(root, "a.go"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := tryEncode(t, Dir{Path: root}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "a.go") {
		t.Errorf("%v", err)
	}
}

func TestPartsNameTheChangedFile(t *testing.T) {
	root := sourceTree(t)
	type input struct {
		Src  Dir
		Conf File
	}
	in := input{Dir{Path: root, Include: []string{"**/*.go"}}, File{filepath.Join(root, "b.txt")}}
	e := mustCompile[input](t)
	before := parts(t, e, &in)
	write(t, filepath.Join(root, "sub/x.go"), "edited")
	write(t, filepath.Join(root, "sub/added.go"), "")
	var got []string
	for _, d := range Diff(before, parts(t, e, &in)) {
		got = append(got, d.Name)
	}
	if want := []string{"Src/sub/added.go", "Src/sub/x.go"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPartsOfLargeDirs(t *testing.T) {
	root := t.TempDir()
	for i := range maxFileParts + 1 {
		write(t, filepath.Join(root, fmt.Sprintf("d%d/%d", i%3, i)), "x")
	}
	in := Dir{Path: root}
	e := mustCompile[Dir](t)
	before := parts(t, e, &in)
	if len(before) != 3 {
		t.Fatalf("%d parts", len(before))
	}
	write(t, filepath.Join(root, "d1/1"), "y")
	diff := Diff(before, parts(t, e, &in))
	if len(diff) != 1 || diff[0].Name != "d1/" {
		t.Errorf("%+v", diff)
	}
}

func TestDirConcurrently(t *testing.T) {
	in := Dir{Path: sourceTree(t)}
	want := string(encode(t, in))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if b, err := tryEncode(t, in); err != nil || string(b) != want {
					t.Errorf("%x, %v", b, err)
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkDirUnchanged revalidates 10,000 files that are all remembered.
func BenchmarkDirUnchanged(b *testing.B) {
	root := b.TempDir()
	for i := range 10_000 {
		write(b, filepath.Join(root, fmt.Sprintf("%d/%d", i%100, i)), "x")
	}
	m := newMemo(later, maxRemembered)
	d := &Dir{Path: root, Exclude: []string{"**/.git"}}
	if _, err := m.dir(b.Context(), d); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.dir(context.Background(), d); err != nil {
			b.Fatal(err)
		}
	}
}
