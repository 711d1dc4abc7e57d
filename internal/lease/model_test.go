package lease_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// backend is what the tests need of a store.
type backend interface {
	store.Leaser
	Get(context.Context, store.Key) (store.Lookup, error)
	Clear(context.Context, store.Key) (store.Bumped, error)
}

// onEach runs a test against the model and the reference driver.
func onEach(t *testing.T, f func(t *testing.T, fresh func() backend)) {
	t.Run("model", func(t *testing.T) { f(t, func() backend { return newModel() }) })
	t.Run("memstore", func(t *testing.T) { f(t, func() backend { return memstore.New(nil) }) })
}

// model is the least that a Leaser can be: written from the contract alone, so
// that a misreading shared with a driver shows.
type model struct {
	mu   sync.Mutex
	seq  uint64
	keys map[store.Key]*modelKey
}

type modelKey struct {
	fence   uint64
	owner   store.Owner
	held    bool
	until   time.Time // of the lease where held, else of the cool-down
	cleared uint64
	rec     *store.Record
	// stamps of publishes accepted, by fence
	accepted map[uint64]store.Stamp
	by       map[uint64]store.Owner
}

func newModel() *model { return &model{seq: 1, keys: map[store.Key]*modelKey{}} }

func (m *model) key(k store.Key) *modelKey {
	if m.keys[k] == nil {
		m.keys[k] = &modelKey{accepted: map[uint64]store.Stamp{}, by: map[uint64]store.Owner{}}
	}
	return m.keys[k]
}

func (k *modelKey) mine(owner store.Owner, fence uint64) bool {
	return k.held && k.owner == owner && k.fence == fence && time.Now().Before(k.until)
}

func (m *model) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return store.Grant{}, ctx.Err()
	}
	k, now := m.key(key), time.Now()
	switch busy := now.Before(k.until); {
	case busy && k.held && k.owner == owner:
	case busy:
		return store.Grant{Fence: k.fence, Left: k.until.Sub(now), Cooling: !k.held}, nil
	default:
		k.fence++
		k.owner, k.held = owner, true
	}
	k.until = now.Add(ttl)
	return store.Grant{Granted: true, Fence: k.fence, Left: ttl}, nil
}

func (m *model) Renew(ctx context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k := m.key(key)
	if !k.mine(owner, fence) {
		return store.ErrLeaseLost
	}
	k.until = time.Now().Add(ttl)
	return nil
}

func (m *model) Publish(ctx context.Context, rec *store.Record, _ store.PutMode, owner store.Owner, fence uint64) (store.Stamp, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return store.Stamp{}, ctx.Err()
	}
	k := m.key(rec.Key)
	if s, again := k.accepted[fence]; again && k.by[fence] == owner {
		return s, nil
	}
	if !k.mine(owner, fence) {
		return store.Stamp{}, store.ErrLeaseLost
	}
	if rec.Begun < k.cleared || k.rec != nil && rec.Begun < k.rec.Begun {
		return store.Stamp{}, store.ErrSuperseded
	}
	own := *rec
	own.Fence = fence
	k.rec, k.held, k.until = &own, false, time.Time{}
	s := store.Stamp{Created: time.Now(), Seq: m.seq}
	k.accepted[fence], k.by[fence] = s, owner
	return s, nil
}

func (m *model) Release(ctx context.Context, key store.Key, owner store.Owner, fence uint64, cooldown time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if k := m.key(key); k.mine(owner, fence) {
		k.held, k.until = false, time.Now().Add(cooldown)
	}
	return nil
}

func (m *model) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := store.Lookup{Seq: m.seq, Now: time.Now()}
	if r := m.key(key).rec; r != nil {
		l.Found, l.Record = true, *r
	}
	return l, ctx.Err()
}

func (m *model) Clear(_ context.Context, key store.Key) (store.Bumped, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	k := m.key(key)
	k.cleared, k.rec = m.seq, nil
	return store.Bumped{Seq: m.seq}, nil
}
