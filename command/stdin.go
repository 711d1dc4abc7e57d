package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
)

// A stdin is standard input, read whole. Small ones are in memory, large ones
// in a file without a name.
type stdin struct {
	sum  string // in hexadecimal digits
	head []byte
	file *os.File // of all of it; nil: it is in head
}

// headSize is how much of standard input stays in memory.
const headSize = 1 << 20

// readStdin reads r to its end.
func readStdin(ctx context.Context, r io.Reader) (s *stdin, err error) {
	if r == nil {
		r = bytes.NewReader(nil)
	}
	s = new(stdin)
	defer func() {
		if err != nil {
			s.close()
			s, err = nil, failure("read standard input: %w", err)
		}
	}()
	whole := sha256.New()
	r = io.TeeReader(readerWithin{ctx, r}, whole)
	s.head, err = io.ReadAll(io.LimitReader(r, headSize))
	if err == nil && len(s.head) == headSize {
		err = s.spill(r)
	}
	s.sum = hex.EncodeToString(whole.Sum(nil))
	return s, err
}

// spill puts all of it into a file.
func (s *stdin) spill(rest io.Reader) error {
	f, err := nameless()
	if err != nil {
		return err
	}
	s.file = f
	if _, err := f.Write(s.head); err != nil {
		return err
	}
	s.head = nil
	_, err = io.Copy(f, rest)
	return err
}

// open gives the input as a file to start a command with, from its beginning.
func (s *stdin) open() (*os.File, error) {
	if s.file == nil {
		f, err := nameless()
		if err != nil {
			return nil, err
		}
		s.file = f
		if _, err := f.Write(s.head); err != nil {
			return nil, err
		}
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return s.file, err
}

func (s *stdin) close() {
	if s != nil && s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name()) // where it could not be removed while open
	}
}

// nameless is a temporary file that is gone when it is closed.
func nameless() (*os.File, error) {
	f, err := os.CreateTemp("", tempPrefix)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, os.ErrPermission) {
		_ = err // some systems remove no open files; close does
	}
	return f, nil
}

// readerWithin ends reading when its ctx does.
type readerWithin struct {
	ctx context.Context
	r   io.Reader
}

func (r readerWithin) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
