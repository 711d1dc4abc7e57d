package reprise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise/store"
)

// ExecutionStore keeps values of any type under string keys, in the store of a
// Cache: state that a program keeps between runs, rather than results that it
// could compute again. Values are JSON. It is safe for concurrent use, and
// shared by all who open the same name on the same store. Every operation goes
// to the store; nothing is kept in memory, and errors are the caller's.
//
// Its keys and the results of a cached function of the same name do not meet.
type ExecutionStore struct {
	cache *Cache
	name  string
	opts  ExecutionStoreOptions
}

// ExecutionStoreOptions say where an ExecutionStore keeps its values. Nil and
// the zero value are the defaults.
type ExecutionStoreOptions struct {
	// Collection separates execution stores of one name; default
	// "execution_store". "reprise" is taken.
	Collection string
	// Dataset ties the values to a dataset: they are apart from those of other
	// datasets and go when it is deleted. Empty: no dataset.
	Dataset string
	// Policy is that of a Set that names none; default Persist.
	Policy Policy
}

// Policy says whether a value may be given up.
type Policy uint8

const (
	// DefaultPolicy is the execution store's, or for an execution store
	// Persist.
	DefaultPolicy Policy = iota
	// Persist keeps a value until it expires or is deleted by name.
	Persist
	// Evict lets ClearCache, Cache.ClearAll and the quota take it.
	Evict
)

// String is "default", "persist" or "evict".
func (p Policy) String() string { return nameOf(p, "default", "persist", "evict") }

// ExecutionStore opens the execution store of a name, which comes into being
// with its first value.
func (c *Cache) ExecutionStore(name string, o *ExecutionStoreOptions) (*ExecutionStore, error) {
	if name == "" {
		return nil, errors.New("reprise: execution store: the name is empty")
	}
	s := &ExecutionStore{cache: c, name: name}
	if o != nil {
		s.opts = *o
	}
	if s.opts.Collection == "" {
		s.opts.Collection = defaultCollection
	}
	if s.opts.Collection == ownCollection {
		return nil, fmt.Errorf("reprise: execution store %s: Collection %q is for reprise's own entries; choose another name", name, ownCollection)
	}
	if s.opts.Policy == DefaultPolicy {
		s.opts.Policy = Persist
	}
	if s.opts.Policy > Evict {
		return nil, fmt.Errorf("reprise: execution store %s: Policy %d is none of Persist, Evict", name, s.opts.Policy)
	}
	return s, nil
}

// SetOptions say how long a value is kept. Nil and the zero value keep it for
// ever, by the execution store's policy.
type SetOptions struct {
	TTL    time.Duration // from now; 0: for ever; negative is an error
	Policy Policy
}

// Set puts v under key, over what was there, with a new expiry. A value that
// JSON would not give back as it is, is refused with ErrNotSerializable.
func (s *ExecutionStore) Set(ctx context.Context, key string, v any, o *SetOptions) error {
	if o == nil {
		o = &SetOptions{}
	}
	pol, err := s.policy(o.Policy)
	if err = together(err, refuse(o.TTL < 0, "TTL: %v is negative", o.TTL)); err != nil {
		return s.wrap("set", key, err)
	}
	b, err := encodeAny(v)
	if err != nil {
		return s.wrap("set", key, err)
	}
	return s.put(ctx, key, jsonCodec, b, pol, o.TTL)
}

// SetBytes is Set for bytes, which are kept as they are instead of as JSON. Only
// GetBytes gives them back.
func (s *ExecutionStore) SetBytes(ctx context.Context, key string, b []byte, o *SetOptions) error {
	if o == nil {
		o = &SetOptions{}
	}
	pol, err := s.policy(o.Policy)
	if err = together(err, refuse(o.TTL < 0, "TTL: %v is negative", o.TTL)); err != nil {
		return s.wrap("set", key, err)
	}
	return s.put(ctx, key, rawCodec, b, pol, o.TTL)
}

func (s *ExecutionStore) put(ctx context.Context, key, codec string, b []byte, pol store.Policy, ttl time.Duration) error {
	k := s.key(key)
	sealed, err := s.cache.engine.Seal(k, codec, b)
	if err != nil {
		return s.wrap("set", key, err)
	}
	rec := &store.Record{Key: k, Labels: s.labels(key), Value: sealed, Policy: pol, TTL: ttl}
	return s.wrap("set", key, s.cache.engine.Act(ctx, func(ctx context.Context) error {
		_, err := s.cache.engine.Store().Put(ctx, rec, store.PutSet)
		return err
	}))
}

// Get decodes the value under key into dst, a pointer as for json.Unmarshal.
// ErrMiss where there is none; then dst is left alone.
func (s *ExecutionStore) Get(ctx context.Context, key string, dst any) error {
	_, b, err := s.read(ctx, key, jsonCodec)
	if err == nil {
		err = json.Unmarshal(b, dst)
	}
	return s.wrap("get", key, err)
}

// GetBytes gives what SetBytes put under key; the slice is the caller's.
// ErrMiss where there is none.
func (s *ExecutionStore) GetBytes(ctx context.Context, key string) ([]byte, error) {
	_, b, err := s.read(ctx, key, rawCodec)
	return b, s.wrap("get", key, err)
}

// Has reports whether there is a value under key.
func (s *ExecutionStore) Has(ctx context.Context, key string) (bool, error) {
	_, _, err := s.read(ctx, key, jsonCodec, rawCodec)
	if errors.Is(err, ErrMiss) {
		return false, nil
	}
	return err == nil, s.wrap("has", key, err)
}

// Delete removes the value under key and reports whether there was one.
func (s *ExecutionStore) Delete(ctx context.Context, key string) (bool, error) {
	var b store.Bumped
	err := s.cache.engine.Act(ctx, func(ctx context.Context) (err error) {
		b, err = s.cache.engine.Store().Clear(ctx, s.key(key))
		return err
	})
	return b.Entries > 0, s.wrap("delete", key, err)
}

// UpdateTTL makes the value under key expire ttl from now; 0: never. ErrMiss
// where there is none.
func (s *ExecutionStore) UpdateTTL(ctx context.Context, key string, ttl time.Duration) error {
	if ttl < 0 {
		return s.wrap("update ttl", key, refuse(true, "TTL: %v is negative", ttl))
	}
	return s.update(ctx, "update ttl", key, store.Change{TTL: &ttl})
}

// UpdatePolicy changes whether the value under key may be given up. ErrMiss
// where there is none.
func (s *ExecutionStore) UpdatePolicy(ctx context.Context, key string, p Policy) error {
	pol, err := s.policy(p)
	if err != nil {
		return s.wrap("update policy", key, err)
	}
	return s.update(ctx, "update policy", key, store.Change{Policy: &pol})
}

func (s *ExecutionStore) update(ctx context.Context, op, key string, c store.Change) error {
	found := false
	err := s.cache.engine.Act(ctx, func(ctx context.Context) (err error) {
		found, err = s.cache.engine.Store().Update(ctx, s.key(key), c)
		return err
	})
	if err == nil && !found {
		err = &MissError{Reason: Absent}
	}
	return s.wrap(op, key, err)
}
