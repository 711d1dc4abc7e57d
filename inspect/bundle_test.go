package inspect

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// The golden files pin format version 1: they must be readable for as long as
// this package reads it. So the flag makes files that are missing and changes
// none.
var addGolden = flag.Bool("add-golden", false, "write golden files that do not exist yet")

var bundleKey = []byte("golden secret, not used elsewhere")

// goldenRecords are what the golden bundles hold.
func goldenRecords(r *rig, mac []byte) []*store.Record {
	created := time.UnixMicro(1_763_812_345_678_901)
	a := r.record(spec{
		fn: "pkg.Parse", version: "v1", dataset: "d\xff", tags: []string{"s", "t"}, value: `{"answer":42}`, cost: 1234567 * time.Microsecond,
		grace: time.Hour, begun: 7, mac: mac, parts: []canon.Part{part("input.N", "42"), secretPart("scope.User", "u")},
	})
	a.Created, a.Expires = created, created.Add(90*time.Minute)
	b := r.record(spec{kind: store.KindEntry, fn: "state", entry: "k/\x00", value: `null`, policy: store.Persist, begun: 9, mac: mac, key: "b"})
	b.Created = created.Add(time.Second)
	return []*store.Record{a, b}
}

func writeGolden(r *rig, w io.Writer, key []byte) {
	b, err := newBundleWriter(w, key, [32]byte{1, 2, 3}, time.UnixMicro(1_763_812_400_000_000))
	if err != nil {
		r.Fatal(err)
	}
	for _, rec := range goldenRecords(r, key) {
		if err := b.entry(rec); err != nil {
			r.Fatal(err)
		}
	}
	if err := b.close(); err != nil {
		r.Fatal(err)
	}
}

