package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// Get implements store.Store.
//
// The sequence number must not be newer than the entry: a reader that keeps a
// copy would miss the change between. On one server the commands run in the
// order given here, the number first. In a cluster both are asked at once, and
// where the number moved since this process last saw it, the entry is read
// again.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Lookup, error) {
	if err := s.enter(ctx); err != nil {
		return store.Lookup{}, err
	}
	if s.cluster {
		return s.getCluster(ctx, key)
	}
	b := s.client.B()
	r := s.client.DoMulti(ctx,
		b.Hmget().Key(s.names.metaKey()).Field("seq", "birth").Build(),
		b.Time().Build(),
		b.Hmget().Key(s.names.entry(key)).Field("h", "m", "v").Build())
	n, err := r[0].ToArray()
	if err != nil {
		return store.Lookup{}, s.failed(err)
	}
	t, err := r[1].ToArray()
	if err != nil {
		return store.Lookup{}, s.failed(err)
	}
	e, err := r[2].ToArray()
	if err != nil {
		return store.Lookup{}, s.failed(err)
	}
	return s.lookup(ctx, key, n, t, e)
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
	e, _ := answer[1].ToArray()
	return s.lookup(ctx, key, n, t, e)
}

func (s *Store) getArgs(key store.Key) []string {
	return []string{s.names.meta, s.names.of(key), keyText(key)}
}

// lookup makes sense of the store's number and birth, the time, and the fields
// of the entry.
func (s *Store) lookup(ctx context.Context, key store.Key, n, t, e []rueidis.RedisMessage) (store.Lookup, error) {
	if len(n) != 2 || len(t) != 2 || len(e) != 3 {
		return store.Lookup{}, corrupt("get " + key.Short())
	}
	if n[0].IsNil() { // the server lost its data
		return s.lookupAnew(ctx)
	}
	l := store.Lookup{
		Seq: s.see(number(&n[0])),
		Now: time.UnixMicro(int64(number(&t[0]))*1e6 + int64(number(&t[1]))),
	}
	if !e[0].IsNil() {
		l.Damaged = !fillLookup(&l, number(&n[1]), e)
		l.Record.Key = key
		l.Found = l.Found && !l.Damaged
	}
	if !l.Found {
		l.Record = store.Record{}
	}
	return l, nil
}

// lookupAnew makes the store again and finds nothing in it.
func (s *Store) lookupAnew(ctx context.Context) (store.Lookup, error) {
	i, err := s.Info(ctx)
	return store.Lookup{Seq: i.Seq, Now: i.Now}, err
}

// fillLookup reads an entry into l and tells whether it is whole. It is not
// found where it is a tombstone, past its grace, or from before the store lost
// its generations.
func fillLookup(l *store.Lookup, birth uint64, e []rueidis.RedisMessage) bool {
	text, _ := e[0].ToString()
	h, err := parseHeader(text)
	switch {
	case err != nil:
		return false
	case !h.present, h.begun < birth, h.dead > 0 && l.Now.UnixMilli() >= int64(h.dead):
		return true
	}
	labels, _ := e[1].ToString()
	if decodeLabels(labels, &l.Record) != nil || e[2].IsNil() {
		return false
	}
	l.Record.Value, _ = e[2].AsBytes()
	h.fill(&l.Record)
	l.Found = true
	return int64(len(l.Record.Value)) == l.Record.Size
}

func decimal[T ~int | ~int64 | ~uint8 | ~uint64](n T) string {
	if n < 0 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}
