//go:build unix

package reprise_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
)

// nobody is the user without rights of most systems.
const nobody = 65534

// sight is what the child below saw.
type sight struct {
	Open     string // error of Open
	Outcomes []string
	Values   []int
	Errs     []string
	Warnings int
	Log      string
}

var _ = asChild("calls in a hostile directory", func(args []string) error {
	var log bytes.Buffer
	cfg := &reprise.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	if args[1] == "closed" {
		cfg.OnStoreError = reprise.FailClosed
	}
	var r sight
	c, err := reprise.Open(context.Background(), args[0], cfg)
	if err != nil {
		r.Open = err.Error()
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	n := 0
	f, err := reprise.Wrap(c, func(context.Context, int) (int, error) { n++; return n, nil },
		&reprise.Options[int, int]{Name: "f", Version: "1", Residency: reprise.Transient})
	if err != nil {
		return err
	}
	for range 20 {
		got, err := f.Do(context.Background(), 1)
		if err != nil {
			return err
		}
		r.Outcomes = append(r.Outcomes, fmt.Sprint(got.Outcome, " ", got.Reason))
		r.Values = append(r.Values, got.Value)
		r.Errs = append(r.Errs, fmt.Sprint(got.Err))
	}
	if err := c.Close(); err != nil {
		return err
	}
	r.Log, r.Warnings = log.String(), strings.Count(log.String(), "level=WARN")
	return json.NewEncoder(os.Stdout).Encode(r)
})

// asNobody runs the child without rights.
func asNobody(t *testing.T, binary string, args ...string) (r sight) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	p := childOf(t, cmd, "calls in a hostile directory")
	if err := json.Unmarshal([]byte(p.expect("")), &r); err != nil {
		t.Fatal(err)
	}
	p.wait()
	return r
}

// publicDir is a directory that every user may enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "reprise-public-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// publicCopy puts this binary where every user may start it.
func publicCopy(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(publicDir(t), "reprise.test")
	if os.Link(self, to) == nil {
		return to
	}
	src, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err == nil {
		_, err = io.Copy(dst, src)
	}
	if err = errors.Join(err, dst.Close()); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestGuarantee15_UnwritablePlaces: without rights to the store calls run
// uncached, with one warning, and under FailClosed Open says what is wrong.
func TestGuarantee15_UnwritablePlaces(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to start a process without rights")
	}
	binary := publicCopy(t)
	for name, prepare := range map[string]func(dir string) string{
		"read-only directory": func(dir string) string { return filepath.Join(dir, "cache.db") },
		"missing directory below a read-only one": func(dir string) string {
			return filepath.Join(dir, "not", "there", "cache.db")
		},
		"file of somebody else": func(dir string) string {
			path := filepath.Join(dir, "cache.db")
			populate(t, "sqlite:"+path, 1)
			return path
		},
		"readable file of somebody else": func(dir string) string {
			path := filepath.Join(dir, "cache.db")
			populate(t, "sqlite:"+path, 1)
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
			return path
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := "sqlite:" + prepare(publicDir(t))
			r := asNobody(t, binary, url, "open")
			if r.Open != "" || r.Warnings != 1 {
				t.Errorf("open: %q; %d warnings, want 1:\n%s", r.Open, r.Warnings, r.Log)
			}
			for i, o := range r.Outcomes {
				if o != "lookup-failed store-error" || r.Values[i] != i+1 {
					t.Errorf("call %d: %s, run %d, %s", i, o, r.Values[i], r.Errs[i])
				}
			}
			if !strings.Contains(r.Errs[0], "permission") {
				t.Errorf("Result.Err does not say what to do: %s", r.Errs[0])
			}
			closed := asNobody(t, binary, url, "closed")
			if !strings.Contains(closed.Open, "permission") || !strings.HasPrefix(closed.Open, "reprise: sqlitestore: open: ") {
				t.Errorf("FailClosed: %q", closed.Open)
			}
		})
	}
}

// populate opens a store, fills in some results and closes it.
func populate(t *testing.T, url string, inputs ...int) {
	t.Helper()
	c := open(t, url)
	f := wrap(t, c, sized(100), reprise.Options[int, []byte]{Name: "filler"})
	for _, in := range inputs {
		does(t, t.Context(), f, in, reprise.Populated, reprise.Absent)
	}
	closeNow(t, c)
}

// TestGuarantee16_NewerSchemaIsLeftAlone: a file that a later version wrote is
// not touched, whatever the policy.
func TestGuarantee16_NewerSchemaIsLeftAlone(t *testing.T) {
	url := file(t)
	populate(t, url, 1, 2, 3)
	raw(t, database(url), "PRAGMA user_version = 999", nil, nil)
	before := treeOf(t, filepath.Dir(database(url)))

	_, err := reprise.Open(t.Context(), url, &reprise.Config{OnStoreError: reprise.FailClosed})
	if !errors.Is(err, store.ErrNewerSchema) {
		t.Errorf("FailClosed: %v", err)
	}
	says(t, err, "schema 999", "upgrade")

	c := openWith(t, url, nil)
	fn, _ := counting[int]()
	f := wrap(t, c, fn, reprise.Options[int, int]{Residency: reprise.Transient})
	for range 10 {
		if r := does(t, t.Context(), f, 1, reprise.LookupFailed, reprise.StoreError); !errors.Is(r.Err, store.ErrNewerSchema) {
			t.Errorf("Result.Err does not tell: %v", r.Err)
		}
	}
	if err := f.Set(t.Context(), 1, 1); !errors.Is(err, store.ErrNewerSchema) {
		t.Errorf("Set: %v", err)
	}
	closeNow(t, c)
	if after := treeOf(t, filepath.Dir(database(url))); after != before {
		t.Errorf("the store's directory changed:\n%s\n%s", before, after)
	}
}

// treeOf describes all files below dir by size and content.
func treeOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %d %x\n", filepath.Base(path), len(content), sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
