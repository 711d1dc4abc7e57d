package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/reprise-go/reprise/store"
)

func concurrencyTopic() topic {
	return topic{"concurrency", []check{
		{"parallel puts all arrive", checkParallelPuts},
		{"numbers are taken once", checkNumbersOnce},
		{"a value is never torn", checkNoTearing},
		{"a clear is never undone", checkClearRace},
		{"a bump is never undone", checkBumpRace},
		{"two handles race alike", checkHandlesRace},
	}}
}

// workers is how many goroutines the races use.
const workers = 8

// race runs f in each worker and waits for all.
func race(f func(worker int)) {
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func checkParallelPuts(e *env) {
	const each = 25
	race(func(w int) {
		for i := range each {
			name := fmt.Sprint(w, " ", i)
			if _, err := e.s.Put(e.ctx, rec(name), store.PutSet); err != nil {
				e.Errorf("Put: %v", err)
			}
			if l, err := e.s.Get(e.ctx, keyOf(name)); err != nil || !l.Found {
				e.Errorf("Get of what this goroutine just put: found %t, %v", l.Found, err)
			}
		}
	})
	if n := e.count(store.Query{}).Entries; n != workers*each {
		e.Errorf("%d entries, want %d", n, workers*each)
	}
}

func checkNumbersOnce(e *env) {
	var mu sync.Mutex
	taken := make(map[uint64]string)
	note := func(what string, seq uint64, err error) {
		mu.Lock()
		defer mu.Unlock()
		if other, twice := taken[seq]; err != nil || twice {
			e.Errorf("%s took number %d, as did %q; %v", what, seq, other, err)
		}
		taken[seq] = what
	}
	race(func(w int) {
		for range 10 {
			b, err := e.s.Bump(e.ctx, store.TagLabel(fmt.Sprint(w)))
			note("Bump", b.Seq, err)
			b, err = e.s.Clear(e.ctx, keyOf(fmt.Sprint(w)))
			note("Clear", b.Seq, err)
			r := rec("set")
			if _, err = e.s.Put(e.ctx, r, store.PutSet); err != nil {
				e.Errorf("Put: %v", err)
			}
		}
	})
}

// torn tells whether v is not what checkNoTearing puts: one byte repeated.
func torn(v []byte) bool { return len(v) == 0 || !bytes.Equal(v, bytes.Repeat(v[:1], len(v))) }

func checkNoTearing(e *env) {
	race(func(w int) {
		for i := range 15 {
			r := with(rec("a"), func(r *store.Record) {
				r.Value = bytes.Repeat([]byte{byte(w + 1)}, 1+i*w*3000) // some are large enough for files
				r.Labels.Version = fmt.Sprint(w)
			})
			if _, err := e.s.Put(e.ctx, r, store.PutSet); err != nil {
				e.Errorf("Put: %v", err)
			}
			l, err := e.s.Get(e.ctx, r.Key)
			if err != nil || !l.Found || torn(l.Record.Value) || l.Record.Size != int64(len(l.Record.Value)) {
				e.Errorf("Get during puts: found %t, damaged %t, size %d of %d, %v",
					l.Found, l.Damaged, l.Record.Size, len(l.Record.Value), err)
			} else if l.Record.Labels.Version != fmt.Sprint(l.Record.Value[0]-1) {
				e.Errorf("the value of one put came with the labels of another")
			}
		}
	})
}

// checkClearRace lets executions of one key race with clears of it. Whoever
// looks after a clear returned must never be given work that began before.
func checkClearRace(e *env) {
	raceInvalidation(e, []store.Store{e.s}, func(s store.Store) (store.Bumped, error) { return s.Clear(e.ctx, keyOf("a")) })
}

func checkBumpRace(e *env) {
	label := store.FunctionLabel(store.KindFunction, "c", "f")
	raceInvalidation(e, []store.Store{e.s}, func(s store.Store) (store.Bumped, error) { return s.Bump(e.ctx, label) })
}

func checkHandlesRace(e *env) {
	handles := []store.Store{e.s, e.second().s}
	raceInvalidation(e, handles, func(s store.Store) (store.Bumped, error) { return s.Clear(e.ctx, keyOf("a")) })
}

// raceInvalidation has every worker look, invalidate in its turn, and publish
// the execution that it began one round before. Values say when their
// execution really began, whatever the store makes of Begun.
func raceInvalidation(e *env, handles []store.Store, invalidate func(store.Store) (store.Bumped, error)) {
	const rounds = 30
	var newest atomic.Uint64 // of the invalidations that returned
	race(func(w int) {
		s := handles[w%len(handles)]
		begun := lookDuringRace(e, s, 0, &newest)
		for i := range rounds {
			seq := lookDuringRace(e, s, begun, &newest)
			if i%4 == w%4 {
				b, err := invalidate(s)
				if err != nil {
					e.Errorf("invalidate: %v", err)
				}
				raise(&newest, b.Seq)
			}
			publishDuringRace(e, s, begun)
			begun = lookDuringRace(e, s, seq, &newest)
		}
	})
}

func raise(to *atomic.Uint64, seq uint64) {
	for old := to.Load(); old < seq && !to.CompareAndSwap(old, seq); old = to.Load() {
	}
}

func publishDuringRace(e *env, s store.Store, begun uint64) {
	r := rec("a")
	r.Begun = begun
	r.Value = []byte(strconv.FormatUint(begun, 10))
	if _, err := s.Put(e.ctx, r, store.PutPublish); err != nil && !errors.Is(err, store.ErrSuperseded) {
		e.Errorf("Put: %v", err)
	}
}

// lookDuringRace fails the check where the entry is visible although its
// execution began before an invalidation that had returned. It returns the
// sequence number, which must not be below last.
func lookDuringRace(e *env, s store.Store, last uint64, newest *atomic.Uint64) uint64 {
	invalidated := newest.Load()
	l, err := s.Get(e.ctx, keyOf("a"))
	if err != nil || l.Seq < last || l.Seq < invalidated {
		e.Errorf("Get: Seq %d after %d and an invalidation at %d, %v", l.Seq, last, invalidated, err)
	}
	c, err := s.Changes(e.ctx, 0)
	if err != nil {
		e.Errorf("Changes: %v", err)
	}
	if l.Found && !hiddenBy(c.Labels, &l.Record) {
		if begun, _ := strconv.ParseUint(string(l.Record.Value), 10, 64); begun < invalidated {
			e.Errorf("visible after the invalidation at %d: work that began at %d", invalidated, begun)
		}
	}
	return l.Seq
}
