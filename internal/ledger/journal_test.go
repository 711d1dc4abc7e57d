package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)

func journal(t *testing.T) Journal { return Journal{filepath.Join(t.TempDir(), "new [x]*", "journal")} }

func add(t *testing.T, j Journal, n Note) {
	t.Helper()
	if err := j.Add(n); err != nil {
		t.Fatal(err)
	}
}

// folded collects what Fold puts, as a store would: by key.
type folded map[string]*Page

func (f folded) put(p *Page) error {
	f[p.Entry()] = p
	return nil
}

func (f folded) total(name string) Counts {
	var c Counts
	for _, p := range f {
		for i := range p.Functions {
			if p.Functions[i].Name == name {
				c.Add(&p.Functions[i].Counts)
			}
		}
	}
	return c
}

func TestJournalFolds(t *testing.T) {
	j := journal(t)
	f := folded{}
	if err := j.Fold(f.put); err != nil || len(f) != 0 {
		t.Errorf("nothing to fold: %d pages, %v", len(f), err)
	}
	add(t, j, Note{Time: noon, Collection: "commands", Name: "make", Outcome: "hit-store", Saved: time.Second})
	add(t, j, Note{Time: noon.Add(time.Minute), Collection: "commands", Name: "make", Outcome: "hit-store", Saved: time.Second})
	add(t, j, Note{Time: noon.Add(time.Hour), Collection: "commands", Name: "make", Outcome: "populated", Reason: "absent", Spent: 3, Stored: 4})
	add(t, j, Note{Time: noon, Collection: "commands", Name: "cc", Outcome: "failed"})
	if err := j.Fold(f.put); err != nil || len(f) != 2 {
		t.Fatalf("%d pages, %v", len(f), err)
	}
	want := Counts{Outcomes: map[string]uint64{"hit-store": 2, "populated": 1}, Reasons: map[string]uint64{"absent": 1}, Saved: 2 * time.Second, Spent: 3, Stored: 4}
	if d := cmp.Diff(want, f.total("make")); d != "" {
		t.Error(d)
	}
	if err := j.Fold(f.put); err != nil || len(f) != 2 {
		t.Errorf("folded again: %d pages, %v", len(f), err)
	}
	if list, _ := os.ReadDir(filepath.Dir(j.File)); len(list) != 0 {
		t.Errorf("left behind: %v", list)
	}
}

// A store that fails loses nothing, and one that lost its reply counts nothing
// twice.
func TestJournalFoldsOnce(t *testing.T) {
	j, f, boom := journal(t), folded{}, errors.New("boom")
	add(t, j, Note{Time: noon, Name: "f", Outcome: "hit-store"})
	if err := j.Fold(func(*Page) error { return boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
	add(t, j, Note{Time: noon, Name: "f", Outcome: "hit-store"})
	lost := func(p *Page) error {
		_ = f.put(p)
		return boom
	}
	if err := j.Fold(lost); !errors.Is(err, boom) {
		t.Error(err)
	}
	if err := j.Fold(f.put); err != nil {
		t.Fatal(err)
	}
	if n := f.total("f").Outcomes["hit-store"]; n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}

func TestJournalPassesOverDamage(t *testing.T) {
	j, f := journal(t), folded{}
	add(t, j, Note{Time: noon, Name: "f", Outcome: "hit-store"})
	file, err := os.OpenFile(j.File, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("{\"t\":\n\n{}\n\x00\xff\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	add(t, j, Note{Time: noon, Name: "f", Outcome: "hit-store"})
	if err := j.Fold(f.put); err != nil {
		t.Fatal(err)
	}
	if n := f.total("f").Outcomes["hit-store"]; n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}

func TestJournalIsBounded(t *testing.T) {
	j := journal(t)
	add(t, j, Note{Time: noon, Name: "f", Outcome: "hit-store"})
	if err := os.Truncate(j.File, maxJournal); err != nil {
		t.Fatal(err)
	}
	add(t, j, Note{Time: noon, Name: "f", Outcome: "hit-store"})
	if info, err := os.Stat(j.File); err != nil || info.Size() != maxJournal {
		t.Errorf("%v, %v", info, err)
	}
}

func TestJournalIsDue(t *testing.T) {
	j := journal(t)
	if j.Due(noon) {
		t.Error("nothing is due")
	}
	add(t, j, Note{Time: noon, Name: "f", Outcome: "hit-store"})
	add(t, j, Note{Time: noon.Add(time.Hour), Name: "f", Outcome: "hit-store"})
	if j.Due(noon.Add(time.Minute)) || !j.Due(noon.Add(time.Minute+1)) {
		t.Error("due before, or not due after a minute")
	}
	if err := os.WriteFile(j.File, []byte("damaged\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !j.Due(noon) {
		t.Error("a damaged one stays for ever")
	}
}

// Many who add and fold at the same time lose nothing but what was added to a
// part while it was read, and count nothing twice.
func TestJournalOfMany(t *testing.T) {
	j := journal(t)
	var mu sync.Mutex
	f := folded{}
	put := func(p *Page) error {
		mu.Lock()
		defer mu.Unlock()
		return f.put(p)
	}
	const writers, each = 8, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := j.Add(Note{Time: noon, Name: "f", Outcome: "hit-store"}); err != nil {
					t.Error(err)
				}
				if w == 0 && i%10 == 0 {
					if err := j.Fold(put); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := j.Fold(put); err != nil {
		t.Fatal(err)
	}
	if n := f.total("f").Outcomes["hit-store"]; n > writers*each || n < writers*(each-5) {
		t.Errorf("%d calls of %d", n, writers*each)
	}
	bad := Journal{filepath.Join(t.TempDir(), "f\x00")}
	if bad.Add(Note{}) == nil || bad.Fold(put) == nil {
		t.Error("no error for a path that cannot be")
	}
}
