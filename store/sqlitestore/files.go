package sqlitestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// files keeps large values, each in a file named by the SHA-256 of its content
// under two hexadecimal digits of it. The table files counts the rows that use
// each.
//
// Names are made and removed inside write transactions only, of which there is
// one at a time over all processes. So whoever holds the transaction and finds
// no row using a file can delete it: nobody else is about to use it. Readers
// hold no lock; one that finds its file gone looks the row up again.
type files struct {
	dir  string
	sync bool
}

// staged is a value written to a temporary file that has no lasting name yet.
type staged struct {
	temp string
	hash [sha256.Size]byte
	size int64
}

// tempDir holds the staged files, on the same filesystem.
const tempDir = "tmp"

func (f *files) path(hash []byte) string {
	name := hex.EncodeToString(hash)
	return filepath.Join(f.dir, name[:2], name[2:])
}

// stage is files.stage on an open store. It must not hold the store open for
// longer: a method that enters twice would wait for a Close that waits for it.
func (s *Store) stage(ctx context.Context, value []byte) (*staged, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	st, err := s.files.stage(value)
	return st, s.fail(ctx, "put", err)
}

// stage writes value. It is written again even if a file with its content
// should exist, so that a put repairs a damaged file.
func (f *files) stage(value []byte) (st *staged, err error) {
	tmp, err := f.createTemp()
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := tmp.Close(); err == nil {
			err = e
		}
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	if _, err := tmp.Write(value); err != nil {
		return nil, err
	}
	if f.sync {
		if err := tmp.Sync(); err != nil {
			return nil, err
		}
	}
	return &staged{tmp.Name(), sha256.Sum256(value), int64(len(value))}, nil
}

func (f *files) createTemp() (*os.File, error) {
	dir := filepath.Join(f.dir, tempDir)
	tmp, err := os.CreateTemp(dir, "put-") // creates with mode 0600
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		return os.CreateTemp(dir, "put-")
	}
	return tmp, err
}

// discard removes the temporary file if it has not got its name.
func (st *staged) discard() {
	if st.temp != "" {
		os.Remove(st.temp)
	}
}

// link counts one more user of the file and gives it its name.
func (tx *txn) link(st *staged) error {
	err := tx.exec("INSERT INTO files (hash, size, refs) VALUES (?, ?, 1) ON CONFLICT (hash) DO UPDATE SET refs = refs + 1",
		st.hash[:], st.size)
	if err != nil {
		return err
	}
	return tx.s.files.publish(st)
}

func (f *files) publish(st *staged) error {
	path := f.path(st.hash[:])
	err := os.Rename(st.temp, path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		err = os.Rename(st.temp, path)
	}
	if err != nil {
		// Windows does not replace a file that somebody reads. The one there
		// will do if it is whole.
		if f.verify(st.hash[:], st.size) {
			return nil
		}
		return err
	}
	st.temp = ""
	if f.sync {
		return syncDir(filepath.Dir(path))
	}
	return nil
}

// read returns the content of a file, which must have the given size. Whether
// the content is what was written is for the envelope to say.
func (f *files) read(hash []byte, size int64) ([]byte, error) {
	if len(hash) != sha256.Size {
		return nil, fmt.Errorf("%w: name of a value file", errDamaged)
	}
	file, err := os.Open(f.path(hash))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() != size {
		return nil, fmt.Errorf("%w: %s has %d bytes instead of %d", errDamaged, file.Name(), fi.Size(), size)
	}
	value := make([]byte, size)
	_, err = io.ReadFull(file, value)
	return value, err
}

func (f *files) verify(hash []byte, size int64) bool {
	value, err := f.read(hash, size)
	return err == nil && sha256.Sum256(value) == [sha256.Size]byte(hash)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// hash is the inverse of path.
func (f *files) hash(path string) ([]byte, bool) {
	rel, err := filepath.Rel(f.dir, path)
	if err != nil {
		return nil, false
	}
	dir, name := filepath.Split(rel)
	if len(dir) != 3 {
		return nil, false
	}
	hash, err := hex.DecodeString(dir[:2] + name)
	return hash, err == nil && len(hash) == sha256.Size
}
