package storetest_test

import (
	"context"
	"strconv"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// unframed bumps, with a function's label, those of all functions whose
// collection and name, joined, read the same.
type unframed struct{ *memstore.Store }

func (s *unframed) Bump(ctx context.Context, labels ...store.Label) (store.Bumped, error) {
	p, err := s.List(ctx, store.Query{All: true})
	if err != nil {
		return store.Bumped{}, err
	}
	label := func(l store.Labels) store.Label { return store.FunctionLabel(l.Kind, l.Collection, l.Function) }
	for _, meant := range p.Records {
		if label(meant.Labels) != labels[0] {
			continue
		}
		for _, r := range p.Records {
			if r.Labels.Collection+r.Labels.Function == meant.Labels.Collection+meant.Labels.Function {
				labels = append(labels, label(r.Labels))
			}
		}
	}
	return s.Store.Bump(ctx, labels...)
}

type allTakesPersist struct{ *memstore.Store }

func (s *allTakesPersist) Bump(ctx context.Context, labels ...store.Label) (store.Bumped, error) {
	p, err := s.List(ctx, store.Query{})
	if err != nil {
		return store.Bumped{}, err
	}
	for _, l := range labels {
		for _, r := range p.Records {
			if l == store.All() {
				labels = append(labels, store.FunctionLabel(r.Labels.Kind, r.Labels.Collection, r.Labels.Function))
			}
		}
	}
	return s.Store.Bump(ctx, labels...)
}

type quietKeys struct{ *memstore.Store }

func (s *quietKeys) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	c, err := s.Store.Changes(ctx, since)
	c.Keys = nil
	return c, err
}

type quietLabels struct{ *memstore.Store }

func (s *quietLabels) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	c, err := s.Store.Changes(ctx, since)
	c.Labels = nil
	return c, err
}

type countsDead struct{ *memstore.Store }

func (s *countsDead) Count(ctx context.Context, q store.Query) (store.Totals, error) {
	q.All = true
	return s.Store.Count(ctx, q)
}

type pagesByOffset struct{ *memstore.Store }

func (s *pagesByOffset) List(ctx context.Context, q store.Query) (store.Page, error) {
	offset, _ := strconv.Atoi(q.Cursor)
	limit := q.Limit
	q.Limit, q.Cursor = 0, ""
	p, err := s.Store.List(ctx, q)
	if limit == 0 || err != nil {
		return p, err
	}
	p.Records = p.Records[min(offset, len(p.Records)):]
	if len(p.Records) > limit {
		p.Records, p.Next = p.Records[:limit], strconv.Itoa(offset+limit)
	}
	return p, nil
}

type purgeClears struct{ *memstore.Store }

func (s *purgeClears) Purge(ctx context.Context, q store.Query) (int, error) {
	if q.Key != nil {
		b, err := s.Clear(ctx, *q.Key)
		return b.Entries, err
	}
	return s.Store.Purge(ctx, q)
}

type greedySweep struct{ *memstore.Store }

func (s *greedySweep) Sweep(ctx context.Context) (store.Swept, error) {
	swept, err := s.Store.Sweep(ctx)
	if err != nil {
		return swept, err
	}
	i, err := s.Info(ctx)
	if err != nil {
		return swept, err
	}
	p, err := s.List(ctx, store.Query{All: true})
	for _, r := range p.Records {
		if !r.Expires.IsZero() && r.Expires.Before(i.Now) {
			if _, err := s.Purge(ctx, store.Query{Key: &r.Key}); err != nil {
				return swept, err
			}
		}
	}
	return swept, err
}

type generous struct{ *memstore.Store }

func (s *generous) Acquire(ctx context.Context, key store.Key, owner store.Owner, ttl time.Duration) (store.Grant, error) {
	g, err := s.Store.Acquire(ctx, key, owner, ttl)
	g.Granted = true
	return g, err
}

type renewsLost struct{ *memstore.Store }

func (s *renewsLost) Renew(ctx context.Context, key store.Key, owner store.Owner, fence uint64, ttl time.Duration) error {
	err := s.Store.Renew(ctx, key, owner, fence, ttl)
	if ctx.Err() == nil {
		return nil
	}
	return err
}

type publishesAll struct{ *memstore.Store }

func (s *publishesAll) Publish(ctx context.Context, rec *store.Record, mode store.PutMode, _ store.Owner, _ uint64) (store.Stamp, error) {
	return s.Put(ctx, rec, mode)
}

type noCooldown struct{ *memstore.Store }

func (s *noCooldown) Release(ctx context.Context, key store.Key, owner store.Owner, fence uint64, _ time.Duration) error {
	return s.Store.Release(ctx, key, owner, fence, 0)
}

type deaf struct{ *memstore.Store }

func (s *deaf) Watch(ctx context.Context, ready func(), _ func(store.Event)) error {
	return s.Store.Watch(ctx, ready, func(store.Event) {})
}

type neverCloses struct{ *memstore.Store }

func (s *neverCloses) Close() error { return nil }

type stubborn struct{ *memstore.Store }

func (s *stubborn) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	return s.Store.Get(context.WithoutCancel(ctx), key)
}
