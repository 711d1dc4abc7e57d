package sqlitestore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// filled is the path of a closed database with n records, all in one file.
func filled(t testing.TB, n uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "reprise.db")
	s := open(t, path, quiet())
	for i := range n {
		if _, err := s.Put(context.Background(), numbered(i), store.PutPublish); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantIntegrity(t, path) // and no log: SQLite itself leaves none
	return path
}

// contents maps the names in the directory of path to digests.
func contents(t testing.TB, path string) string {
	t.Helper()
	var out strings.Builder
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s %x\n", e.Name(), sha256.Sum256(b))
	}
	return out.String()
}

// wantRefused expects Open to fail with want, to name the file, and to change
// nothing in its directory.
func wantRefused(t *testing.T, path string, want error, words ...string) {
	t.Helper()
	before := contents(t, path)
	s, err := sqlitestore.Open(t.Context(), path, quiet())
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, want) {
		t.Fatalf("Open = %v, want %v", err, want)
	}
	for _, w := range append(words, path) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("Open = %v, which does not say %q", err, w)
		}
	}
	if after := contents(t, path); after != before {
		t.Errorf("Open changed the files:\n%sto\n%s", before, after)
	}
}

func execSQL(t testing.TB, path, sql string) {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Exec(sql); err != nil {
		t.Fatal(err)
	}
}

func TestGuarantee16_NewerSchemaIsLeftAlone(t *testing.T) {
	path := filled(t, 5)
	execSQL(t, path, "PRAGMA user_version = 2")
	wantRefused(t, path, store.ErrNewerSchema, "schema 2", "upgrade")
}

// The newer version may still be in the log of a process that runs or died.
func TestGuarantee16_NewerSchemaInTheLog(t *testing.T) {
	path := filled(t, 5)
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Exec("PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} { // as after a crash
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "copy.db"+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(filepath.Dir(path), "copy.db")
	before, _ := os.ReadFile(copied)
	log, _ := os.ReadFile(copied + "-wal")
	s, err := sqlitestore.Open(t.Context(), copied, quiet())
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, store.ErrNewerSchema) {
		t.Fatalf("Open = %v, want ErrNewerSchema", err)
	}
	after, _ := os.ReadFile(copied)
	logAfter, _ := os.ReadFile(copied + "-wal")
	if string(before) != string(after) || string(log) != string(logAfter) {
		t.Error("Open changed the database or its log")
	}
}

func TestOpenForeign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	execSQL(t, path, "CREATE TABLE precious (x); INSERT INTO precious VALUES (1)")
	wantRefused(t, path, store.ErrCorrupt, "another program")

	path = filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, store.ErrCorrupt, "not an SQLite database")

	path = filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, store.ErrCorrupt)
}

func TestOpenTruncated(t *testing.T) {
	for _, keep := range []int64{50, 100, 1000, 4096, 40000} {
		path := filled(t, 50)
		if err := os.Truncate(path, keep); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, path, store.ErrCorrupt)
	}
}

func TestOpenEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reprise.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, nil)
	if _, err := s.Put(t.Context(), numbered(1), store.PutPublish); err != nil {
		t.Fatal(err)
	}
	wantNumbered(t, s, 1)
}

