package reprise

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Metadata describes a value.
type Metadata struct {
	Key     string
	Created time.Time // when it was set, in the store's clock
	Expires time.Time // zero: never
	Policy  Policy
	Size    int64 // bytes as stored
}

// Metadata describes the value under key. ErrMiss where there is none.
func (s *ExecutionStore) Metadata(ctx context.Context, key string) (Metadata, error) {
	rec, _, err := s.read(ctx, key, jsonCodec, rawCodec)
	if err != nil {
		return Metadata{}, s.wrap("metadata", key, err)
	}
	return metadata(key, &rec), nil
}

func metadata(key string, rec *store.Record) Metadata {
	m := Metadata{Key: key, Created: rec.Created, Expires: rec.Expires, Policy: Evict, Size: rec.Size}
	if rec.Policy == store.Persist {
		m.Policy = Persist
	}
	return m
}

// read gets the sound, visible, unexpired value under key, made by one of the
// codecs.
func (s *ExecutionStore) read(ctx context.Context, key string, codecs ...string) (store.Record, []byte, error) {
	k := s.key(key)
	lk, err := s.cache.engine.Read(ctx, k)
	if err != nil {
		return store.Record{}, nil, err
	}
	rec := &lk.Record
	miss := func(r Reason) (store.Record, []byte, error) { return store.Record{}, nil, &MissError{Reason: r} }
	switch {
	case lk.Damaged:
		return miss(Corrupt)
	case !lk.Found:
		return miss(Absent)
	case !s.cache.engine.Visible(rec):
		return miss(Cleared)
	case !rec.Expires.IsZero() && !lk.Now.Before(rec.Expires):
		return miss(Expired)
	}
	for _, codec := range codecs {
		if b, err := s.cache.engine.Unseal(k, codec, rec.Value); err == nil {
			return *rec, b, nil
		}
	}
	return miss(Corrupt)
}

// StoredValue is a value with its description.
type StoredValue struct {
	Metadata
	Value json.RawMessage
}

// ListKeys lists the keys that begin with prefix, sorted as bytes. An empty
// prefix lists all.
func (s *ExecutionStore) ListKeys(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	err := s.each(ctx, prefix, nil, func(rec *store.Record) error {
		keys = append(keys, rec.Labels.Entry)
		return nil
	})
	return keys, s.wrap("list keys", prefix, err)
}

// ListValues is ListKeys with the values, without those of SetBytes. One that
// is set or deleted meanwhile is listed as it is found, or not at all.
func (s *ExecutionStore) ListValues(ctx context.Context, prefix string) ([]StoredValue, error) {
	var values []StoredValue
	err := s.each(ctx, prefix, nil, func(rec *store.Record) error {
		full, b, err := s.read(ctx, rec.Labels.Entry, jsonCodec)
		if errors.Is(err, ErrMiss) {
			return nil
		}
		if err == nil {
			values = append(values, StoredValue{metadata(rec.Labels.Entry, &full), b})
		}
		return err
	})
	return values, s.wrap("list values", prefix, err)
}

// Clear removes every value, whatever its policy, and returns how many.
func (s *ExecutionStore) Clear(ctx context.Context) (int, error) {
	n, err := s.clear(ctx, nil)
	return n, s.wrap("clear", "", err)
}

// ClearCache removes every value with policy Evict and returns how many.
func (s *ExecutionStore) ClearCache(ctx context.Context) (int, error) {
	evict := store.Evict
	n, err := s.clear(ctx, &evict)
	return n, s.wrap("clear cache", "", err)
}

// clear removes key by key, so that each subscriber hears of each.
func (s *ExecutionStore) clear(ctx context.Context, p *store.Policy) (n int, err error) {
	err = s.each(ctx, "", p, func(rec *store.Record) error {
		var b store.Bumped
		err := s.cache.engine.Act(ctx, func(ctx context.Context) (err error) {
			b, err = s.cache.engine.Store().Clear(ctx, rec.Key)
			return err
		})
		n += b.Entries
		return err
	})
	return n, err
}

// each visits the live entries in the order of their keys.
func (s *ExecutionStore) each(ctx context.Context, prefix string, p *store.Policy, visit func(*store.Record) error) error {
	kind := store.KindEntry
	q := store.Query{Kind: &kind, Collection: &s.opts.Collection, Function: &s.name, Dataset: &s.opts.Dataset,
		EntryPrefix: prefix, Policy: p, Order: store.ByEntry}
	for {
		page, err := s.cache.engine.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Records {
			if err := visit(&page.Records[i]); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Cursor = page.Next
	}
}
