package engine

import (
	"context"

	"github.com/reprise-go/reprise/internal/memory"
)

// Equip gives f a memory tier of maxSize entries, 0 for the default number. It
// comes before the first call.
func (e *Engine) Equip(f *Function, maxSize int) {
	f.memory = memory.New[*Entry](memory.Options{
		MaxSize: maxSize, Budget: e.budget, Clock: e.clock,
		Generations: e.generations(f), Local: f.Ephemeral,
	})
	if !f.Ephemeral {
		e.tiersMu.Lock()
		defer e.tiersMu.Unlock()
		e.tiers = append(e.tiers, f)
	}
}

// generations are those that f's memory tier has to obey.
func (e *Engine) generations(f *Function) *memory.Generations {
	if f.Ephemeral {
		return e.local
	}
	return e.gens
}

// Equipped reports whether f has a memory tier.
func (f *Function) Equipped() bool { return f.memory != nil }

// Held is how much f's memory tier holds.
func (f *Function) Held() (items int, bytes int64) {
	if f.memory == nil {
		return 0, 0
	}
	return f.memory.Len(), f.memory.Bytes()
}

// Hit answers from f's memory tier where there is a valid value and nothing
// else to do: no refresh that is due, no remembered failure.
func (e *Engine) Hit(f *Function, key []byte) (*Entry, bool) {
	ent, st := f.memory.Get(key)
	if st != memory.Hit || ent.Err != nil || f.RefreshAfter > 0 || e.closed.Load() {
		return nil, false
	}
	e.wake()
	f.Counters.count(HitMemory, ent.Cost)
	return ent, true
}

// Recall answers from f's memory tier, which it first brings up to date where
// nobody has looked at the store's changes for a while.
func (e *Engine) Recall(ctx context.Context, f *Function, key []byte) (*Entry, bool) {
	if f.memory == nil || e.closed.Load() {
		return nil, false
	}
	ent, st := f.memory.Get(key)
	if st == memory.Miss && !f.Ephemeral && e.revive(ctx) {
		ent, st = f.memory.Get(key)
	}
	if st != memory.Hit {
		return nil, false
	}
	e.wake()
	return ent, true
}
