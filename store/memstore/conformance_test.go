package memstore

import (
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/storetest"
)

// clock is a clock that only tests move.
type clock struct {
	mu sync.Mutex
	at time.Time // protected by mu
}

func newClock() *clock { return &clock{at: time.Unix(1_700_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func harness() storetest.Harness {
	c := newClock()
	return storetest.Harness{
		Open:    func(testing.TB) store.Store { return New(&Options{Now: c.now, MaxValue: 2 << 20}) },
		Advance: c.advance,
		Quota:   func(_ testing.TB, n int64) store.Store { return New(&Options{Now: c.now, Quota: n}) },
		Corrupt: corrupt,
	}
}

// corrupt does to memory what a bad disk does to files.
func corrupt(t testing.TB, s store.Store, key store.Key, how storetest.Corruption) {
	m := s.(*Store)
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &m.entries[key].rec
	switch how {
	case storetest.FlipBit:
		r.Value[len(r.Value)/2] ^= 1
	case storetest.Truncate:
		r.Value = r.Value[:len(r.Value)/2]
	default:
		t.Skip("values in memory do not get lost")
	}
}

func TestConformance(t *testing.T) { storetest.Run(t, harness()) }

// TestConformanceRealTime covers the suite's polling for drivers whose clock
// cannot be moved.
func TestConformanceRealTime(t *testing.T) {
	if testing.Short() {
		t.Skip("polls the real clock")
	}
	h := harness()
	h.Advance = nil
	h.Open = func(testing.TB) store.Store { return New(nil) }
	h.Quota = func(_ testing.TB, n int64) store.Store { return New(&Options{Quota: n}) }
	storetest.Run(t, h)
}

func BenchmarkStore(b *testing.B) { storetest.Bench(b, harness()) }
