package storetest_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

// Each type here is a sound store with one thing wrong.

type ignoresBegun struct{ *memstore.Store }

func (s *ignoresBegun) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	c := *rec
	i, err := s.Info(ctx)
	if err != nil {
		return store.Stamp{}, err
	}
	c.Begun = i.Seq
	return s.Store.Put(ctx, &c, mode)
}

type forgetsClears struct{ *memstore.Store }

func (s *forgetsClears) Clear(ctx context.Context, key store.Key) (store.Bumped, error) {
	n, err := s.Purge(ctx, store.Query{Key: &key})
	if err != nil {
		return store.Bumped{}, err
	}
	b, err := s.Bump(ctx, store.TagLabel("nobody's"))
	return store.Bumped{Seq: b.Seq, Entries: n}, err
}

type sweepForgets struct {
	*memstore.Store
	swept uint64
}

func (s *sweepForgets) Sweep(ctx context.Context) (store.Swept, error) {
	i, err := s.Info(ctx)
	if err != nil {
		return store.Swept{}, err
	}
	s.swept = i.Seq
	return s.Store.Sweep(ctx)
}

func (s *sweepForgets) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	c := *rec
	c.Begun = max(c.Begun, s.swept)
	return s.Store.Put(ctx, &c, mode)
}

type believesFuture struct{ *memstore.Store }

func (s *believesFuture) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	c := *rec
	if i, err := s.Info(ctx); err == nil {
		c.Begun = min(c.Begun, i.Seq)
	}
	return s.Store.Put(ctx, &c, mode)
}

type silentRefusals struct{ *memstore.Store }

func (s *silentRefusals) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	stamp, err := s.Store.Put(ctx, rec, mode)
	if errors.Is(err, store.ErrSuperseded) {
		i, err := s.Info(ctx)
		return store.Stamp{Created: i.Now, Seq: i.Seq}, err
	}
	return stamp, err
}

type noGrace struct{ *memstore.Store }

func (s *noGrace) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	c := *rec
	c.Grace = 0
	return s.Store.Put(ctx, &c, mode)
}

type readsProlong struct{ *memstore.Store }

func (s *readsProlong) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	if l, err := s.Store.Get(ctx, key); err == nil && l.Found && !l.Record.Expires.IsZero() {
		ttl := l.Record.Expires.Sub(l.Record.Created)
		if _, err := s.Update(ctx, key, store.Change{TTL: &ttl}); err != nil {
			return l, err
		}
	}
	return s.Store.Get(ctx, key)
}

type cutsAtNUL struct{ *memstore.Store }

func (s *cutsAtNUL) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	c := *rec
	c.Labels.Dataset, _, _ = strings.Cut(c.Labels.Dataset, "\x00")
	return s.Store.Put(ctx, &c, mode)
}

type quietSets struct{ *memstore.Store }

func (s *quietSets) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	if mode != store.PutSet {
		return s.Store.Put(ctx, rec, mode)
	}
	c := *rec
	if i, err := s.Info(ctx); err == nil {
		c.Begun = i.Seq
	}
	return s.Store.Put(ctx, &c, store.PutPublish)
}

// costless forgets what computing a value took.
type costless struct{ *memstore.Store }

func (s *costless) Put(ctx context.Context, rec *store.Record, mode store.PutMode) (store.Stamp, error) {
	c := *rec
	c.Cost = time.Hour - min(rec.Cost, time.Hour)
	return s.Store.Put(ctx, &c, mode)
}

type sharesMemory struct {
	*memstore.Store
	last store.Lookup
}

func (s *sharesMemory) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	l, err := s.Store.Get(ctx, key)
	if l.Found && l.Record.Key == s.last.Record.Key && l.Record.Begun == s.last.Record.Begun {
		l.Record.Value = s.last.Record.Value
	}
	s.last = l
	return l, err
}
