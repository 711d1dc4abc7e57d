package version

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func filesPart(t *testing.T, patterns ...string) Part {
	t.Helper()
	part, err := Files(patterns...).Version(t.Context(), "", Params{})
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// tree writes files below a new working directory.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		put(t, name, content)
	}
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestFiles_detail(t *testing.T) {
	tree(t, map[string]string{"b.yaml": "b", "conf/a.yaml": "a", "conf/deep/er/c.yaml": "c", "conf/x.txt": "x"})
	part := filesPart(t, "conf/**/*.yaml", "*.yaml", "b.yaml")
	if diff := cmp.Diff([]string{"b.yaml", "conf/a.yaml", "conf/deep/er/c.yaml"}, names(part.Detail)); diff != "" {
		t.Errorf("files, sorted, each once, with slashes:\n%s", diff)
	}
	for _, again := range []Part{filesPart(t, "b.yaml", "conf/**/*.yaml"), filesPart(t, "{conf/**/,}*.yaml")} {
		if diff := cmp.Diff(part, again); diff != "" {
			t.Errorf("the same files by other patterns:\n%s", diff)
		}
	}
}

func TestFiles_contentAndNamesCount(t *testing.T) {
	tree(t, map[string]string{"a": "1", "b": "2"})
	seen := map[string]string{filesPart(t, "*").Value: "at first"}
	check := func(step string) {
		t.Helper()
		v := filesPart(t, "*").Value
		if before, dup := seen[v]; dup {
			t.Errorf("%s: same version as %s", step, before)
		}
		seen[v] = step
	}
	put(t, "a", "1x")
	check("content changed")
	put(t, "a", "2")
	put(t, "b", "1")
	check("contents swapped")
	put(t, "c", "")
	check("empty file added")
	os.Rename("c", "d")
	check("renamed")
	os.Remove("a")
	os.Remove("b")
	check("removed")
}

func TestFiles_sameTreeElsewhere(t *testing.T) {
	files := map[string]string{"x/a": "1", "x/y/b": "2"}
	tree(t, files)
	first := filesPart(t, "x/**")
	tree(t, files)
	os.Chtimes("x/a", time.Unix(1, 0), time.Unix(1, 0))
	if diff := cmp.Diff(first, filesPart(t, "x/**")); diff != "" {
		t.Errorf("directory or times count:\n%s", diff)
	}
}

func TestFilesIn_fileSystem(t *testing.T) {
	tree(t, map[string]string{"t/a.tmpl": "A"})
	fsys := fstest.MapFS{"t/a.tmpl": {Data: []byte("A")}}
	part, err := FilesIn(fsys, "t/*").Version(t.Context(), "", Params{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(filesPart(t, "t/*"), part); diff != "" {
		t.Errorf("an embedded file differs from the same file on disk:\n%s", diff)
	}
}

func TestFiles_malformed(t *testing.T) {
	tree(t, map[string]string{"conf/a.yaml": "a"})
	abs, err := filepath.Abs("conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		patterns []string
		says     []string
	}{
		{nil, []string{"no pattern is given"}},
		{[]string{"conf/*", "cnof/*"}, []string{`"cnof/*" matches no file`, "working directory"}},
		{[]string{"conf"}, []string{"is a directory", `"conf/**"`}},
		{[]string{"."}, []string{"is a directory", `"**"`}},
		{[]string{"[a"}, []string{"malformed"}},
		{[]string{"{conf,../conf}/*"}, []string{"clean relative path"}},
		{[]string{""}, []string{"clean relative path"}},
		{[]string{"../*"}, []string{"clean relative path", "FilesIn(os.DirFS("}},
		{[]string{"./conf/*"}, []string{"clean relative path"}},
		{[]string{filepath.ToSlash(abs) + "/*"}, []string{"clean relative path", "FilesIn"}},
	} {
		_, err := Files(c.patterns...).Version(t.Context(), "", Params{})
		wantError(t, err, c.says...)
	}
	_, err = FilesIn(nil, "*").Version(t.Context(), "", Params{})
	wantError(t, err, "file system is nil")
}

func TestFiles_links(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making symbolic links takes a privilege on Windows")
	}
	tree(t, map[string]string{"real/a.txt": "a"})
	if err := os.Symlink("real", "linked"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"linked/a.txt", "real/a.txt"}, names(filesPart(t, "**/*.txt").Detail)); diff != "" {
		t.Errorf("a linked directory is left out:\n%s", diff)
	}
	if err := os.Symlink("nowhere", "real/dangling.txt"); err != nil {
		t.Fatal(err)
	}
	_, err := Files("real/*.txt").Version(t.Context(), "", Params{})
	wantError(t, err, "dangling.txt")
	os.Remove("real/dangling.txt")
	if err := os.Symlink(".", "real/loop"); err != nil {
		t.Fatal(err)
	}
	_, err = Files("real/**/*.txt").Version(t.Context(), "", Params{})
	wantError(t, err, "symbolic links")
}

