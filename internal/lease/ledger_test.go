package lease_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/reprise-go/reprise/store"
)

// generation is the time of a key between two clears. There may be one result
// in each.
type generation struct {
	key store.Key
	seq uint64 // of the clear that it began with
}

// ledger stands before a store and writes down what it decided, in order.
type ledger struct {
	backend

	mu      sync.Mutex
	fences  map[store.Key]uint64      // the highest granted
	owners  map[store.Key]store.Owner // of that
	cleared map[store.Key][]uint64    // the clears of each key, in order
	puts    map[generation][]uint64   // fences whose publish was accepted
	faults  []string                  // what must not be
}

func newLedger(b backend) *ledger {
	return &ledger{backend: b, fences: map[store.Key]uint64{}, owners: map[store.Key]store.Owner{},
		cleared: map[store.Key][]uint64{}, puts: map[generation][]uint64{}}
}

func (l *ledger) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

// at is the generation in which an execution began.
func (l *ledger) at(key store.Key, begun uint64) generation {
	g := generation{key: key}
	for _, seq := range l.cleared[key] {
		if seq <= begun {
			g.seq = seq
		}
	}
	return g
}

func (l *ledger) generation(key store.Key, begun uint64) generation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at(key, begun)
}

func (l *ledger) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.backend.Acquire(ctx, key, owner, ttl)
	if err != nil || !g.Granted {
		return g, err
	}
	last := l.fences[key]
	again := g.Fence == last && l.owners[key] == owner
	if g.Fence <= last && !again {
		l.fault("key %d: fence %d was granted after %d", key[0], g.Fence, last)
	}
	l.fences[key] = g.Fence
	l.owners[key] = owner
	return g, nil
}

func (l *ledger) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.backend.Publish(ctx, rec, mode, owner, fence)
	if err != nil {
		return s, err
	}
	g := l.at(rec.Key, rec.Begun)
	for _, f := range l.puts[g] {
		if f == fence {
			return s, nil // again, after a lost reply
		}
	}
	if fence != l.fences[rec.Key] {
		l.fault("key %d: a publish under fence %d was accepted, though %d was granted", rec.Key[0], fence, l.fences[rec.Key])
	}
	l.puts[g] = append(l.puts[g], fence)
	return s, nil
}

func (l *ledger) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, err := l.backend.Clear(ctx, key)
	l.cleared[key] = append(l.cleared[key], b.Seq)
	return b, err
}
