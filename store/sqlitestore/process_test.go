package sqlitestore_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprise-go/reprise/store"
)

// TestGuarantee17_KilledWritersLoseNothing kills a process in the middle of
// its writes, again and again, and then expects an intact database with every
// record whose put had returned.
func TestGuarantee17_KilledWritersLoseNothing(t *testing.T) {
	kills := 20
	if os.Getenv("REPRISE_TORTURE") != "" {
		kills = 200
	} else if testing.Short() {
		kills = 3
	}
	path := filepath.Join(t.TempDir(), "reprise.db")
	var acknowledged []uint64
	for k := range kills {
		acks := writeAndKill(t, path, uint64(k)<<32, 1+rand.IntN(40))
		acknowledged = append(acknowledged, acks...)
		wantIntegrity(t, path)
		s := open(t, path, quiet())
		for _, n := range acks {
			wantNumbered(t, s, n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, path, quiet())
	if _, err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, n := range acknowledged {
		wantNumbered(t, s, n)
	}
	t.Logf("%d kills, %d acknowledged records", kills, len(acknowledged))
}

// writeAndKill returns the numbers of the records that were acknowledged
// before a writer was killed, after about that many.
func writeAndKill(t *testing.T, path string, from uint64, after int) (acks []uint64) {
	t.Helper()
	cmd := child(t, "write", path, fmt.Sprint(from))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for {
		n, err := readNumber(r)
		if err != nil {
			break
		}
		acks = append(acks, n)
		if len(acks) == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if cmd.Wait(); len(acks) < after {
		t.Fatalf("the writer ended by itself after %d puts: %s", len(acks), &stderr)
	}
	return acks
}

// TestCreationRace has processes open the same new database at once. All must
// come out with one and the same store.
func TestCreationRace(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "new", "reprise.db")
		const n = 6
		var cmds []*exec.Cmd
		var stdins []io.Closer
		outs := make([]bytes.Buffer, n)
		for i := range n {
			cmd := child(t, "first", path, fmt.Sprint(i))
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdout, cmd.Stderr = &outs[i], &outs[i]
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			cmds, stdins = append(cmds, cmd), append(stdins, in)
		}
		for _, in := range stdins {
			in.Close()
		}
		for i, cmd := range cmds {
			if err := cmd.Wait(); err != nil {
				t.Fatalf("process %d: %v: %s", i, err, &outs[i])
			}
			if outs[i].String() != outs[0].String() {
				t.Errorf("process %d has store %s, process 0 %s", i, &outs[i], &outs[0])
			}
		}
		s := open(t, path, quiet())
		for i := range uint64(n) {
			wantNumbered(t, s, i)
		}
		s.Close()
	}
}

// TestProcessesShare has three processes with three goroutines each read,
// replace, clear, evict and sweep the same sixty entries under a tight quota.
func TestProcessesShare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reprise.db")
	s := open(t, path, quiet())
	var cmds []*exec.Cmd
	outs := make([]bytes.Buffer, 3)
	for i := range outs {
		cmd := child(t, "mixed", path, fmt.Sprint(i))
		cmd.Stdout, cmd.Stderr = &outs[i], &outs[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, &outs[i])
		}
	}
	wantIntegrity(t, path)
	wantConsistent(t, s, path)
}

// wantConsistent compares what the store counts with what is there: the bytes
// in use with the sizes of the entries, and the value files with their rows.
func wantConsistent(t *testing.T, s store.Store, path string) {
	t.Helper()
	ctx := context.Background()
	if _, err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	all, err := s.Count(ctx, store.Query{All: true})
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if info.Bytes != all.Bytes || info.Entries != all.Entries {
		t.Errorf("Info says %d entries and %d bytes, the entries are %+v", info.Entries, info.Bytes, all)
	}
	page, err := s.List(ctx, store.Query{All: true})
	if err != nil {
		t.Fatal(err)
	}
	large := 0
	for _, r := range page.Records {
		l, err := s.Get(ctx, r.Key)
		if err != nil || !l.Found {
			t.Errorf("listed entry %v: found %t, damaged %t, %v", r.Key, l.Found, l.Damaged, err)
		}
		if r.Size >= 64<<10 {
			large++
		}
	}
	if files := valueFiles(t, path); len(files) != large {
		t.Errorf("%d value files for %d large entries: %s", len(files), large, strings.Join(files, " "))
	}
}

func valueFiles(t *testing.T, path string) (files []string) {
	t.Helper()
	files, err := filepath.Glob(path + ".values/*/*")
	if err != nil {
		t.Fatal(err)
	}
	return files
}
