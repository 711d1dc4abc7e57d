package storetest

import (
	"context"
	"sync"
)

// Gate holds calls until it is opened. It is safe for concurrent use.
type Gate struct {
	arrived chan struct{}
	once    sync.Once
	open    chan struct{}
}

// NewGate returns a closed gate.
func NewGate() *Gate {
	return &Gate{arrived: make(chan struct{}, 1024), open: make(chan struct{})}
}

// Arrived receives once for each call that came to the gate, of the first
// 1,024 that nobody received.
func (g *Gate) Arrived() <-chan struct{} { return g.arrived }

// Open lets all calls pass, those that wait and those that come. A second Open
// does nothing.
func (g *Gate) Open() { g.once.Do(func() { close(g.open) }) }

func (g *Gate) wait(ctx context.Context) error {
	select {
	case g.arrived <- struct{}{}:
	default:
	}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
