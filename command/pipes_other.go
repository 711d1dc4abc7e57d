//go:build !linux

package command

import (
	"errors"
	"io"
	"os"
	"sync"
)

// pipes carry both streams of a command. The order within each is kept, and
// between the two as far as their readers are woken in it.
type pipes struct {
	read  [2]*os.File
	write [2]*os.File // the command's ends
}

func newPipes() (*pipes, error) {
	p := new(pipes)
	for i := range p.read {
		var err error
		if p.read[i], p.write[i], err = os.Pipe(); err != nil {
			p.closeWrites()
			p.close()
			return nil, err
		}
	}
	return p, nil
}

// pump passes on what comes out of the pipes until both have ended or stop was
// called. take refuses a stream by an error.
func (p *pipes) pump(take func(stream int, b []byte) error) error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs [2]error
	for i, r := range p.read {
		wg.Go(func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := r.Read(buf)
				if n > 0 {
					mu.Lock()
					refused := take(i+1, buf[:n])
					mu.Unlock()
					if refused != nil {
						_ = r.Close() // the command is to notice
						return
					}
				}
				if err != nil {
					if err != io.EOF && !errors.Is(err, os.ErrClosed) {
						errs[i] = err
					}
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs[:]...)
}

// stop makes pump return soon.
func (p *pipes) stop() { p.close() }

// close frees the reading ends. Doing so again does nothing.
func (p *pipes) close() {
	for _, r := range p.read {
		if r != nil {
			_ = r.Close()
		}
	}
}

// closeWrites closes the command's ends, once it has them.
func (p *pipes) closeWrites() {
	for _, w := range p.write {
		if w != nil {
			_ = w.Close()
		}
	}
}
