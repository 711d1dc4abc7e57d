package engine

import (
	"context"

	"github.com/reprise-go/reprise/internal/memory"
	"github.com/reprise-go/reprise/store"
)

// lookup asks the store, and fills a for the execution that follows a miss. It
// returns a result for a hit, and an error where the store failed and the
// function is to fail with it.
func (e *Engine) lookup(ctx context.Context, f *Function, c *Call, a *attempt) (*Result, error) {
	*a = attempt{begun: a.begun, life: e.life.Load()}
	if !c.Mode.reads() {
		a.reason = RefreshAsked
		return nil, e.storeFailed(f, a, e.begin(ctx, f, a))
	}
	if f.Ephemeral {
		a.reason = Absent
		return e.recall(f, c, a), nil
	}
	at := e.clock.Now()
	lk, err := e.read(ctx, c.Key)
	if err != nil {
		return nil, e.storeFailed(f, a, err)
	}
	a.begun, a.stored = lk.Seq, true
	ent, reason := e.open(f, c, &lk, at)
	a.reason = reason
	switch reason {
	case NoReason:
		return e.hit(f, c, a, ent, &lk, at), nil
	case Expired:
		a.stale = ent // nil where past its grace
	}
	return nil, nil
}

// read gets the record, and the generations where the store has newer ones.
func (e *Engine) read(ctx context.Context, key store.Key) (store.Lookup, error) {
	life := e.life.Load()
	lk, err := e.look(ctx, key)
	if err == nil {
		err = e.syncTo(ctx, lk.Seq, life)
	}
	return lk, err
}

// storeFailed turns a failed lookup into an uncached run, or under FailClosed
// into the call's error.
func (e *Engine) storeFailed(f *Function, a *attempt, err error) error {
	if err == nil {
		return nil
	}
	a.reason, a.err = StoreError, err
	if f.FailClosed {
		return err
	}
	return nil
}

// recall looks once more into the memory of an ephemeral function: another
// flight may have ended between the caller's look and its joining.
func (e *Engine) recall(f *Function, c *Call, a *attempt) *Result {
	ent, st := f.memory.Get(c.Memory)
	switch {
	case st == memory.Hit:
		r := e.result(ent, HitMemory, TierMemory)
		r.asOf = a.begun
		return r
	case st == memory.Expired && ent.Err == nil:
		a.reason, a.stale = Expired, ent
	case st == memory.Hidden:
		a.reason = Cleared
	}
	return nil
}

// result is an entry as the result of a call.
func (e *Engine) result(ent *Entry, o Outcome, t Tier) *Result {
	return &Result{Value: ent.Value, Failure: ent.Err, Outcome: o, Tier: t,
		Created: ent.Created, Expires: ent.Expires, Age: e.Age(ent), Cost: ent.Cost, tags: ent.tags}
}

// open judges and decodes a record that was asked for at the time at. With
// Expired it returns the entry all the same, where it is sound.
func (e *Engine) open(f *Function, c *Call, lk *store.Lookup, at int64) (*Entry, Reason) {
	rec := &lk.Record
	switch {
	case lk.Damaged:
		return nil, Corrupt
	case lk.Expired:
		return nil, Expired
	case !lk.Found && e.gens.Changed(c.Key):
		return nil, Cleared
	case !lk.Found:
		return nil, Absent
	case !e.visible(c, rec):
		return nil, Cleared
	}
	payload, h, err := e.sealer.Open(rec.Value, c.Key)
	if err != nil {
		return nil, Corrupt
	}
	if h.Codec != f.Codec.Name {
		return nil, Undecodable
	}
	v, err := f.Codec.decode(payload)
	if err != nil {
		return nil, Undecodable
	}
	ent := &Entry{Value: v, Created: rec.Created, Expires: rec.Expires, Cost: rec.Cost, tags: rec.Labels.Tags}
	ent.made = at - int64(max(0, lk.Now.Sub(rec.Created)))
	if !rec.Expires.IsZero() && !lk.Now.Before(rec.Expires) {
		return ent, Expired
	}
	return ent, NoReason
}

// visible checks the labels of a record against the generations. The key's own
// clears the store has checked.
func (e *Engine) visible(c *Call, rec *store.Record) bool {
	return rec.Begun >= e.gens.Seq() || e.gens.LabelsCurrent(hides(c, rec.Labels.Tags), rec.Begun)
}

// hides are all labels that hide a result with these tags.
func hides(c *Call, tags []string) []store.Label {
	if len(tags) == 0 {
		return c.Hides
	}
	all := make([]store.Label, len(c.Hides), len(c.Hides)+len(tags))
	copy(all, c.Hides)
	for _, t := range tags {
		all = append(all, store.TagLabel(t))
	}
	return all
}

// hit makes a result of a sound record and remembers it.
func (e *Engine) hit(f *Function, c *Call, a *attempt, ent *Entry, lk *store.Lookup, at int64) *Result {
	r := e.stored(f, ent)
	r.asOf = lk.Seq
	if f.memory != nil && c.Mode != ReadOnly {
		until := lifetimeFrom(at, ent.Expires, lk.Now, f.StaleOnError)
		e.remember(f, c, ent, lk.Seq, a.life, hides(c, lk.Record.Labels.Tags), until)
	}
	return r
}

// Peek answers as a call would, and runs, stores and counts nothing.
func (e *Engine) Peek(ctx context.Context, f *Function, c *Call) (Result, error) {
	if e.closed.Load() {
		return Result{}, ErrClosed
	}
	miss := Result{Reason: Absent}
	if f.memory != nil && (f.Ephemeral || e.revive(ctx)) {
		ent, st := f.memory.Peek(c.Memory)
		switch {
		case st == memory.Hit:
			return *e.result(ent, HitMemory, TierMemory), nil
		case st == memory.Expired:
			miss.Reason = Expired
		case st == memory.Hidden:
			miss.Reason = Cleared
		}
	}
	if f.Ephemeral {
		return miss, nil
	}
	at := e.clock.Now()
	lk, err := e.read(ctx, c.Key)
	if err != nil {
		return Result{Reason: StoreError, Err: err}, err
	}
	ent, reason := e.open(f, c, &lk, at)
	if reason != NoReason {
		return Result{Reason: reason}, nil
	}
	return *e.stored(f, ent), nil
}

// stored is a store's sound entry as a result.
func (e *Engine) stored(f *Function, ent *Entry) *Result {
	r := e.result(ent, HitStore, TierStore)
	if f.RefreshAfter > 0 && r.Age >= f.RefreshAfter {
		r.Outcome, r.Reason = HitStale, RefreshDue
	}
	return r
}
