package command

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// A relay takes the signals of a call: to the command while one runs, else
// those that ask to end end the call.
type relay struct {
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	command chan os.Signal // nil: none runs; guarded by mu
}

// interrupted is the cause of a ctx that a signal has ended.
type interrupted struct{ signal os.Signal }

func (e *interrupted) Error() string { return fmt.Sprintf("interrupted by signal: %v", e.signal) }

// watch relays until stop is called.
func (r *relay) watch(signals <-chan os.Signal) (stop func()) {
	if signals == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case sig, open := <-signals:
				if !open {
					return
				}
				r.deliver(sig)
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

func (r *relay) deliver(sig os.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.command != nil:
		select {
		case r.command <- sig:
		default: // a command that takes no signals for so long needs no more of them
		}
	case asksToEnd(sig):
		r.cancel(&interrupted{sig})
	default:
		stopSelf(sig)
	}
}

// start gives the signals for a command, until done is called.
func (r *relay) start() (signals <-chan os.Signal, done func()) {
	c := make(chan os.Signal, 64)
	r.mu.Lock()
	r.command = c
	r.mu.Unlock()
	return c, func() {
		r.mu.Lock()
		r.command = nil
		r.mu.Unlock()
	}
}