// odd is a file system whose one file cannot be read as it should.
type odd struct {
	fstest.MapFS
	read func() error
}

func (o odd) Open(name string) (fs.File, error) {
	f, err := o.MapFS.Open(name)
	if name == "f" && o.read != nil {
		return oddFile{f, o.read}, err
	}
	return f, err
}

type oddFile struct {
	fs.File
	read func() error
}

func (f oddFile) Read(p []byte) (int, error) {
	if err := f.read(); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestFiles_unreadable(t *testing.T) {
	broken := errors.New("medium error")
	for name, c := range map[string]struct {
		mode fs.FileMode
		read func() error
		says string
	}{
		"pipe":      {fs.ModeNamedPipe, nil, "no regular file"},
		"bad block": {0, func() error { return broken }, "medium error"},
		"short":     {0, func() error { return io.ErrUnexpectedEOF }, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := odd{fstest.MapFS{"f": {Data: []byte("x"), Mode: c.mode}}, c.read}
			_, err := FilesIn(fsys, "f").Version(t.Context(), "", Params{})
			wantError(t, err, `file "f"`, c.says)
		})
	}
}

// TestFiles_cancelledWhileReading: a file without end is given up.
func TestFiles_cancelledWhileReading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reads := 0
	endless := odd{fstest.MapFS{"f": {}}, func() error {
		if reads++; reads == 3 {
			cancel()
		}
		return nil
	}}
	if _, err := FilesIn(endless, "f").Version(ctx, "", Params{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// TestFiles_nothingIsLeftOut compares the files that a pattern covers with all
// files of a tree whose names match it.
func TestFiles_nothingIsLeftOut(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "b", "ab", "*", "**", "?", "a*", "[ab]", "[^a]", "{a,b}", "{a,b/a}", "{b*,a/**}", "{a/,}b", "{b,**}", "{**/a,b}", "x.y"})
	name := rapid.SampledFrom([]string{"a", "b", "ab", "x.y"})
	rapid.Check(t, func(t *rapid.T) {
		fsys := fstest.MapFS{}
		for _, parts := range rapid.SliceOfN(rapid.SliceOfN(name, 1, 4), 1, 12).Draw(t, "files") {
			file := path.Join(parts...)
			if info, err := fs.Stat(fsys, file); err == nil && info.IsDir() {
				continue
			}
			for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
				delete(fsys, dir) // it is a directory now
			}
			fsys[file] = &fstest.MapFile{}
		}
		pattern := path.Join(rapid.SliceOfN(piece, 1, 4).Draw(t, "pattern")...)
		var want []string
		for file := range fsys {
			if doublestar.MatchUnvalidated(pattern, file) {
				want = append(want, file)
			}
		}
		part, err := FilesIn(fsys, pattern).Version(t.Context(), "", Params{})
		if (err == nil) != (len(want) > 0) {
			t.Fatalf("%q over %v: error %v, want files %q", pattern, fsys, err, want)
		}
		if diff := cmp.Diff(sortedSet(want), names(part.Detail), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q over %v:\n%s", pattern, fsys, diff)
		}
	})
}
