package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
)

// file stores and remembers a computed value. Whatever goes wrong on the way,
// the caller gets the value; the result says what went wrong. held is nil
// where no lease is.
func (e *Engine) file(ctx context.Context, f *Function, c *Call, a *attempt, v any, cost time.Duration, held *lease.Lease) (r *Result) {
	ctx = context.WithoutCancel(ctx) // the value is there: a caller who leaves now loses nothing
	r = &Result{own: v, ran: true, Reason: a.reason, Cost: cost, Err: a.err, Outcome: Populated, asOf: a.begun}
	if c.Mode == Refresh {
		r.Outcome = Refreshed
	}
	defer func() {
		if p := recover(); p != nil { // somebody's TTLFunc, Tags, KeyFunc or codec
			err := fmt.Errorf("panic while the result was filed: %v", p)
			r.Value, r.unshared = nil, err
			r.outcome(PutFailed, NotSerializable, err)
		}
	}()
	r.tags = c.tags(v)
	ttl, keep := f.TTL(v)
	if reason, err := e.unfit(ctx, c, keep); reason != NoReason {
		return e.share(f, r.outcome(unfitOutcome(reason), reason, err))
	}
	p, err := e.pack(f, c, v, r.tags)
	if err != nil {
		return e.share(f, r.outcome(PutFailed, NotSerializable, err))
	}
	r.Value = p.private
	e.publish(ctx, f, c, a, p, ttl, held, r)
	return r
}

// publish puts a packed value into both tiers, and into r how that went.
func (e *Engine) publish(ctx context.Context, f *Function, c *Call, a *attempt, p *packed, ttl time.Duration, held *lease.Lease, r *Result) {
	at := e.clock.Now()
	stamp, err := e.put(ctx, f, c, a, p, ttl, r.Cost, held)
	if err == nil {
		r.Created, r.Expires = stamp.Created, stamp.Expires
		e.rememberValue(f, c, e.asOf(ctx, c, a, p, stamp), a.life, p, stamp, at, r.Cost)
		return
	}
	e.note(r, a, err)
	if r.Reason != Superseded { // memory can keep what the store cannot
		e.rememberValue(f, c, a.begun, a.life, p, stampHere(ttl), at, r.Cost)
	}
}

// asOf is the number from which on a published value is known to be valid. A
// refresh took a number for itself, which would hide the value from memory; so
// where no label changed meanwhile, the value is valid as of that.
func (e *Engine) asOf(ctx context.Context, c *Call, a *attempt, p *packed, s store.Stamp) uint64 {
	if !c.Mode.overwrites() || !a.stored || e.syncTo(ctx, s.Seq, a.life) != nil {
		return a.begun
	}
	if !e.gens.LabelsCurrent(hides(c, p.tags), a.begun) {
		return a.begun
	}
	return s.Seq
}

// stampHere stamps a value that no store has stamped by this machine's clock.
func stampHere(ttl time.Duration) store.Stamp {
	s := store.Stamp{Created: time.Now()}
	if ttl > 0 {
		s.Expires = s.Created.Add(ttl)
	}
	return s
}

func (r *Result) outcome(o Outcome, reason Reason, err error) *Result {
	r.Outcome, r.Reason = o, reason
	if err != nil {
		r.Err = err
	}
	return r
}

// note turns a failed put into the result's outcome.
func (e *Engine) note(r *Result, a *attempt, err error) {
	switch {
	case !a.stored:
		r.outcome(LookupFailed, StoreError, a.err)
	case errors.Is(err, store.ErrSuperseded), errors.Is(err, store.ErrLeaseLost):
		r.outcome(PutFailed, Superseded, err)
	case errors.Is(err, store.ErrTooLarge):
		r.outcome(PutFailed, TooLarge, err)
	case errors.Is(err, store.ErrFull):
		r.outcome(PutFailed, NoRoom, err)
	default:
		r.outcome(PutFailed, StoreError, err)
	}
}

