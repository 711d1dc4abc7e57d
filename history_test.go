package reprise_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// What several processes did to the entry and the lease of one key is judged
// by a linearizability checker: there must be one order of all operations, true
// to the clock, in which a single entry with a single lease would have answered
// the same.

// deed is one operation on one key, as the process saw it that asked for it.
type deed struct {
	what  verb
	fence uint64 // granted, published, or of the record read; 0: none was there
	owner string // granted to, published by
	begun uint64 // of a publish: the store's number when its execution began
	seq   uint64 // of a clear: the number that it took

	refused bool // a publish
	open    bool // never answered: it may have happened, or may happen yet

	call, ret int64 // nanoseconds of a clock that all processes share
}

type verb string

const (
	didGrant   verb = "grants"
	didPublish verb = "publishes"
	didClear   verb = "clears"
	didRead    verb = "reads"
	didVanish  verb = "loses" // the entry, and nothing more
)

// register is an entry and its lease.
type register struct {
	granted, published uint64 // the highest fences
	owner              string // of the highest lease
	present            bool   // the entry can be seen
	cleared            uint64 // the number of the last clear
}

// after is the register after a deed, and whether that could happen: a lease is
// granted under a higher fence than all before it, or to its owner again; only
// the latest lease publishes, once, where nothing is there, and no execution
// from before a clear; and everybody reads what was published last.
func (r register) after(d *deed) (register, bool) {
	switch d.what {
	case didGrant:
		again := d.fence == r.granted && d.owner == r.owner
		fits := again || d.fence > r.granted
		r.granted, r.owner = d.fence, d.owner
		return r, fits
	case didPublish:
		fits := d.fence == r.granted && d.owner == r.owner && d.fence > r.published && !r.present && d.begun >= r.cleared
		if d.refused || d.open && !fits {
			return r, true
		}
		r.published, r.present = d.fence, true
		return r, fits
	case didVanish:
		r.present = false
		return r, true
	case didClear:
		r.present, r.cleared = false, max(r.cleared, d.seq)
		return r, true
	}
	if d.fence == 0 {
		return r, !r.present
	}
	return r, r.present && r.published == d.fence
}

var registers = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, d, _ any) (bool, any) {
		next, fits := state.(register).after(d.(*deed))
		return fits, next
	},
}

// judge finds out whether the deeds on one key can be brought into an order.
// Reads and grants without an answer say nothing and must not be among them.
func judge(deeds []*deed) porcupine.CheckResult {
	history := make([]porcupine.Operation, 0, len(deeds))
	for _, d := range deeds {
		op := porcupine.Operation{Input: d, Call: d.call, Return: d.ret}
		if d.open {
			op.Return = math.MaxInt64
		}
		history = append(history, op)
	}
	return porcupine.CheckOperationsTimeout(registers, history, time.Minute)
}

// inSteps is a history in which a clear may take the entry away before it makes
// executions void, as in a Redis cluster, where these are on two nodes: each
// clear is then two deeds. (Losing an entry is never wrong for a cache; what
// must not be is that an old one comes back after the clear, or a second
// publish without either.)
func inSteps(deeds []*deed) []*deed {
	all := slices.Clone(deeds)
	for _, d := range deeds {
		if d.what == didClear {
			all = append(all, &deed{what: didVanish, open: d.open, call: d.call, ret: d.ret})
		}
	}
	return all
}

func (d *deed) String() string {
	s := fmt.Sprintf("%d–%d %s fence %d", d.call, d.ret, d.what, d.fence)
	for word, holds := range map[string]bool{"refused": d.refused, "open": d.open} {
		if holds {
			s += " " + word
		}
	}
	return fmt.Sprintf("%s owner %q begun %d seq %d", s, d.owner, d.begun, d.seq)
}

