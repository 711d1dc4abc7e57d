package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// Connections beyond the first are opened when they are needed, by whoever
// comes first and however many come at once.
func TestManyFirstUses(t *testing.T) {
	path := filled(t, 20)
	for range 10 {
		s := open(t, path, quiet())
		start := make(chan struct{})
		var all sync.WaitGroup
		for i := range uint64(16) {
			all.Go(func() {
				<-start
				if i%2 == 0 {
					wantNumbered(t, s, i)
				} else if _, err := s.Put(t.Context(), numbered(i), store.PutSet); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantIntegrity(t, path)
}

// A store that nobody used closes, once and again, and while others use it.
func TestCloseBeforeFirstUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reprise.db")
	other := open(t, path, quiet())
	for range 3 {
		s := open(t, path, nil)
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Put(t.Context(), numbered(1), store.PutSet); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Put after Close = %v, want ErrClosed", err)
		}
	}
	if _, err := other.Put(t.Context(), numbered(1), store.PutSet); err != nil {
		t.Error(err)
	}
}

// What happens to the file before a later connection is needed is an error of
// the method that needs it, and leaves the file alone.
func TestFileChangesBeforeLaterConnection(t *testing.T) {
	for name, c := range map[string]struct {
		change func(path string) error
		want   error
	}{
		"gone":     {func(path string) error { return os.Rename(path, path+".away") }, nil},
		"garbage":  {replace([]byte(strings.Repeat("no database ", 1000))), store.ErrCorrupt},
		"replaced": {replace(nil), store.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t, 3)
			s := open(t, path, quiet())
			if _, err := s.Put(t.Context(), numbered(4), store.PutSet); err != nil { // takes the connection that is there
				t.Fatal(err)
			}
			if err := c.change(path); err != nil {
				t.Fatal(err)
			}
			before := content(t, path)
			for range 2 {
				_, err := s.Get(t.Context(), numbered(1).Key)
				if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("Get = %v, want an error that names the file and is %v", err, c.want)
				}
			}
			if after := content(t, path); after != before {
				t.Error("what took the place of the database was changed")
			}
		})
	}
}

// replace puts content, or another store where it is nil, in the database's
// place, and moves its log away with it.
func replace(content []byte) func(string) error {
	return func(path string) error {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Rename(path+suffix, path+".away"+suffix); err != nil {
				return err
			}
		}
		if content != nil {
			return os.WriteFile(path, content, 0o600)
		}
		s, err := sqlitestore.Open(context.Background(), path, quiet())
		if err != nil {
			return err
		}
		return s.Close()
	}
}

// content is what is in a file; empty where there is none.
func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// Many short lives leave a short log behind: each moves it into the database
// where it has become long, and none does so for a few pages.
func TestManyShortLives(t *testing.T) {
	lives := uint64(100)
	if os.Getenv("REPRISE_TORTURE") != "" {
		lives = 2000
	}
	path := filepath.Join(t.TempDir(), "reprise.db")
	longest, kept := int64(0), 0
	for i := range lives {
		s := open(t, path, nil)
		if _, err := s.Put(t.Context(), numbered(i), store.PutPublish); err != nil {
			t.Fatal(err)
		}
		wantNumbered(t, s, i/2)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(path + "-wal"); err == nil {
			longest, kept = max(longest, fi.Size()), kept+1
		}
	}
	t.Logf("%d lives: the log stayed after %d, %d bytes at most", lives, kept, longest)
	if longest > 256<<10 {
		t.Errorf("a log of %d bytes was left behind", longest)
	}
	if kept < int(lives)/2 {
		t.Errorf("only %d of %d lives left the log alone", kept, lives)
	}
	s := open(t, path, nil)
	for i := range lives {
		wantNumbered(t, s, i)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantIntegrity(t, path)
}

// Reading over and over writes nothing: a use is written down when it is news.
func TestUsesAreWrittenWhenTheyAreNews(t *testing.T) {
	path := filled(t, 1)
	now := time.Now()
	read := func() string {
		o := quiet()
		o.Now = func() time.Time { return now }
		s := open(t, path, o)
		wantNumbered(t, s, 0)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return content(t, path) + content(t, path+"-wal")
	}
	was := read()
	for step, news := range []bool{false, false, true, false, true} {
		now = now.Add(time.Minute)
		if news {
			now = now.Add(10 * time.Minute)
		}
		is := read()
		if changed := is != was; changed != news {
			t.Errorf("step %d: the files changed: %t, want %t", step, changed, news)
		}
		was = is
	}
}

// BenchmarkColdStart runs processes that open a store, look one thing up and
// close it, and in turn others of the same program that do nothing. It reports
// the fastest of each.
func BenchmarkColdStart(b *testing.B) {
	path := filled(b, 100)
	best := map[string]time.Duration{"nothing": time.Hour, "hit": time.Hour}
	for b.Loop() {
		for mode := range best {
			cmd := child(b, mode, path)
			began := time.Now()
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
			best[mode] = min(best[mode], time.Since(began))
		}
	}
	for mode, d := range best {
		b.ReportMetric(float64(d.Microseconds()), "µs/"+mode)
	}
	b.ReportMetric(float64(best["hit"])/float64(best["nothing"]), "hit/nothing")
}

func childNothing(string, []string) error { return nil }

func childHit(path string, _ []string) error {
	s, err := sqlitestore.Open(context.Background(), path, nil)
	if err != nil {
		return err
	}
	if l, err := s.Get(context.Background(), numbered(1).Key); err != nil || !l.Found {
		return fmt.Errorf("found %t, %w", l.Found, err)
	}
	return s.Close()
}
