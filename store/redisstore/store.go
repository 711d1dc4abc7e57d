package redisstore

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// Store implements store.Store, store.Leaser and store.Watcher. It is safe for
// concurrent use by goroutines, processes and machines. It starts no
// goroutines but those of its connections, which Close ends.
type Store struct {
	client    rueidis.Client
	names     *names
	user      string // as whom the server knows us
	cluster   bool
	maxValue  int64
	candidate string // for the id of a store that has to be made
	evicts    bool   // Redis may evict entries
	warnings  []string

	tracked bool // Redis tells this client when the number moves
	tracker tracker

	seen   atomic.Uint64 // the highest sequence number that this process saw
	closed atomic.Bool
	quit   chan struct{} // closed by Close
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Leaser  = (*Store)(nil)
	_ store.Watcher = (*Store)(nil)
)

// Warnings are what Open found wrong with the server's settings; nil is
// nothing.
func (s *Store) Warnings() []string { return slices.Clone(s.warnings) }

// Close implements store.Store. Calls under way return store.ErrClosed.
func (s *Store) Close() error {
	if s.closed.CompareAndSwap(false, true) {
		close(s.quit)
		s.client.Close()
	}
	return nil
}

// Info implements store.Store. Entries and Bytes include what a Sweep would
// free. Now is the clock of the server that keeps the store's own keys.
func (s *Store) Info(ctx context.Context) (store.Info, error) {
	if err := s.enter(ctx); err != nil {
		return store.Info{}, err
	}
	m, err := s.onMeta(ctx, opInfo)
	if err != nil {
		return store.Info{}, err
	}
	if len(m) != 5 {
		return store.Info{}, corrupt("info")
	}
	info := store.Info{Driver: "redis", MaxValue: s.maxValue, Shared: true}
	id, _ := m[0].ToString()
	copy(info.ID[:], id)
	info.Seq = s.see(number(&m[1]))
	info.Now = serverTime(m[2:4])
	occupied, _ := m[4].ToString()
	err = s.overShards(ctx, opSums, occupiedShards(occupied), nil, func(_ []int, r []rueidis.RedisMessage) error {
		if len(r) != 2 {
			return corrupt("info")
		}
		info.Entries += int(number(&r[0]))
		info.Bytes += int64(number(&r[1]))
		return nil
	})
	return info, err
}

// see notes a sequence number.
func (s *Store) see(seq uint64) uint64 {
	for old := s.seen.Load(); old < seq && !s.seen.CompareAndSwap(old, seq); old = s.seen.Load() {
	}
	return seq
}

// number reads an integer, also one that came as text; 0 where it is none.
func number(m *rueidis.RedisMessage) uint64 {
	n, err := m.AsUint64()
	if err != nil {
		return 0
	}
	return n
}

// occupiedShards reads the bitmap of shards that ever had an entry.
func occupiedShards(bitmap string) []int {
	var list []int
	for i := range shards {
		if i/8 < len(bitmap) && bitmap[i/8]&(0x80>>(i%8)) != 0 {
			list = append(list, i)
		}
	}
	return list
}

// everyShard lists all shards.
func everyShard() []int {
	list := make([]int, shards)
	for i := range list {
		list[i] = i
	}
	return list
}
