package reprise_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/store"
)

// These tests alter what an SQLite file holds behind the cache's back.

// row is where the embedded store keeps one sealed value: in the row itself,
// or in a file that the row names.
type row struct {
	value []byte
	hash  []byte // of the file; empty: in the row
}

// database is the path in a URL of function file.
func database(url string) string { return strings.TrimPrefix(url, "sqlite:") }

// raw runs a statement on the file itself and calls each with its rows.
func raw(t *testing.T, path, sql string, bind func(*sqlite3.Stmt), each func(*sqlite3.Stmt)) {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	st, _, err := db.Prepare(sql)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if bind != nil {
		bind(st)
	}
	for st.Step() {
		if each != nil {
			each(st)
		}
	}
	if err := st.Err(); err != nil {
		t.Fatal(err)
	}
}

func rowOf(t *testing.T, path string, key store.Key) (r row) {
	t.Helper()
	found := 0
	raw(t, path, "SELECT value, file FROM entries WHERE key = ? AND present = 1",
		func(st *sqlite3.Stmt) { st.BindBlob(1, key[:]) },
		func(st *sqlite3.Stmt) {
			r.value, r.hash = bytes.Clone(st.ColumnRawBlob(0)), bytes.Clone(st.ColumnRawBlob(1))
			found++
		})
	if found != 1 {
		t.Fatalf("%d rows of key %s, want 1", found, key.Short())
	}
	return r
}

func valueFile(path string, hash []byte) string {
	return filepath.Join(path+".values", fmt.Sprintf("%x", hash[:1]), fmt.Sprintf("%x", hash[1:]))
}

// sealed is the value as it lies there.
func (r *row) sealed(t *testing.T, path string) []byte {
	t.Helper()
	if len(r.hash) == 0 {
		return bytes.Clone(r.value)
	}
	b, err := os.ReadFile(valueFile(path, r.hash))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plant puts sealed in the place of key's value. honest has the row state the
// right size, as someone would who can write the database.
func plant(t *testing.T, path string, key store.Key, sealed []byte, honest bool) {
	t.Helper()
	r := rowOf(t, path, key)
	if len(r.hash) > 0 {
		if err := os.WriteFile(valueFile(path, r.hash), sealed, 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		raw(t, path, "UPDATE entries SET value = ? WHERE key = ?", func(st *sqlite3.Stmt) {
			st.BindBlob(1, sealed)
			st.BindBlob(2, key[:])
		}, nil)
	}
	if honest {
		raw(t, path, "UPDATE entries SET size = ? WHERE key = ?", func(st *sqlite3.Stmt) {
			st.BindInt64(1, int64(len(sealed)))
			st.BindBlob(2, key[:])
		}, nil)
	}
}

// integrity asks SQLite whether its file is in order.
func integrity(t *testing.T, path string) {
	t.Helper()
	raw(t, path, "PRAGMA integrity_check", nil, func(st *sqlite3.Stmt) {
		if s := st.ColumnText(0); s != "ok" {
			t.Errorf("integrity check of %s: %s", path, s)
		}
	})
}

// noise does not compress.
func noise(seed, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(b) // never fails
	return b
}

// sized is a function whose results are of a given size and tell their input.
func sized(n int) func(context.Context, int) ([]byte, error) {
	return func(_ context.Context, in int) ([]byte, error) { return noise(in, n), nil }
}

// TestGuarantee07_DamagedValuesAreReplaced: whatever becomes of the stored
// bytes, the call gets the right value, says that the record was corrupt, and
// replaces it.
func TestGuarantee07_DamagedValuesAreReplaced(t *testing.T) {
	for name, size := range map[string]int{"in the row": 4 << 10, "in a file": 100 << 10} {
		t.Run(name, func(t *testing.T) {
			url := file(t)
			f := wrap(t, open(t, url), sized(size), reprise.Options[int, []byte]{Residency: reprise.Transient})
			key := does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent).Key
			r := rowOf(t, database(url), key)
			if inFile := len(r.hash) > 0; inFile != (size > 64<<10) {
				t.Fatalf("a value of %d bytes lies in a file: %t", size, inFile)
			}
			for how, bad := range damages(r.sealed(t, database(url))) {
				for _, honest := range []bool{false, true} {
					plant(t, database(url), key, bad, honest)
					got := does(t, t.Context(), f, 1, reprise.Populated, reprise.Corrupt)
					again := does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
					if !bytes.Equal(got.Value, noise(1, size)) || !bytes.Equal(again.Value, noise(1, size)) {
						t.Fatalf("%s: a wrong value", how)
					}
				}
			}
		})
	}
}

// damages are samples of what can befall bytes; package envelope tries them all.
func damages(good []byte) map[string][]byte {
	out := map[string][]byte{
		"empty":    {},
		"zeros":    make([]byte, len(good)),
		"foreign":  []byte(`{"json": "of somebody else"}`),
		"appended": append(bytes.Clone(good), 0),
	}
	r := rand.New(rand.NewPCG(7, uint64(len(good))))
	for range torture(3, 60) {
		at := r.IntN(len(good))
		flipped := bytes.Clone(good)
		flipped[at] ^= 1 << r.IntN(8)
		out[fmt.Sprintf("bit of byte %d", at)] = flipped
		cut := r.IntN(len(good))
		out[fmt.Sprintf("cut at %d", cut)] = bytes.Clone(good[:cut])
	}
	return out
}

func TestGuarantee07_LostValueFileIsReplaced(t *testing.T) {
	url := file(t)
	f := wrap(t, open(t, url), sized(100<<10), reprise.Options[int, []byte]{Residency: reprise.Transient})
	key := does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent).Key
	r := rowOf(t, database(url), key)
	if err := os.Remove(valueFile(database(url), r.hash)); err != nil {
		t.Fatal(err)
	}
	does(t, t.Context(), f, 1, reprise.Populated, reprise.Corrupt)
	does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
}

