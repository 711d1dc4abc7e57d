package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/reprise-go/reprise/store"
)

// Method names a method of a store, for Faulty.
type Method string

// The methods that Faulty can disturb. Close is passed on and counted only.
const (
	MethodGet     Method = "Get"
	MethodPut     Method = "Put"
	MethodUpdate  Method = "Update"
	MethodClear   Method = "Clear"
	MethodBump    Method = "Bump"
	MethodChanges Method = "Changes"
	MethodList    Method = "List"
	MethodCount   Method = "Count"
	MethodPurge   Method = "Purge"
	MethodSweep   Method = "Sweep"
	MethodInfo    Method = "Info"
	MethodClose   Method = "Close"
	MethodAcquire Method = "Acquire"
	MethodRenew   Method = "Renew"
	MethodPublish Method = "Publish"
	MethodRelease Method = "Release"
	MethodWatch   Method = "Watch"
)

// ErrInjected is what a Fault without an error of its own returns.
var ErrInjected = errors.New("storetest: injected fault")

// Fault is what happens to calls of one method. The fields combine: a call
// waits at Gate, then hangs, fails, or is performed, waits at Late and is
// altered.
type Fault struct {
	// Times is how many calls are disturbed; 0 means all until Heal.
	Times int
	// Gate, if not nil, holds each call before it is performed until the gate
	// opens or the call's context ends.
	Gate *Gate
	// Late, if not nil, holds each call after it was performed until the gate
	// opens or the call's context ends; the call then returns that error.
	Late *Gate
	// Hang makes each call wait for the end of its context and return its
	// error; nothing is performed.
	Hang bool
	// Err, if not nil, is returned. Nothing is performed unless LoseReply.
	Err error
	// LoseReply performs the call and then returns Err, or ErrInjected where
	// Err is nil, instead of the answer. Watch has no reply to lose.
	LoseReply bool
	// Corrupt, if not nil, replaces the Value that a Get found. It gets a
	// slice of its own.
	Corrupt func(value []byte) []byte
}

// Faulty is a store that passes calls on to another and injects faults where
// told to. It is safe for concurrent use; faults may be added and healed while
// calls run, and concern calls that start afterwards.
//
// *Faulty itself is a store.Store without capabilities. Store returns the same
// store with the capabilities of the inner one: give that to whatever looks
// for a store.Leaser or a store.Watcher.
type Faulty struct {
	inner store.Store

	mu      sync.Mutex // protects what follows
	faults  map[Method][]*Fault
	calls   map[Method]int
	mute    bool
	watches map[chan error]struct{}
}

// NewFaulty wraps s. Without faults the wrapper behaves as s does. Closing the
// wrapper closes s.
func NewFaulty(s store.Store) *Faulty {
	return &Faulty{
		inner:   s,
		faults:  make(map[Method][]*Fault),
		calls:   make(map[Method]int),
		watches: make(map[chan error]struct{}),
	}
}

// Inject adds a fault to the calls of m. Faults of one method take turns in
// the order they were injected: the second begins where the first is used up.
func (f *Faulty) Inject(m Method, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[m] = append(f.faults[m], &fault)
}

// Fail makes the next n calls of m return err without effect; n of 0 means all
// until Heal.
func (f *Faulty) Fail(m Method, n int, err error) { f.Inject(m, Fault{Times: n, Err: err}) }

// LoseReply makes the next n calls of m take effect and return err; n of 0
// means all until Heal.
func (f *Faulty) LoseReply(m Method, n int, err error) {
	f.Inject(m, Fault{Times: n, Err: err, LoseReply: true})
}

// Hang makes the next n calls of m wait for the end of their context; n of 0
// means all until Heal.
func (f *Faulty) Hang(m Method, n int) { f.Inject(m, Fault{Times: n, Hang: true}) }

// Hold makes the next n calls of m wait at the returned gate before they are
// performed; n of 0 means all until Heal.
func (f *Faulty) Hold(m Method, n int) *Gate {
	g := NewGate()
	f.Inject(m, Fault{Times: n, Gate: g})
	return g
}

// HoldReply makes the next n calls of m take effect and then wait at the
// returned gate with their answer; n of 0 means all until Heal.
func (f *Faulty) HoldReply(m Method, n int) *Gate {
	g := NewGate()
	f.Inject(m, Fault{Times: n, Late: g})
	return g
}

// CorruptValues makes the next n Gets return what how makes of the value; n of
// 0 means all until Heal.
func (f *Faulty) CorruptValues(n int, how func([]byte) []byte) {
	f.Inject(MethodGet, Fault{Times: n, Corrupt: how})
}

// Heal drops the faults of the methods named, or of all where none is. Calls
// that already wait go on waiting.
func (f *Faulty) Heal(methods ...Method) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(methods) == 0 {
		clear(f.faults)
		f.mute = false
	}
	for _, m := range methods {
		delete(f.faults, m)
	}
}

// Calls is how many calls of m have started, disturbed ones included.
func (f *Faulty) Calls(m Method) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[m]
}

// take counts a call of m and returns the fault that it meets.
func (f *Faulty) take(m Method) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[m]++
	queue := f.faults[m]
	if len(queue) == 0 {
		return Fault{}
	}
	fault := *queue[0]
	if queue[0].Times--; queue[0].Times == 0 {
		f.faults[m] = slices.Delete(queue, 0, 1)
	} else if queue[0].Times < 0 {
		queue[0].Times = 0 // all until Heal
	}
	return fault
}

// before waits and fails as told; where it returns nil the call is performed.
func (fault *Fault) before(ctx context.Context) error {
	if fault.Gate != nil {
		if err := fault.Gate.wait(ctx); err != nil {
			return err
		}
	}
	if fault.Hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if fault.LoseReply {
		return nil
	}
	return fault.Err
}

// after is what the caller is told of a call that was performed.
func (fault *Fault) after(err error) error {
	switch {
	case !fault.LoseReply:
		return err
	case fault.Err != nil:
		return fault.Err
	}
	return ErrInjected
}

// disturb performs call as the faults of m want.
func disturb[T any](f *Faulty, ctx context.Context, m Method, call func() (T, error)) (T, error) {
	var none T
	fault := f.take(m)
	if err := fault.before(ctx); err != nil {
		return none, err
	}
	answer, err := call()
	if fault.Late != nil {
		if err := fault.Late.wait(ctx); err != nil {
			return none, err
		}
	}
	if lost := fault.after(err); lost != nil {
		return none, lost
	}
	if l, ok := any(&answer).(*store.Lookup); ok && fault.Corrupt != nil && l.Found {
		l.Record.Value = fault.Corrupt(slices.Clone(l.Record.Value))
	}
	return answer, nil
}
