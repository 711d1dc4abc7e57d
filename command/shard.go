package command

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// A shard remembers the digests of files below a directory. Its file is a
// magic number, a CRC-32C of the rest, the number of entries, the entries in
// the order of their paths, and the paths. It is searched as it is, so a shard
// of many files costs a call that needs one of them little. It is replaced as a
// whole: of two processes that write at the same time, one is lost, and with it
// no more than some time. What does not match the checksum is ignored.
type shard struct {
	base string
	file string // "": none
	now  func() time.Time

	mu    sync.Mutex
	table table
	fresh map[string]known // not in the file yet; guarded by mu
	used  []bool           // entries of the table that were looked up; guarded by mu
}

type known struct {
	id  identity
	sum digest
}

// table is the content of a shard's file after number and checksum.
type table struct {
	n     int
	rows  []byte
	paths string
}

const (
	shardMagic = "rdigest\x01"
	shardHead  = len(shardMagic) + 4 + 4
	rowSize    = 4 + 5*8 + sha256.Size
	// maxEntries bounds a shard, to some 10 MB.
	maxEntries = 1 << 17
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func shardFile(dir, base string) string {
	sum := sha256.Sum256([]byte(base))
	return filepath.Join(dir, hex.EncodeToString(sum[:16]))
}

// load reads the file, if there is one and it is sound.
func (s *shard) load() {
	s.table = table{}
	if s.file == "" {
		return
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return
	}
	if t, ok := parseShard(b); ok {
		s.table = t
		s.used = make([]bool, t.n)
		touch(s.file, s.now())
	}
}

// touch marks a file as in use, once a day, for forget.
func touch(file string, now time.Time) {
	if info, err := os.Stat(file); err == nil && now.Sub(info.ModTime()) > 24*time.Hour {
		_ = os.Chtimes(file, now, now)
	}
}

// parseShard checks all that searching relies on.
func parseShard(b []byte) (t table, ok bool) {
	if len(b) < shardHead || string(b[:len(shardMagic)]) != shardMagic {
		return t, false
	}
	le := binary.LittleEndian
	rest := b[len(shardMagic)+4:]
	if checksum(rest) != le.Uint32(b[len(shardMagic):]) {
		return t, false
	}
	n := int64(le.Uint32(rest))
	if rest = rest[4:]; n*rowSize > int64(len(rest)) {
		return t, false
	}
	t = table{n: int(n), rows: rest[:n*rowSize], paths: string(rest[n*rowSize:])}
	last := 0
	for i := range t.n {
		end := t.end(i)
		if end < last || end > len(t.paths) {
			return table{}, false
		}
		last = end
	}
	return t, true
}

func (t *table) row(i int) []byte { return t.rows[i*rowSize:][:rowSize] }

func (t *table) end(i int) int {
	if i < 0 {
		return 0
	}
	return int(binary.LittleEndian.Uint32(t.row(i)))
}

func (t *table) path(i int) string { return t.paths[t.end(i-1):t.end(i)] }

func (t *table) known(i int) known {
	r := t.row(i)[4:]
	le := binary.LittleEndian
	k := known{id: identity{
		size: int64(le.Uint64(r)), mtime: int64(le.Uint64(r[8:])), ctime: int64(le.Uint64(r[16:])),
		device: le.Uint64(r[24:]), inode: le.Uint64(r[32:]),
	}}
	copy(k.sum[:], r[40:])
	return k
}

func (t *table) find(path string) (int, bool) {
	return sort.Find(t.n, func(i int) int { return strings.Compare(path, t.path(i)) })
}

// lookup finds the digest of a file that is still what it was.
func (s *shard) lookup(path string, id identity) (digest, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rel := s.rel(path)
	if k, ok := s.fresh[rel]; ok {
		return k.sum, k.id == id
	}
	i, ok := s.table.find(rel)
	if !ok {
		return digest{}, false
	}
	s.used[i] = true
	k := s.table.known(i)
	return k.sum, k.id == id
}

// remember notes the digest of a file whose reading began at the given time,
// unless the file was touched too short before.
func (s *shard) remember(path string, id identity, sum digest, began time.Time) {
	if began.UnixNano()-max(id.mtime, id.ctime) < int64(racyWindow) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh == nil {
		s.fresh = make(map[string]known)
	}
	s.fresh[s.rel(path)] = known{id, sum}
}

// save puts what is new into the file, beside what others put there since.
func (s *shard) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.fresh) == 0 {
		return nil
	}
	all := s.merged()
	if err := replaceFile(s.file, encodeShard(all)); err != nil {
		return err
	}
	forget(filepath.Dir(s.file), s.now())
	s.load()
	s.fresh = nil
	return nil
}

// merged is all that is known. What would be too much is reduced to what this
// call needed.
func (s *shard) merged() map[string]known {
	needed := make(map[string]known, len(s.fresh))
	for i, used := range s.used {
		if used {
			needed[s.table.path(i)] = s.table.known(i)
		}
	}
	maps.Copy(needed, s.fresh)
	s.load()
	if s.table.n+len(s.fresh) > maxEntries {
		return needed
	}
	for i := range s.table.n {
		if p := s.table.path(i); needed[p] == (known{}) {
			needed[p] = s.table.known(i)
		}
	}
	return needed
}

func encodeShard(all map[string]known) []byte {
	paths := slices.Sorted(maps.Keys(all))
	le := binary.LittleEndian
	b := append([]byte(shardMagic), 0, 0, 0, 0)
	b = le.AppendUint32(b, uint32(len(paths)))
	end := 0
	for _, p := range paths {
		k := all[p]
		end += len(p)
		b = le.AppendUint32(b, uint32(end))
		for _, v := range []uint64{uint64(k.id.size), uint64(k.id.mtime), uint64(k.id.ctime), k.id.device, k.id.inode} {
			b = le.AppendUint64(b, v)
		}
		b = append(b, k.sum[:]...)
	}
	for _, p := range paths {
		b = append(b, p...)
	}
	le.PutUint32(b[len(shardMagic):], checksum(b[len(shardMagic)+4:]))
	return b
}

// replaceFile writes a file that belongs to this user alone, in one step.
func replaceFile(name string, b []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// tempPrefix begins the names of files that are not complete yet.
const tempPrefix = ".reprise-"

// shardLife is how long the digests of a directory are kept after their use.
const shardLife = 30 * 24 * time.Hour

// forget removes shards that nobody has used for long, at most once a day.
func forget(dir string, now time.Time) {
	mark := filepath.Join(dir, "swept")
	info, err := os.Stat(mark)
	if err == nil && now.Sub(info.ModTime()) < 24*time.Hour {
		return
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return
	}
	_ = os.Chtimes(mark, now, now)
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range list {
		if old(e, now) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

func old(e fs.DirEntry, now time.Time) bool {
	info, err := e.Info()
	return err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > shardLife
}