// TestGuarantee08_SwappedValuesMiss: A's sound bytes under B's key are no
// value of B.
func TestGuarantee08_SwappedValuesMiss(t *testing.T) {
	for name, size := range map[string]int{"in the row": 1 << 10, "in a file": 100 << 10} {
		t.Run(name, func(t *testing.T) {
			url := file(t)
			f := wrap(t, open(t, url), sized(size), reprise.Options[int, []byte]{Residency: reprise.Transient})
			a := does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent).Key
			b := does(t, t.Context(), f, 2, reprise.Populated, reprise.Absent).Key
			of := rowOf(t, database(url), a)
			plant(t, database(url), b, of.sealed(t, database(url)), true)
			got := does(t, t.Context(), f, 2, reprise.Populated, reprise.Corrupt)
			if !bytes.Equal(got.Value, noise(2, size)) {
				t.Error("the call for B got a wrong value")
			}
			does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
			does(t, t.Context(), f, 2, reprise.HitStore, reprise.NoReason)
		})
	}
}

// forge builds a sealed record as docs/envelope.md describes it, with a right
// checksum, as someone can who writes the store.
func forge(key store.Key, codec string, compression byte, plain uint64, stored []byte) []byte {
	b := append([]byte("rprs"), 1, 0, compression, byte(len(codec)))
	b = binary.BigEndian.AppendUint64(b, plain)
	b = binary.BigEndian.AppendUint64(b, uint64(len(stored)))
	b = append(append(append(b, key[:]...), codec...), stored...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func deflated(t *testing.T, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

type nest struct{ Kids []nest }

// evilRecord is a record of somebody who can compute checksums.
type evilRecord struct {
	sealed []byte
	why    reprise.Reason // of the miss
}

// evil are records for key that a codec named name reads honest from.
func evil(t *testing.T, key store.Key, name, honest string) map[string]evilRecord {
	t.Helper()
	const gib = 1 << 30
	deep := strings.Repeat(`{"Kids":[`, 1<<18)
	return map[string]evilRecord{
		"claims 1 GiB":            {forge(key, name, 1, gib, deflated(t, []byte(honest))), reprise.Corrupt},
		"claims 200 MiB":          {forge(key, name, 1, 200<<20, deflated(t, []byte(honest))), reprise.Corrupt},
		"claims 2^64-1":           {forge(key, name, 1, 1<<64-1, nil), reprise.Corrupt},
		"inflates beyond claim":   {forge(key, name, 1, 1024, deflated(t, make([]byte, 64<<20))), reprise.Corrupt},
		"nests 262,144 deep":      {forge(key, name, 1, uint64(len(deep)), deflated(t, []byte(deep))), reprise.Undecodable},
		"is of another codec":     {forge(key, "gob", 0, 5, []byte("\x03\x04\x00\x02\x01")), reprise.Undecodable},
		"is of another type":      {forge(key, name, 0, 10, []byte(`"a string"`)), reprise.Undecodable},
		"has two values in one":   {forge(key, name, 0, 22, []byte(honest+honest)), reprise.Undecodable},
		"holds bytes for no text": {forge(key, name, 0, 3, []byte{0xff, 0xfe, 0}), reprise.Undecodable},
	}
}

// TestGuarantee09_HostileRecordsMiss: records with right checksums and evil
// content cost neither the value nor much memory.
func TestGuarantee09_HostileRecordsMiss(t *testing.T) {
	url := file(t)
	fn := func(context.Context, int) (nest, error) { return nest{Kids: []nest{{}, {}}}, nil }
	f := wrap(t, open(t, url), fn, reprise.Options[int, nest]{Residency: reprise.Transient})
	key := does(t, t.Context(), f, 1, reprise.Populated, reprise.Absent).Key
	name := codec.JSON[nest]().Name()
	honest := `{"Kids":[]}`
	if r := rowOf(t, database(url), key); !bytes.HasPrefix(r.value, forge(key, name, 0, 0, nil)[:8]) {
		t.Fatalf("the store's record begins with %x; the test forges another format", r.value[:8])
	}
	plant(t, database(url), key, forge(key, name, 0, uint64(len(honest)), []byte(honest)), true)
	if r := does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason); len(r.Value.Kids) != 0 {
		t.Fatal("a forged record with fair content is not taken: the test forges badly")
	}
	for what, c := range evil(t, key, name, honest) {
		t.Run(what, func(t *testing.T) {
			plant(t, database(url), key, c.sealed, true)
			grown := allocated(func() {
				if r := does(t, t.Context(), f, 1, reprise.Populated, c.why); len(r.Value.Kids) != 2 {
					t.Error("the caller got a wrong value")
				}
			})
			if grown >= 32<<20 {
				t.Errorf("the call allocated %d MiB", grown>>20)
			}
			does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
		})
	}
}

// allocated is how many bytes f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestGuarantee10_ForeignSignaturesMiss: with a SigningKey a cache takes only
// what that key signed, whoever else can write the store.
func TestGuarantee10_ForeignSignaturesMiss(t *testing.T) { foreignSignatures(t, file(t)) }

func foreignSignatures(t *testing.T, url string) {
	t.Helper()
	keys := map[string][]byte{
		"ours": []byte("a key of our own, 32 bytes long."), "theirs": []byte("the key of somebody who guesses"), "unsigned": nil,
	}
	fs := map[string]*reprise.Func[int, []byte]{}
	for who, key := range keys {
		c := openWith(t, url, &reprise.Config{OnStoreError: reprise.FailClosed, SigningKey: key})
		fs[who] = wrap(t, c, sized(100), reprise.Options[int, []byte]{Residency: reprise.Transient})
	}
	for _, who := range []string{"theirs", "unsigned"} {
		if err := fs[who].Set(t.Context(), 1, []byte("poison")); err != nil {
			t.Fatal(err)
		}
		if r := does(t, t.Context(), fs["ours"], 1, reprise.Populated, reprise.Corrupt); !bytes.Equal(r.Value, noise(1, 100)) {
			t.Errorf("a record of %s poisoned ours", who)
		}
		does(t, t.Context(), fs["ours"], 1, reprise.HitStore, reprise.NoReason)
	}
}