func TestOpenBadArguments(t *testing.T) {
	dir := t.TempDir()
	for name, open := range map[string]func() (*sqlitestore.Store, error){
		"empty path": func() (*sqlitestore.Store, error) { return sqlitestore.Open(t.Context(), "", nil) },
		"directory":  func() (*sqlitestore.Store, error) { return sqlitestore.Open(t.Context(), dir, nil) },
		"below a file": func() (*sqlitestore.Store, error) {
			f := filepath.Join(dir, "file")
			os.WriteFile(f, nil, 0o600)
			return sqlitestore.Open(t.Context(), filepath.Join(f, "x.db"), nil)
		},
		"durability": func() (*sqlitestore.Store, error) {
			return sqlitestore.Open(t.Context(), filepath.Join(dir, "a"), &sqlitestore.Options{Durability: 7})
		},
		"inline": func() (*sqlitestore.Store, error) {
			return sqlitestore.Open(t.Context(), filepath.Join(dir, "a"), &sqlitestore.Options{InlineBelow: 1 << 30})
		},
	} {
		s, err := open()
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "sqlitestore: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlitestore.Open(ctx, filepath.Join(dir, "b"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A process may die between its first write and the schema.
func TestOpenBarelyCreated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reprise.db")
	execSQL(t, path, "PRAGMA auto_vacuum = INCREMENTAL")
	if fi, err := os.Stat(path); err != nil || fi.Size() == 0 {
		t.Fatalf("the pragma wrote nothing (%v), so this tests nothing", err)
	}
	s := open(t, path, nil)
	if _, err := s.Put(t.Context(), numbered(1), store.PutPublish); err != nil {
		t.Fatal(err)
	}
	wantNumbered(t, s, 1)
}

// Odd names must reach SQLite unharmed.
func TestOpenOddPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?mode=memory#x%41&ü", "r?.db")
	s := open(t, path, nil)
	if _, err := s.Put(t.Context(), numbered(17), store.PutPublish); err != nil {
		t.Fatal(err)
	}
	wantNumbered(t, s, 17)
	for name, mode := range map[string]os.FileMode{
		"": 0o600, "-wal": 0o600, "-shm": 0o600, ".values": 0o700 | os.ModeDir,
	} {
		fi, err := os.Stat(path + name)
		if err != nil || fi.Mode() != mode {
			t.Errorf("%q: %v, %v", name, fi.Mode(), err)
		}
	}
}

// Damage that Open does not see is an error of the operation that meets it.
func TestCorruptionWhileOpen(t *testing.T) {
	path := filled(t, 300)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 8 * 4096; i < len(b); i++ { // the schema and the small tables come first
		b[i] = 0xa5
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sqlitestore.Open(t.Context(), path, quiet())
	if err == nil {
		defer s.Close()
		for i := range uint64(300) {
			if _, err = s.Get(t.Context(), numbered(i).Key); err != nil {
				break
			}
		}
	}
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Errorf("error = %v, want ErrCorrupt that names the file", err)
	}
}

// FuzzOpenDamaged flips bytes of a database, and uses it as far as it goes. The
// only thing that may not happen is a panic, or a wrong error.
func FuzzOpenDamaged(f *testing.F) {
	whole, err := os.ReadFile(filled(f, 40))
	if err != nil {
		f.Fatal(err)
	}
	for seed := range uint64(30) {
		f.Add(seed, uint16(1<<(seed%8)))
	}
	f.Fuzz(func(t *testing.T, seed uint64, flips uint16) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := append([]byte(nil), whole...)
		for range flips % 512 {
			b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
		}
		path := filepath.Join(t.TempDir(), "reprise.db")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := sqlitestore.Open(t.Context(), path, quiet())
		if err != nil {
			if !strings.HasPrefix(err.Error(), "sqlitestore: ") {
				t.Errorf("Open = %v", err)
			}
			return
		}
		defer s.Close()
		use(s)
	})
}

// use calls everything that reads much.
func use(s *sqlitestore.Store) {
	ctx := context.Background()
	for i := range uint64(40) {
		s.Get(ctx, numbered(i).Key)
	}
	for order := range store.ByEntry + 1 {
		s.List(ctx, store.Query{Order: order, Manifests: true, All: true})
	}
	s.Count(ctx, store.Query{})
	s.Changes(ctx, 1)
	s.Clear(ctx, numbered(1).Key)
	s.Bump(ctx, store.All(), store.TagLabel("odd"))
	s.Put(ctx, numbered(50), store.PutSet)
	s.Sweep(ctx)
}

// A sweep over an index that names rows which are gone ends with an error: it
// must not go round for ever.
func TestSweepDamagedIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reprise.db")
	c := newClock()
	s := open(t, path, &sqlitestore.Options{SweepEvery: -1, Now: c.Now})
	rec := numbered(1)
	rec.TTL = time.Second
	if _, err := s.Put(t.Context(), rec, store.PutPublish); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sweep(t.Context()); err != nil { // counts the entry
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Delete the row while SQLite does not know the index.
	execSQL(t, path, `CREATE TABLE hidden AS SELECT * FROM sqlite_schema WHERE name = 'entries_set';
		PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'entries_set'`)
	execSQL(t, path, `DELETE FROM entries; PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM hidden`)
	c.Advance(time.Hour)
	s = open(t, path, &sqlitestore.Options{SweepEvery: -1, Now: c.Now})
	if _, err := s.Sweep(t.Context()); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Sweep = %v, want ErrCorrupt", err)
	}
}