// TestHistoriesAreJudged: the judge of the fault tests knows right histories
// from wrong ones. Deeds follow each other unless an @ gives their times.
func TestHistoriesAreJudged(t *testing.T) {
	for history, right := range map[string]bool{
		"grant 1 a; publish 1 a; read 1; read 1":                                      true,
		"read 0; grant 1 a; read 0; publish 1 a":                                      true,
		"grant 1 a; grant 2 b; publish 2 b; refused 1 a; read 2":                      true,
		"grant 1 a; grant 1 a; publish 1 a":                                           true,
		"grant 1 a; publish 1 a; clear 5; read 0; grant 2 b; publish 2 b 5":           true,
		"grant 1 a; open 1 a; read 1; clear 5; read 0":                                true, // killed after the commit
		"grant 1 a; open 1 a; read 0; grant 2 b; publish 2 b; read 2":                 true, // killed before
		"grant 1 a; clear 5; refused 1 a 4; read 0":                                   true,
		"grant 1 a@1-2; publish 1 a@3-9; read 0@4-5; read 1@5-6":                      true,
		"grant 1 a; publish 1 a; read 0":                                              false, // too old
		"grant 1 a; publish 1 a; read 2":                                              false, // of nobody
		"grant 1 a; read 1":                                                           false, // too early
		"grant 1 a; refused 1 a; read 1":                                              false,
		"grant 1 a@1-2; publish 1 a@3-9; read 1@4-5; read 0@6-7":                      false, // there and back
		"grant 1 a; grant 2 b; publish 2 b; publish 1 a":                              false, // an older fence
		"grant 1 a; grant 2 b; publish 1 a":                                           false, // ... before the newer
		"grant 1 a; publish 1 a; grant 2 b; publish 2 b":                              false, // twice in a generation
		"grant 1 a; publish 1 a; clear 5; publish 1 a 5":                              false, // a fence twice
		"grant 1 a; clear 5; publish 1 a 4":                                           false, // undoes a clear
		"grant 1 a; publish 1 a; clear 5; read 1":                                     false,
		"grant 2 a; grant 1 b":                                                        false, // fences go back
		"grant 1 a; grant 1 b":                                                        false, // two owners
		"grant 1 a; publish 1 b":                                                      false,
		"grant 1 a; open 1 a; read 1; grant 2 b; publish 2 b; read 2; read 1; read 2": false,
	} {
		want := porcupine.Illegal
		if right {
			want = porcupine.Ok
		}
		if got := judge(written(history)); got != want {
			t.Errorf("%s: %s, want %s", history, got, want)
		}
	}
}

// TestClearsInSteps: what a cluster may do, and what not even a cluster may.
func TestClearsInSteps(t *testing.T) {
	for history, right := range map[string]bool{
		"grant 1 a; publish 1 a 3; clear 5@20-60; read 0@21-22; grant 2 b@23-24; publish 2 b 4@25-26; read 2@27-28; read 0@65-66": true,
		"grant 1 a; publish 1 a 3; clear 5@20-60; read 0@21-22; grant 2 b@63-64; publish 2 b 4@65-66":                             false, // void
		"grant 1 a; publish 1 a 3; clear 5@20-30; read 1@31-32":                                                                   false,
		"grant 1 a; publish 1 a 3; grant 2 b; publish 2 b 4; clear 5":                                                             false,
	} {
		deeds := written(history)
		want := porcupine.Illegal
		if right {
			want = porcupine.Ok
		}
		if got := judge(inSteps(deeds)); got != want {
			t.Errorf("%s: %s, want %s", history, got, want)
		}
		if got := judge(deeds); right && got != porcupine.Illegal {
			t.Errorf("%s is %s in one step: the test shows nothing", history, got)
		}
	}
}

// written reads a history in the notation of TestHistoriesAreJudged.
func written(history string) []*deed {
	var deeds []*deed
	for i, line := range strings.Split(history, "; ") {
		line, times, timed := strings.Cut(line, "@")
		d := &deed{call: int64(10 * i), ret: int64(10*i + 5)}
		if timed {
			fmt.Sscanf(times, "%d-%d", &d.call, &d.ret)
		}
		word := ""
		switch word, _, _ = strings.Cut(line, " "); word {
		case "grant":
			d.what = didGrant
		case "read":
			d.what = didRead
		case "clear":
			d.what = didClear
			fmt.Sscan(line, &word, &d.seq)
		case "publish", "refused", "open":
			d.what, d.refused, d.open = didPublish, word == "refused", word == "open"
		}
		if d.what != didClear {
			fmt.Sscan(line, &word, &d.fence, &d.owner, &d.begun)
		}
		deeds = append(deeds, d)
	}
	return deeds
}
