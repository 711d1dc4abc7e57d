package command

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
)

// picture is all that a directory is: type, permissions, and content or target
// of each path in it.
func (r *rig) picture(dir string) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	root := filepath.Join(r.dir, dir)
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(r.dir, p)
		what := info.Mode().String() + " "
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			what += string(b)
		case info.Mode()&fs.ModeSymlink != 0:
			text, err := os.Readlink(p)
			if err != nil {
				return err
			}
			what += text
		}
		all[rel] = what
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	return all
}

// making is a command with all kinds of outputs.
const making = `
mkdir -p out/sub/empty out/closed
printf data > out/file
printf '#!/bin/sh\n' > out/tool; chmod 755 out/tool
printf secret > out/private; chmod 600 out/private
printf fixed > out/readonly; chmod 444 out/readonly
: > out/nothing
ln -s file out/link
ln -s sub out/dirlink
ln -s nowhere out/dangling
printf same > out/closed/a; printf same > out/closed/b
chmod 555 out/closed
chmod 700 out/sub
printf alone > single
head -c 9000000 /dev/zero | tr '\0' x > large
echo to stdout; echo to stderr >&2; echo more
`

func (r *rig) making() *Spec {
	s := r.sh(making)
	s.Outputs = []string{"out", "single", "large"}
	return s
}

