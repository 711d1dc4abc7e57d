package redisstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// Get implements store.Store.
//
// The sequence number must not be newer than the entry: a reader that keeps a
// copy would miss the change between. On one server it is either known to be
// current, see tracker, or asked for before the entry on the same connection.
// In a cluster both are asked for at once, and where the number moved since
// this process last saw it, the entry is read again.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	if err := s.enter(ctx); err != nil {
		return store.Lookup{}, err
	}
	if s.cluster {
		return s.getCluster(ctx, key)
	}
	if known := s.tracker.current(); known != nil {
		if l, ok, err := s.getKnown(ctx, key, known); ok || err != nil {
			return l, err
		}
	}
	return s.getAll(ctx, key)
}

func (s *Store) readEntry(key store.Key) rueidis.Completed {
	return s.client.B().Get().Key(s.names.entry(key)).Build()
}

// entryIn is the entry that an answer to readEntry holds: nil where there is
// none, and too short to be one where something of another type is in its place.
func entryIn(r rueidis.RedisResult) ([]byte, error) {
	e, err := r.AsBytes()
	switch {
	case rueidis.IsRedisNil(err):
		return nil, nil
	case err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE"):
		return []byte{}, nil
	}
	return e, err
}

// getKnown is Get where number and time are known; it reports false where they
// turn out not to be.
func (s *Store) getKnown(ctx context.Context, key store.Key, known *knownNumber) (store.Lookup, bool, error) {
	if _, ok := s.tracker.estimate(time.Now()); !ok {
		return store.Lookup{}, false, nil
	}
	e, err := entryIn(s.client.Do(ctx, s.readEntry(key)))
	if err != nil {
		return store.Lookup{}, false, s.failed(err)
	}
	now, ok := s.tracker.estimate(time.Now())
	if !ok || !s.tracker.lasts(known) {
		return store.Lookup{}, false, nil
	}
	return lookup(key, known.seq, known.birth, now, e), true, nil
}

// getAll asks for number, time and entry in one round trip.
func (s *Store) getAll(ctx context.Context, key store.Key) (store.Lookup, error) {
	epoch, asked := s.tracker.epoch.Load(), time.Now()
	b := s.client.B()
	r := s.client.DoMulti(ctx,
		b.Hmget().Key(s.names.metaKey()).Field("seq", "birth").Build(),
		b.Time().Build(),
		s.readEntry(key))
	answered := time.Now()
	n, err := r[0].ToArray()
	if err != nil {
		return store.Lookup{}, s.failed(err)
	}
	t, err := r[1].ToArray()
	if err != nil {
		return store.Lookup{}, s.failed(err)
	}
	e, err := entryIn(r[2])
	if err != nil {
		return store.Lookup{}, s.failed(err)
	}
	if s.tracked && len(n) == 2 && !n[0].IsNil() && len(t) == 2 {
		s.tracker.learn(number(&n[0]), number(&n[1]), epoch)
		s.tracker.observe(asked, answered, serverTime(t))
	}
	return s.lookup(ctx, key, n, t, e)
}

// serverTime reads an answer to TIME.
func serverTime(t []rueidis.RedisMessage) time.Time {
	return time.UnixMicro(int64(number(&t[0]))*1e6 + int64(number(&t[1])))
}

// getCluster is Get where the entry and the number may be on two servers. The
// script tells the time of the server that has the entry.
func (s *Store) getCluster(ctx context.Context, key store.Key) (store.Lookup, error) {
	before := s.seen.Load()
	r := s.client.DoMulti(ctx,
		s.client.B().Hmget().Key(s.names.metaKey()).Field("seq", "birth").Build(),
		s.evalsha(opGet, []string{s.names.shardKey(int(key[0]))}, s.getArgs(key)))
	n, err := r[0].ToArray()
	if err != nil {
		return store.Lookup{}, s.failed(err)
	}
	answer, err := r[1].ToArray()
	if len(n) == 2 && number(&n[0]) != before || unknownScript(r[1]) {
		answer, err = s.onShard(ctx, opGet, int(key[0]), keyText(key))
	}
	if err != nil {
		return store.Lookup{}, s.failed(err)
	}
	if len(answer) != 2 {
		return store.Lookup{}, corrupt("get " + key.Short())
	}
	t, _ := answer[0].ToArray()
	e, err := answer[1].AsBytes()
	if err != nil && !rueidis.IsRedisNil(err) {
		return store.Lookup{}, corrupt("get " + key.Short())
	}
	return s.lookup(ctx, key, n, t, e)
}

func (s *Store) getArgs(key store.Key) []string {
	return []string{s.names.meta, s.names.of(key), keyText(key)}
}

// lookup makes sense of the store's number and birth, the time, and the entry.
func (s *Store) lookup(ctx context.Context, key store.Key, n, t []rueidis.RedisMessage, e []byte) (store.Lookup, error) {
	if len(n) != 2 || len(t) != 2 {
		return store.Lookup{}, corrupt("get " + key.Short())
	}
	if n[0].IsNil() { // the server lost its data
		return s.lookupAnew(ctx)
	}
	return lookup(key, s.see(number(&n[0])), number(&n[1]), serverTime(t), e), nil
}

// lookupAnew makes the store again and finds nothing in it.
func (s *Store) lookupAnew(ctx context.Context) (store.Lookup, error) {
	i, err := s.Info(ctx)
	return store.Lookup{Seq: i.Seq, Now: i.Now}, err
}

// lookup makes sense of an entry; nil is none.
func lookup(key store.Key, seq, birth uint64, now time.Time, e []byte) store.Lookup {
	l := store.Lookup{Seq: seq, Now: now}
	if e == nil {
		return l
	}
	var whole bool
	if l.Found, whole = fill(&l.Record, e, birth, now); !l.Found {
		l.Damaged, l.Record = !whole, store.Record{}
		return l
	}
	l.Record.Key = key
	return l
}

// fill reads an entry into r and tells whether it is there and whole. It is
// not there where it is a tombstone, past its grace, or from before the store
// lost its generations.
func fill(r *store.Record, e []byte, birth uint64, now time.Time) (found, whole bool) {
	h, labels, value, err := splitEntry(e)
	switch {
	case err != nil:
		return false, false
	case !h.present, h.begun < birth, h.dead > 0 && now.UnixMilli() >= int64(h.dead):
		return false, true
	}
	if decodeLabels(text(labels), r) != nil || int64(len(value)) != r.Size {
		return false, false
	}
	h.fill(r)
	r.Value = value
	return true, true
}

func decimal[T ~int | ~int64 | ~uint8 | ~uint64](n T) string {
	if n < 0 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}
