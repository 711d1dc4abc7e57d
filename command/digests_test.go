package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// later is a clock that is ahead, so that files are old enough to be
// remembered.
func later() time.Time { return time.Now().Add(time.Minute) }

func laterDigests(dir string) *digests {
	d := newDigests(dir)
	d.now = later
	return d
}

// sum hashes a file by way of digests.
func (d *digests) sum(t *testing.T, path string) digest {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &content{shard: d.under(filepath.Dir(path)), path: path, info: info}
	if err := hashAll(t.Context(), []*content{c}); err != nil {
		t.Fatal(err)
	}
	return c.sum
}

// poison makes a shard remember what is not so: whoever gets it did not read.
func (d *digests) poison(t *testing.T, path string) digest {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := digest{1, 2, 3}
	d.under(filepath.Dir(path)).remember(path, identify(info), wrong, d.now())
	if err := d.save(); err != nil {
		t.Fatal(err)
	}
	return wrong
}

func TestDigestsAreRemembered(t *testing.T) {
	state, dir := t.TempDir(), t.TempDir()
	p := filepath.Join(dir, "f")
	put := func(text string) digest {
		t.Helper()
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256([]byte(text))
	}
	want := put("text")
	d := laterDigests(state)
	if d.sum(t, p) != want || d.save() != nil {
		t.Fatal("wrong digest")
	}
	wrong := laterDigests(state).poison(t, p)
	if laterDigests(state).sum(t, p) != wrong {
		t.Error("the file was read again")
	}
	if want = put("tex2"); laterDigests(state).sum(t, p) != want {
		t.Error("the file was not read again after it was written")
	}
	laterDigests(state).poison(t, p)
	past := time.Unix(1, 0)
	if err := os.Chtimes(p, past, past); err != nil {
		t.Fatal(err)
	}
	if laterDigests(state).sum(t, p) != want {
		t.Error("the file was not read again after its time was set")
	}
	laterDigests(state).poison(t, p)
	other := filepath.Join(dir, "g")
	if err := os.WriteFile(other, []byte("tex2"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, p); err != nil {
		t.Fatal(err)
	}
	if laterDigests(state).sum(t, p) != want {
		t.Error("the file was not read again after it was replaced")
	}
}

// A file that was touched a moment ago may change again without showing it.
func TestYoungFilesAreReadAgain(t *testing.T) {
	state, p := t.TempDir(), filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(p, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := newDigests(state)
	d.sum(t, p)
	if err := d.save(); err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir(state); len(list) != 0 {
		t.Errorf("remembered: %v", list)
	}
}

// What is damaged, cut short or of another format is as if it were not there.
func TestDamagedShards(t *testing.T) {
	state, p := t.TempDir(), filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(p, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	laterDigests(state).poison(t, p)
	file := shardFile(state, filepath.Dir(p))
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := parseShard(sound); !ok {
		t.Fatal("a sound shard is refused")
	}
	want := digest(sha256.Sum256([]byte("text")))
	for i := range sound {
		bad := bytes.Clone(sound)
		bad[i] ^= 1
		if _, ok := parseShard(bad); ok {
			t.Errorf("byte %d is not looked at", i)
		}
		if _, ok := parseShard(sound[:i]); ok {
			t.Errorf("cut to %d bytes", i)
		}
	}
	if err := os.WriteFile(file, sound[:len(sound)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	d := laterDigests(state)
	if d.sum(t, p) != want || d.save() != nil {
		t.Error("a damaged shard was believed")
	}
	if b, err := os.ReadFile(file); err != nil || len(b) != len(sound) {
		t.Errorf("the shard has not healed: %d bytes, %v", len(b), err)
	}
}

// Processes that write at the same time leave a sound shard, with what the last
// one wrote at least.
func TestShardsOfSeveralWriters(t *testing.T) {
	state, dir := t.TempDir(), t.TempDir()
	const files, writers = 50, 8
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte(strconv.Itoa(i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range files {
				d := laterDigests(state)
				d.sum(t, filepath.Join(dir, strconv.Itoa((i+w*7)%files)))
				if err := d.save(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(shardFile(state, dir))
	if err != nil {
		t.Fatal(err)
	}
	tab, ok := parseShard(b)
	if !ok || tab.n < files/2 {
		t.Errorf("sound %t, %d entries of %d", ok, tab.n, files)
	}
	for i := range tab.n {
		if tab.known(i).sum != sha256.Sum256([]byte(tab.path(i))) {
			t.Errorf("%s has another's digest", tab.path(i))
		}
	}
	if list, _ := os.ReadDir(state); len(list) != 2 { // the shard and the mark of the sweep
		t.Errorf("left behind: %v", list)
	}
}

// Shards are bounded: too many entries become those that are needed, and what
// nobody uses goes.
func TestShardsAreBounded(t *testing.T) {
	state := t.TempDir()
	s := &shard{base: "/b", file: shardFile(state, "/b"), now: later}
	s.fresh = make(map[string]known, maxEntries)
	for i := range maxEntries {
		s.fresh[strconv.Itoa(i)] = known{id: identity{size: int64(i) + 1}}
	}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	again := &shard{base: "/b", file: s.file, now: later}
	again.load()
	for _, i := range []int{0, 77, maxEntries - 1} {
		if _, ok := again.lookup("/b/"+strconv.Itoa(i), identity{size: int64(i) + 1}); !ok {
			t.Errorf("%d is not known", i)
		}
	}
	again.remember("/b/new", identity{size: 1}, digest{}, later())
	if err := again.save(); err != nil {
		t.Fatal(err)
	}
	if again.table.n != 4 {
		t.Errorf("%d entries, want the 3 that were needed and the new one", again.table.n)
	}

	stale := filepath.Join(state, "old")
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * shardLife)
	_ = os.Chtimes(stale, long, long)
	_ = os.Chtimes(filepath.Join(state, "swept"), long, long)
	forget(state, time.Now())
	if _, err := os.Stat(stale); err == nil {
		t.Error("what nobody uses stays")
	}
	if _, err := os.Stat(s.file); err != nil {
		t.Error("what is in use goes")
	}
}

func FuzzParseShard(f *testing.F) {
	f.Add(encodeShard(map[string]known{"a": {id: identity{size: 1}}, "b/c": {sum: digest{9}}}))
	f.Add(encodeShard(nil))
	f.Add([]byte(shardMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, ok := parseShard(b)
		if !ok {
			return
		}
		for i := range tab.n {
			_, _ = tab.path(i), tab.known(i)
		}
		tab.find("x")
	})
}

// manyFiles makes 10,000 files in 100 directories.
func manyFiles(b testing.TB, dir string) {
	b.Helper()
	for i := range 10_000 {
		d := filepath.Join(dir, fmt.Sprintf("d%02d", i%100))
		if i < 100 {
			if err := os.Mkdir(d, 0o755); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(d, fmt.Sprintf("file-%04d.txt", i)), bytes.Repeat([]byte{byte(i)}, 2000), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// scanAll is what a new process does with a directory of inputs.
func scanAll(ctx context.Context, state, dir string) (int, error) {
	d := laterDigests(state)
	s := &scan{ctx: ctx, dir: dir, digests: d}
	all, err := s.inputs([]string{"."})
	if err == nil {
		err = d.save()
	}
	return len(all), err
}

// Ten thousand inputs that are unchanged: nothing but what a new process finds
// in its files.
func BenchmarkTenThousandInputs(b *testing.B) {
	state, dir := b.TempDir(), b.TempDir()
	manyFiles(b, dir)
	began := time.Now()
	if n, err := scanAll(b.Context(), state, dir); n != 10_000 || err != nil {
		b.Fatal(n, err)
	}
	b.Logf("the first time: %v", time.Since(began))
	for b.Loop() {
		if n, err := scanAll(b.Context(), state, dir); n != 10_000 || err != nil {
			b.Fatal(n, err)
		}
	}
}
