package engine

import (
	"context"
	"errors"

	"github.com/reprise-go/reprise/internal/memory"
	"github.com/reprise-go/reprise/store"
)

// Set files v as the result of c, from now on and over any execution under way.
func (e *Engine) Set(ctx context.Context, f *Function, c *Call, v any) error {
	if e.closed.Load() {
		return ErrClosed
	}
	ttl, keep := f.TTL(v)
	if !keep {
		return errors.New("TTLFunc asks not to keep this value")
	}
	p, err := e.pack(f, c, v, c.tags(v))
	if err != nil {
		return err
	}
	if f.Ephemeral {
		e.clearLocal(c.Key, func(asOf uint64) {
			e.rememberValue(f, c, asOf, e.life.Load(), p, stampHere(ttl), e.clock.Now(), 0)
		})
		return nil
	}
	rec := e.record(ctx, f, c, 0, p, ttl, 0)
	var s store.Stamp
	at, life := e.clock.Now(), e.life.Load()
	err = e.Act(ctx, func(ctx context.Context) (err error) {
		s, err = e.store.Put(ctx, rec, store.PutSet)
		return e.learn(err, store.Changes{Keys: []store.KeyChange{{Key: c.Key, Seq: s.Seq}}})
	})
	if err != nil {
		return err
	}
	e.rememberValue(f, c, s.Seq, life, p, s, at, 0)
	return nil
}

// Clear hides the result of c and reports whether there was one.
func (e *Engine) Clear(ctx context.Context, f *Function, c *Call) (bool, error) {
	if e.closed.Load() {
		return false, ErrClosed
	}
	had := false
	if f.memory != nil {
		_, st := f.memory.Peek(c.Memory)
		had = st == memory.Hit
		f.memory.Delete(c.Memory)
	}
	if f.Ephemeral {
		e.clearLocal(c.Key, nil)
		return had, nil
	}
	var b store.Bumped
	err := e.Act(ctx, func(ctx context.Context) (err error) {
		b, err = e.store.Clear(ctx, c.Key)
		return e.learn(err, store.Changes{Keys: []store.KeyChange{{Key: c.Key, Seq: b.Seq}}})
	})
	return b.Entries > 0, err
}

// ClearLabel hides every stored and every ephemeral result that carries label,
// and says how many stored ones.
func (e *Engine) ClearLabel(ctx context.Context, label store.Label) (int, error) {
	e.bumpLocal(store.LabelChange{Label: label})
	var b store.Bumped
	err := e.Act(ctx, func(ctx context.Context) (err error) {
		b, err = e.store.Bump(ctx, label)
		return e.learn(err, store.Changes{Labels: []store.LabelChange{{Label: label, Seq: b.Seq}}})
	})
	return b.Entries, err
}

// learn applies what this process itself has changed, so that calls which
// begin now do not join executions from before even where the store fails
// before the next look. The look still comes: there may be more to know.
func (e *Engine) learn(err error, ch store.Changes) error {
	if err == nil {
		e.gens.Apply(ch)
	}
	return err
}

// ClearEphemeral hides the ephemeral results that carry label in this process
// and says how many of f's.
func (e *Engine) ClearEphemeral(f *Function, label store.Label) (int, error) {
	if e.closed.Load() {
		return 0, ErrClosed
	}
	n := f.memory.Count(label)
	e.bumpLocal(store.LabelChange{Label: label})
	return n, nil
}

// Purge frees the space of what q selects; a failure is left to the sweep.
func (e *Engine) Purge(ctx context.Context, q store.Query) {
	_ = e.ask(ctx, &e.writes, func(ctx context.Context) error {
		_, err := e.store.Purge(ctx, q)
		return err
	})
}

// Act changes the store at somebody's explicit wish, so it asks even a store
// that calls leave in peace, with no deadline but the caller's; and it makes
// this process's memory follow before it returns. Where that cannot be made
// sure, memory is not trusted until a later look succeeds.
func (e *Engine) Act(ctx context.Context, op func(context.Context) error) error {
	if e.closed.Load() {
		return ErrClosed
	}
	err := unavailable(ctx, op(ctx))
	if serr := e.sync(context.WithoutCancel(ctx)); serr != nil {
		e.gens.SetTrusted(false)
	}
	return err
}