func TestGoldenBundlesPinTheFormat(t *testing.T) {
	r := inMemory(t)
	for name, key := range map[string][]byte{"v1-plain.bundle": nil, "v1-signed.bundle": bundleKey} {
		path := filepath.Join("testdata", "golden", name)
		b, err := os.ReadFile(path)
		var now bytes.Buffer
		writeGolden(r, &now, key)
		if errors.Is(err, fs.ErrNotExist) && *addGolden {
			b = now.Bytes()
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
		// What gzip makes of it may change with its version, and still be the
		// same format. The rest may not.
		if !bytes.Equal(inflated(t, b), inflated(t, now.Bytes())) || !bytes.Equal(b[:prologueSize], now.Bytes()[:prologueSize]) {
			t.Errorf("%s: other bytes are written now", name)
		}
		rd, h, err := newBundleReader(bytes.NewReader(b), key, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if h.Exported != 1_763_812_400_000_000 || !bytes.Equal(h.Source, sourceOf([32]byte{1, 2, 3})) {
			t.Errorf("%s: header %+v", name, h)
		}
		for _, want := range goldenRecords(r, key) {
			e, value, err := rd.entry()
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.record(value)
			if err != nil {
				t.Fatal(err)
			}
			want.Size = int64(len(want.Value))
			if got.Manifest = append([]byte(nil), got.Manifest...); !cmp.Equal(got, want) {
				t.Errorf("%s: %s", name, cmp.Diff(want, got))
			}
		}
		if _, _, err := rd.entry(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v at the end", name, err)
		}
	}
}

func inflated(t *testing.T, b []byte) []byte {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(b[prologueSize:]))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// deflators are large.
var deflators = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// deflated is a bundle whose frames are these bytes.
func deflated(prologue, frames []byte) []byte {
	var out bytes.Buffer
	out.Write(prologue)
	gz := deflators.Get().(*gzip.Writer)
	defer deflators.Put(gz)
	gz.Reset(&out)
	_, _ = gz.Write(frames)
	_ = gz.Close()
	return out.Bytes()
}

// empty is a store to import into.
func empty(t *testing.T, now func() time.Time) *rig {
	s := memstore.New(&memstore.Options{Now: now})
	return newRig(t, s, nil, nil)
}

func TestEveryTruncationOfABundleIsRefused(t *testing.T) {
	r := inMemory(t)
	var whole bytes.Buffer
	writeGolden(r, &whole, nil)
	for n := range whole.Len() {
		to := empty(t, time.Now)
		im, err := to.i.Import(t.Context(), bytes.NewReader(whole.Bytes()[:n]), nil)
		if !errors.Is(err, ErrBundle) || !strings.HasPrefix(err.Error(), "inspect: import: ") {
			t.Fatalf("%d of %d bytes: %+v, %v", n, whole.Len(), im, err)
		}
	}
	frames := inflated(t, whole.Bytes())
	for n := range frames { // that gzip vouches for
		to := empty(t, time.Now)
		if im, err := to.i.Import(t.Context(), bytes.NewReader(deflated(whole.Bytes()[:prologueSize], frames[:n])), nil); !errors.Is(err, ErrBundle) {
			t.Fatalf("%d of %d bytes of frames: %+v, %v", n, len(frames), im, err)
		}
	}
	for name, b := range map[string][]byte{
		"something follows":     append(bytes.Clone(whole.Bytes()), 0),
		"another follows":       append(bytes.Clone(whole.Bytes()), whole.Bytes()...),
		"a frame follows":       deflated(whole.Bytes()[:prologueSize], append(bytes.Clone(frames), frames...)),
		"no entries but the H":  deflated(whole.Bytes()[:prologueSize], frames[len(frames)-60:]),
		"something else":        []byte("PK\x03\x04 and what follows in an archive"),
		"nothing":               nil,
		"a newer version":       append(append([]byte(bundleMagic), 2), whole.Bytes()[len(bundleMagic)+1:]...),
		"an unknown flag":       append(append([]byte(bundleMagic), 1, 1, 4), whole.Bytes()[len(bundleMagic)+3:]...),
		"signed, by the flag":   append(append([]byte(bundleMagic), 1, 1, 1), whole.Bytes()[len(bundleMagic)+3:]...),
		"no gzip":               append(append([]byte(bundleMagic), 1, 1, 0, 0), "this is no gzip stream, is it?"...),
		"a wrong gzip checksum": flip(whole.Bytes(), whole.Len()-6),
	} {
		to := empty(t, time.Now)
		if im, err := to.i.Import(t.Context(), bytes.NewReader(b), nil); !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %+v, %v", name, im, err)
		}
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func TestEveryBitFlipInABundleIsRefused(t *testing.T) {
	r := inMemory(t)
	for name, key := range map[string][]byte{"plain": nil, "signed": bundleKey} {
		var whole bytes.Buffer
		writeGolden(r, &whole, key)
		frames := inflated(t, whole.Bytes())
		for bit := range 8 * len(frames) {
			if key != nil && bit%7 > 0 { // enough to see the rest of a signed one
				continue
			}
			damaged := bytes.Clone(frames)
			damaged[bit/8] ^= 1 << (bit % 8)
			rd, _, err := newBundleReader(bytes.NewReader(deflated(whole.Bytes()[:prologueSize], damaged)), key, 1<<20)
			for err == nil {
				_, _, err = rd.entry()
			}
			if !errors.Is(err, ErrBundle) {
				t.Fatalf("%s: bit %d of byte %d: %v", name, bit%8, bit/8, err)
			}
		}
	}
}

// A claimed length makes the reader allocate in proportion to what is there.
func TestBundlesCannotClaimMemory(t *testing.T) {
	prologue := append([]byte(bundleMagic), bundleVersion, bundleGzip, 0, 0)
	for name, c := range map[string]struct {
		n uint32
		s uint64
	}{"value": {0, 1 << 29}, "description": {maxDescription, 0}, "both": {maxDescription, 1 << 29}, "too large": {0, 1 << 60}, "all": {1<<32 - 1, 1<<64 - 1}} {
		head := binary.BigEndian.AppendUint32([]byte{frameHeader}, c.n)
		head = binary.BigEndian.AppendUint64(head, c.s)
		b := deflated(prologue, append(head, make([]byte, 100)...))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, _, err := newBundleReader(bytes.NewReader(b), nil, 1<<30); !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
			t.Errorf("%s: %d bytes for a bundle of %d", name, grown, len(b))
		}
	}
}

// What no store would have written is refused, with a right checksum, too.
func TestHostileDescriptions(t *testing.T) {
	r := inMemory(t)
	value := r.record(spec{fn: "f", value: "1", key: "k"}).Value
	key := keyOf("k")
	good := func() *bundleEntry {
		rec := r.record(spec{fn: "f", value: "1", key: "k"})
		rec.Created = time.UnixMicro(1)
		return describeRecord(rec)
	}
	for name, change := range map[string]func(*bundleEntry){
		"none":             func(*bundleEntry) {},
		"short key":        func(e *bundleEntry) { e.Key = key[:31] },
		"long key":         func(e *bundleEntry) { e.Key = append(bytes.Clone(key[:]), 1) },
		"another key":      func(e *bundleEntry) { other := keyOf("x"); e.Key = other[:] },
		"kind":             func(e *bundleEntry) { e.Kind = 2 },
		"policy":           func(e *bundleEntry) { e.Policy = 9 },
		"negative grace":   func(e *bundleEntry) { e.Grace = -1 },
		"negative cost":    func(e *bundleEntry) { e.Cost = -1 },
		"negative expires": func(e *bundleEntry) { e.Expires = -1 },
		"unsorted tags":    func(e *bundleEntry) { e.Tags = [][]byte{[]byte("b"), []byte("a")} },
		"double tags":      func(e *bundleEntry) { e.Tags = [][]byte{[]byte("a"), []byte("a")} },
		"reserved":         func(e *bundleEntry) { e.Collection = []byte("reprise") },
		"null tags":        func(e *bundleEntry) { e.Tags = nil },
		"null manifest":    func(e *bundleEntry) { e.Manifest = nil },
		"null tag":         func(e *bundleEntry) { e.Tags = [][]byte{nil} },
		"null function":    func(e *bundleEntry) { e.Function = nil },
	} {
		var b bytes.Buffer
		w, err := newBundleWriter(&b, nil, [32]byte{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		e := good()
		change(e)
		w.end = bundleEnd{Entries: 1, Bytes: uint64(len(value))}
		if err := errors.Join(w.frame(frameEntry, e, value), w.close()); err != nil {
			t.Fatal(err)
		}
		to := empty(t, time.Now)
		im, err := to.i.Import(t.Context(), &b, nil)
		if harmless := name == "none"; harmless != (err == nil && im.Entries == 1) || !harmless && !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %+v, %v", name, im, err)
		}
	}
	var b bytes.Buffer
	w, err := newBundleWriter(&b, nil, [32]byte{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.frame('X', good(), value), w.close()); err != nil {
		t.Fatal(err)
	}
	if _, err := empty(t, time.Now).i.Import(t.Context(), &b, nil); !errors.Is(err, ErrBundle) {
		t.Errorf("a frame of unknown type: %v", err)
	}
}

// FuzzBundle gives the reader arbitrary frames, as they are and with the
// checksums put right, since no fuzzer would find one.
func FuzzBundle(f *testing.F) {
	prologue := append([]byte(bundleMagic), bundleVersion, bundleGzip, 0, 0)
	for _, name := range []string{"v1-plain.bundle", "v1-signed.bundle"} {
		b, err := os.ReadFile(filepath.Join("testdata", "golden", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		gz, err := gzip.NewReader(bytes.NewReader(b[prologueSize:]))
		if err != nil {
			f.Fatal(err)
		}
		frames, err := io.ReadAll(gz)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frames)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, whole := range [][]byte{b, deflated(prologue, b), deflated(prologue, rechecked(prologue, b))} {
			rd, _, err := newBundleReader(bytes.NewReader(whole), nil, 1<<16)
			for err == nil {
				var e *bundleEntry
				var value []byte
				if e, value, err = rd.entry(); err != nil {
					break
				}
				rec, err := e.record(value)
				if err != nil {
					break
				}
				again, err := bundleEncoding.Marshal(describeRecord(rec))
				if err != nil {
					t.Fatal(err)
				}
				var back bundleEntry
				if err := describe(again, &back); err != nil {
					t.Fatalf("%+v does not come back: %v", e, err)
				}
			}
			if err != nil && !errors.Is(err, ErrBundle) && !errors.Is(err, io.EOF) {
				t.Fatalf("%v", err)
			}
		}
	})
}

// rechecked puts right the checksum of each frame in b.
func rechecked(prologue, b []byte) []byte {
	b = bytes.Clone(b)
	chain := sha256.Sum256(prologue)
	for at := 0; len(b)-at >= frameFixed; {
		n, s := binary.BigEndian.Uint32(b[at+1:]), binary.BigEndian.Uint64(b[at+5:])
		end := uint64(at) + frameFixed + uint64(n) + s
		if end < uint64(at) || end+sha256.Size > uint64(len(b)) {
			break
		}
		chain = link(chain, b[at:end], nil)
		copy(b[end:], chain[:])
		at = int(end) + sha256.Size
	}
	return b
}