// wreck takes everything away that a command made.
func (r *rig) wreck(names ...string) {
	r.t.Helper()
	for _, n := range names {
		_ = filepath.WalkDir(filepath.Join(r.dir, n), func(p string, e fs.DirEntry, _ error) error {
			if e != nil && e.IsDir() {
				_ = os.Chmod(p, 0o755)
			}
			return nil
		})
		if err := os.RemoveAll(filepath.Join(r.dir, n)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// A replay gives back what the run gave, in all its parts, from whatever state
// the directory is in.
func TestGuarantee23_AReplayIsFaithful(t *testing.T) {
	r := newRig(t, nil)
	s := r.making()
	t.Cleanup(func() { r.wreck("out") }) // it has a directory that nobody may write to
	first := r.run(s).ran(t)
	want := r.picture(".")
	states := map[string]func(){
		"as the run left it": func() {},
		"nothing there":      func() { r.wreck("out", "single", "large") },
		"other content":      func() { r.write("single", "other"); r.write("out/file", "DATA") },
		"other modes": func() {
			for _, name := range []string{"out/tool", "out/private", "out/sub"} {
				if err := os.Chmod(filepath.Join(r.dir, name), 0o777); err != nil {
					t.Fatal(err)
				}
			}
		},
		"other links": func() {
			_ = os.Remove(filepath.Join(r.dir, "out/link"))
			if err := os.Symlink("tool", filepath.Join(r.dir, "out/link")); err != nil {
				t.Fatal(err)
			}
		},
		"a file for a link":       func() { r.wreck("out/dangling"); r.write("out/dangling", "x") },
		"a link for a file":       func() { r.wreck("single"); _ = os.Symlink("out/file", filepath.Join(r.dir, "single")) },
		"an empty dir for a file": func() { r.wreck("single"); _ = os.Mkdir(filepath.Join(r.dir, "single"), 0o755) },
		"an open directory":       func() { _ = os.Chmod(filepath.Join(r.dir, "out/closed"), 0o755); r.wreck("out/closed/a") },
	}
	for _, name := range slices.Sorted(keysOf(states)) {
		states[name]()
		got := r.run(s).hit(t)
		if got.all != first.all || got.ExitCode != first.ExitCode {
			t.Errorf("%s: %q and %d, want %q and %d", name, got.all, got.ExitCode, first.all, first.ExitCode)
		}
		if d := cmp.Diff(want, r.picture("."), cmp.Transformer("short", func(s string) string { return fmt.Sprintf("%.60s", s) })); d != "" {
			t.Errorf("%s (-run +replay):\n%s", name, d)
		}
		if name == "as the run left it" && len(got.Restored) != 0 {
			t.Errorf("restored %q although all was there", got.Restored)
		}
		if name == "other content" && !slices.Equal(got.Restored, []string{"out/file", "single"}) {
			t.Errorf("restored %q", got.Restored)
		}
	}
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Exit codes are the command's own. Failures are remembered only where that is
// asked for, and then in full.
func TestGuarantee23_FailuresAreNotCachedUnlessAsked(t *testing.T) {
	for _, code := range []int{1, 2, 77, 125, 126, 127, 128, 137, 255} {
		r := newRig(t, nil)
		s := r.sh(fmt.Sprintf("echo out; echo err >&2; [ -e made ] || echo x > made; exit %d", code))
		s.Outputs = []string{"made", "never"}
		for range 2 {
			got := r.run(s)
			if !got.Ran || got.ExitCode != code || got.Outcome != reprise.Failed || got.all != "1:out\n2:err\n" {
				t.Errorf("%+v", got)
			}
		}
		s.CacheFailures = true
		r.run(s).ran(t)
		r.wreck("made")
		got := r.run(s).hit(t)
		if got.ExitCode != code || got.all != "1:out\n2:err\n" || r.read("made") != "x\n" {
			t.Errorf("%+v", got)
		}
	}
}

// What is in a directory beside the outputs stays, or goes where that is asked
// for.
func TestPrune(t *testing.T) {
	r := newRig(t, nil)
	s := r.sh("mkdir -p d/e; echo 1 > d/a; echo 2 > d/e/b")
	s.Outputs = []string{"d"}
	r.run(s).ran(t)
	r.write("d/mine", "x")
	r.write("d/e/deep/mine", "x")
	if got := r.run(s).hit(t); len(got.Removed) != 0 || r.read("d/mine") != "x" {
		t.Errorf("removed %q", got.Removed)
	}
	s.Prune = true
	if got := r.run(s).hit(t); !slices.Equal(got.Removed, []string{"d/mine", "d/e/deep"}) {
		t.Errorf("removed %q", got.Removed)
	}
	if d := cmp.Diff([]string{"d", "d/a", "d/e", "d/e/b"}, slices.Sorted(keysOf(r.picture("d")))); d != "" {
		t.Error(d)
	}
}

// A run that did not make what it declares, or made what cannot be kept, is
// passed on and not stored.
func TestOutputsThatCannotBeKept(t *testing.T) {
	r := newRig(t, nil)
	r.write("elsewhere/x", "")
	for script, text := range map[string]string{
		"true":                               `output "o" was not made`,
		"mkfifo o":                           "neither file",
		"ln -s /etc/passwd o":                "leads out of the directory",
		"ln -s ../x o":                       "leads out of the directory",
		"ln -s elsewhere/x o":                "its content would be lost",
		"ln -s elsewhere o":                  "its content would be lost",
		"echo x > o; echo $$ > o2; exit 0 #": `"*.none"`,
	} {
		r.wreck("o")
		s := r.sh(script + "; echo said")
		s.Outputs = []string{"o"}
		if strings.Contains(text, "none") {
			s.Outputs = []string{"o", "*.none"}
		}
		r.run(s).unstored(t, reprise.NotKept, text)
	}
	// A link to what is an output, too, is kept.
	s := r.sh("echo x > o1; ln -sf o1 o3")
	s.Outputs = []string{"o1", "o3"}
	r.run(s).ran(t)
	r.wreck("o1", "o3")
	r.run(s).hit(t)
	if r.read("o3") != "x\n" {
		t.Error("the link does not lead to the file")
	}
	for _, bad := range []string{"", ".", "..", "../x", "/etc/passwd", "a/../..", "a[", r.dir} {
		s.Outputs = []string{bad}
		_, err := r.try(t.Context(), s, IO{})
		own(t, err, ExitFailure, "output")
	}
}

func TestOutputsByGlob(t *testing.T) {
	r := newRig(t, nil)
	s := r.sh("mkdir -p d/sub; echo 1 > d/a.o; echo 2 > d/sub/b.o; echo 3 > d/c.c")
	s.Outputs = []string{"d/**/*.o"}
	r.run(s).ran(t)
	r.wreck("d")
	if got := r.run(s).hit(t); !slices.Equal(got.Restored, []string{"d/a.o", "d/sub/b.o"}) {
		t.Errorf("restored %q", got.Restored)
	}
}

// pieces counts stored pieces, and damages those for which a function gives
// other bytes; nil takes a piece away.
func (r *rig) pieces(damage func(name string) bool) int {
	r.t.Helper()
	kind, collection, name := store.KindEntry, Collection, Blobs
	page, err := r.store.List(r.t.Context(), store.Query{Kind: &kind, Collection: &collection, Function: &name})
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range page.Records {
		if rec := &page.Records[i]; damage != nil && damage(rec.Labels.Entry) {
			if _, err := r.store.Clear(r.t.Context(), rec.Key); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	return len(page.Records)
}

// Contents are stored once however many outputs and commands have them, in
// pieces. The loss of any of them is a miss that heals itself.
func TestPiecesAreSharedAndHeal(t *testing.T) {
	r := newRig(t, nil)
	s := r.sh("head -c 9000000 /dev/zero > a; cp a b; printf small > c; echo done")
	s.Outputs = []string{"a", "b", "c"}
	r.run(s).ran(t)
	// 9,000,000 bytes are two pieces.
	if n := r.pieces(nil); n != 3 {
		t.Errorf("%d pieces, want 3", n)
	}
	other := r.sh("echo other; printf small > d")
	other.Outputs = []string{"d"}
	r.run(other).ran(t)
	if n := r.pieces(nil); n != 3 {
		t.Errorf("%d pieces after another command with one of the contents, want 3", n)
	}
	var names []string
	r.pieces(func(name string) bool { names = append(names, name); return false })
	for _, lost := range names {
		r.pieces(func(name string) bool { return name == lost })
		if got := r.run(s).hit(t); len(got.Restored) > 0 { // everything is where it should be: the piece is not needed
			t.Errorf("restored %q", got.Restored)
		}
		r.wreck("a", "b", "c")
		got := r.run(s)
		if !got.Ran || got.Outcome != reprise.Refreshed || got.Reason != reprise.Corrupt || got.out != "done\n" {
			t.Errorf("piece %.8s lost: %+v", lost, got)
		}
		r.wreck("a", "b", "c")
		r.run(s).hit(t)
		if len(r.read("a")) != 9000000 || r.read("c") != "small" {
			t.Error("not restored")
		}
	}
	if n := r.pieces(nil); n != 3 {
		t.Errorf("%d pieces in the end, want 3", n)
	}
}

// Where only reading is allowed a loss is a run, and nothing is stored.
func TestLossInReadOnlyMode(t *testing.T) {
	r := newRig(t, nil)
	s := r.sh("echo x > o; echo done")
	s.Outputs = []string{"o"}
	r.run(s).ran(t)
	r.pieces(func(string) bool { return true })
	r.wreck("o")
	s.Mode = reprise.ReadOnly
	got := r.run(s)
	if !got.Ran || got.Outcome != reprise.Bypassed || got.out != "done\n" || r.pieces(nil) != 0 {
		t.Errorf("%+v, %d pieces", got, r.pieces(nil))
	}
}

// A replay that cannot be had in full changes nothing.
func TestRestoreIsAllOrNothing(t *testing.T) {
	r := newRig(t, nil)
	made := []Output{
		{Path: "d", Mode: fs.ModeDir | 0o755},
		{Path: "d/a", Mode: 0o644, Size: 1, SHA256: digest{1}, Pieces: []Piece{{SHA256: digest{1}, Size: 1}}},
		{Path: "kept", Mode: 0o644, Size: 3, SHA256: digest{2}, Pieces: []Piece{{SHA256: digest{2}, Size: 3}}},
	}
	r.write("kept", "old")
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, b := range [][]byte{nil, []byte("x")} { // lost, or not what it should be
		re := &restoration{ctx: t.Context(), root: root, dir: r.dir, digests: newDigests(""), get: func(context.Context, *Piece) ([]byte, error) {
			if b == nil {
				return nil, errors.New("lost")
			}
			return b, nil
		}}
		if err := re.restore(made); err == nil {
			t.Error("no error")
		}
		if d := cmp.Diff([]string{".", "kept"}, slices.Sorted(keysOf(r.picture(".")))); d != "" || r.read("kept") != "old" {
			t.Errorf("left behind: %s, %q", d, r.read("kept"))
		}
	}
}

// Two replays at a time do not get into each other's way.
func TestConcurrentRestores(t *testing.T) {
	r := newRig(t, nil)
	s := r.sh("mkdir d; for i in 1 2 3 4 5 6 7 8 9; do echo text $i > d/f$i; done")
	s.Outputs = []string{"d"}
	r.run(s).ran(t)
	want := r.picture("d")
	for range 10 {
		r.wreck("d")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if got := r.run(s); got.Ran {
					t.Errorf("ran: %v", got.Err)
				}
			})
		}
		wg.Wait()
		if d := cmp.Diff(want, r.picture("d")); d != "" {
			t.Error(d)
		}
	}
}

// Pieces live longer than the records that refer to them, and as long as the
// longest-lived of these.
func TestPiecesOutliveRecords(t *testing.T) {
	r := newRig(t, nil)
	left := func() time.Duration {
		t.Helper()
		kind, collection, name := store.KindEntry, Collection, Blobs
		page, err := r.store.List(t.Context(), store.Query{Kind: &kind, Collection: &collection, Function: &name})
		if err != nil || len(page.Records) != 1 {
			t.Fatalf("%d pieces, %v", len(page.Records), err)
		}
		return time.Until(page.Records[0].Expires)
	}
	short := r.sh("echo x > o")
	short.Outputs, short.TTL = []string{"o"}, time.Hour
	r.run(short).ran(t)
	if d := left(); d < 24*time.Hour || d > 26*time.Hour {
		t.Errorf("%v left", d)
	}
	long := r.sh("echo x > o2")
	long.Outputs = []string{"o2"}
	r.run(long).ran(t)
	if d := left(); d < forEver-time.Hour {
		t.Errorf("%v left", d)
	}
	again := with(short, func(s *Spec) { s.Salt = "2" })
	r.run(again).ran(t)
	if d := left(); d < forEver-time.Hour {
		t.Errorf("%v left: a record that lives shorter took life away", d)
	}
	var value []byte
	if b, err := (runCodec{}).Append(nil, Run{Outputs: []Output{{Path: "o", SHA256: digest{7}, Size: 2, Pieces: []Piece{{digest{8}, 1}, {digest{8}, 1}}}}}); err == nil {
		value = b
	}
	if got := References(value); len(got) != 1 || got[0] != hex.EncodeToString(append([]byte{8}, make([]byte, 31)...)) {
		t.Errorf("references %q", got)
	}
	if got := References([]byte("x")); got != nil {
		t.Errorf("references %q", got)
	}
}