// unfit says why a value is not to be filed at all.
func (e *Engine) unfit(ctx context.Context, c *Call, keep bool) (Reason, error) {
	switch {
	case !c.Mode.writes():
		return ModeReadOnly, nil
	case !keep:
		return NotKept, nil
	}
	same, err := c.Work.Unchanged(ctx)
	switch {
	case err != nil:
		return InputsChanged, fmt.Errorf("the inputs cannot be keyed any more after the run: %w", err)
	case !same:
		return InputsChanged, errInputsChanged
	}
	return NoReason, nil
}

var errInputsChanged = errors.New("the inputs, or files among them, changed while the function ran")

func unfitOutcome(r Reason) Outcome {
	if r == InputsChanged {
		return PutFailed
	}
	return Bypassed
}

// share prepares an unfiled value for the callers that joined. What cannot be
// copied they cannot share.
func (e *Engine) share(f *Function, r *Result) *Result {
	r.Value, r.unshared = f.Codec.Copy(r.own)
	return r
}

// packed is a value ready for both tiers.
type packed struct {
	private any    // equal to the value, and nobody else's
	sealed  []byte // nil for ephemeral values
	tags    []string
}

// tags are those of a result, sorted and without duplicates.
func (c *Call) tags(v any) []string {
	tags := slices.Clone(c.Work.Tags(v))
	slices.Sort(tags)
	return slices.Compact(tags)
}

// pack encodes a value and proves that it comes back as it went.
func (e *Engine) pack(f *Function, c *Call, v any, tags []string) (*packed, error) {
	p := &packed{tags: tags}
	if f.Ephemeral {
		private, err := f.Codec.Copy(v)
		p.private = private
		return p, err
	}
	b, err := f.Codec.encode(v)
	if err != nil {
		return nil, err
	}
	if p.private, err = f.Codec.decode(b); err != nil {
		return nil, err
	}
	if err := f.Codec.Verify(v, p.private); err != nil {
		return nil, err
	}
	h := envelope.Header{Codec: f.Codec.Name, Key: c.Key}
	p.sealed, err = e.sealer.Seal(nil, h, b)
	return p, err
}

// put writes a packed value to the store, for an ephemeral one just the stamp.
func (e *Engine) put(ctx context.Context, f *Function, c *Call, a *attempt, p *packed, ttl, cost time.Duration, held *lease.Lease) (store.Stamp, error) {
	switch {
	case f.Ephemeral:
		return stampHere(ttl), nil
	case !a.stored:
		return store.Stamp{}, a.err
	case a.life != e.life.Load():
		return store.Stamp{}, fmt.Errorf("%w: the store lost its data while the function ran", store.ErrSuperseded)
	}
	rec := e.record(ctx, f, c, a.begun, p, ttl, cost)
	mode := store.PutPublish
	if c.Mode.overwrites() {
		mode = store.PutRefresh
	}
	var s store.Stamp
	err := e.ask(ctx, &e.writes, func(ctx context.Context) (err error) {
		if held != nil {
			rec.Fence = held.Fence()
			s, err = held.Publish(ctx, rec, mode)
		} else {
			s, err = e.store.Put(ctx, rec, mode)
		}
		return err
	})
	if err == nil {
		f.Counters.stored.Add(int64(len(rec.Value)))
	}
	return s, err
}

func (e *Engine) record(ctx context.Context, f *Function, c *Call, begun uint64, p *packed, ttl, cost time.Duration) *store.Record {
	rec := &store.Record{Key: c.Key, Labels: c.Labels, Value: p.sealed, Policy: store.Evict,
		Begun: begun, TTL: ttl, Grace: f.StaleOnError, Cost: cost}
	rec.Labels.Tags = p.tags
	rec.Manifest = c.Work.Manifest(ctx)
	return rec
}

// rememberValue files a packed value in memory. Its life is counted from at,
// when the store was asked to stamp it, so that memory never outlives the
// store by what the answer took.
func (e *Engine) rememberValue(f *Function, c *Call, asOf, life uint64, p *packed, s store.Stamp, at int64, cost time.Duration) {
	ent := &Entry{Value: p.private, Created: s.Created, Expires: s.Expires, Cost: cost, made: at, tags: p.tags}
	until := lifetimeFrom(at, s.Expires, s.Created, f.StaleOnError)
	e.remember(f, c, ent, asOf, life, hides(c, p.tags), until)
}
