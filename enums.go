package reprise

import (
	"fmt"

	"github.com/reprise-go/reprise/internal/engine"
)

// Residency says in which tiers a function's results live.
type Residency uint8

const (
	// Hybrid keeps results in memory and in the store: memory answers first.
	Hybrid Residency = iota
	// Transient keeps results in the store only.
	Transient
	// Ephemeral keeps results in this process's memory only. They need no
	// codec and end with the Cache.
	Ephemeral
)

// String is "hybrid", "transient" or "ephemeral".
func (r Residency) String() string { return nameOf(r, "hybrid", "transient", "ephemeral") }

// Scope ties results to who is asking. Scopes combine with |.
type Scope uint8

const (
	// ByOperator separates results by Execution.Operator.
	ByOperator Scope = 1 << iota
	// ByUser separates results by Execution.User.
	ByUser
	// ByPrompt separates results by Execution.Prompt.
	ByPrompt
	// ByJWT separates results by Execution.JWT.
	ByJWT

	allScopes = ByOperator | ByUser | ByPrompt | ByJWT
)

// Mode is how calls use the cache. The environment variable REPRISE_MODE sets
// it for a whole program, [Config.Mode] for one Cache, [WithMode] for a call;
// the nearest to the call counts.
type Mode uint8

const (
	// Use looks up, runs the function on a miss, and stores the result.
	Use Mode = iota
	// Off runs the function and leaves the cache alone.
	Off
	// Refresh runs the function and overwrites, whatever was there.
	Refresh
	// ReadOnly looks up, runs the function on a miss, and stores nothing.
	ReadOnly
	// WriteOnly runs the function and stores the result, and never answers
	// from the cache.
	WriteOnly
)

// String is "use", "off", "refresh", "read-only" or "write-only", as
// REPRISE_MODE spells them.
func (m Mode) String() string {
	return nameOf(m, "use", "off", "refresh", "read-only", "write-only")
}

// ParseMode reads what Mode.String writes. Empty is Use.
func ParseMode(s string) (Mode, error) {
	if s == "" {
		return Use, nil
	}
	for m := Use; m <= WriteOnly; m++ {
		if m.String() == s {
			return m, nil
		}
	}
	return Use, fmt.Errorf("reprise: mode %q: want use, off, refresh, read-only or write-only", s)
}

// StoreErrorPolicy says what a call does when the store fails.
type StoreErrorPolicy uint8

const (
	// FailOpen runs the function without the cache.
	FailOpen StoreErrorPolicy = iota
	// FailClosed returns the store's error instead of running the function. A
	// value that was computed is returned all the same, stored or not.
	FailClosed
)

// String is "fail-open" or "fail-closed".
func (p StoreErrorPolicy) String() string { return nameOf(p, "fail-open", "fail-closed") }

func nameOf[T ~uint8](v T, names ...string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "invalid"
}

// Outcome says what became of one call; see the constants.
type Outcome = engine.Outcome

// The outcomes. The set is closed.
const (
	HitMemory    = engine.HitMemory    // answered from this process's memory
	HitStore     = engine.HitStore     // answered from the store
	HitStale     = engine.HitStale     // answered with an old value: a refresh runs, or the function failed
	Joined       = engine.Joined       // shared the execution of an identical call in this process
	Waited       = engine.Waited       // shared the execution of an identical call elsewhere
	Populated    = engine.Populated    // ran, and stored the result
	Refreshed    = engine.Refreshed    // ran although there was a value, and replaced it
	LookupFailed = engine.LookupFailed // ran uncached: the store did not answer
	PutFailed    = engine.PutFailed    // ran, and the result could not be stored
	Skipped      = engine.Skipped      // ran uncached: the call has no sound key
	Bypassed     = engine.Bypassed     // ran without reading or without storing, as asked
	Failed       = engine.Failed       // the function's error, or the store's under FailClosed
)

// Reason says why a call missed, was skipped, or was not stored.
type Reason = engine.Reason

// The reasons.
const (
	NoReason        = engine.NoReason        // a plain hit
	Absent          = engine.Absent          // no entry under the key
	Expired         = engine.Expired         // past its time to live
	Cleared         = engine.Cleared         // from before a clear, dataset delete or tag invalidation
	Corrupt         = engine.Corrupt         // failed its checks, or its bytes are gone
	Undecodable     = engine.Undecodable     // intact, and the codec refuses it
	StoreError      = engine.StoreError      // the store failed
	RefreshAsked    = engine.RefreshAsked    // the mode asked to run
	RefreshDue      = engine.RefreshDue      // past RefreshAfter
	FunctionFailed  = engine.FunctionFailed  // an expired value stands in for an error
	ModeOff         = engine.ModeOff         // the mode asked for no cache
	ModeReadOnly    = engine.ModeReadOnly    // the mode asked to store nothing
	ScopeMissing    = engine.ScopeMissing    // a declared scope, or the dataset, has no value
	KeyError        = engine.KeyError        // the key cannot be computed
	NotSerializable = engine.NotSerializable // the result would not come back as it went
	Superseded      = engine.Superseded      // a clear or a newer result came while the function ran
	InputsChanged   = engine.InputsChanged   // a file input changed while the function ran
	NotKept         = engine.NotKept         // TTLFunc asked not to keep the value
	TooLarge        = engine.TooLarge        // the value is over the store's limit
	NoRoom          = engine.NoRoom          // the medium or the quota has no room for the value
)

// Tier says where an answer came from.
type Tier = engine.Tier

// The tiers.
const (
	NoTier     = engine.NoTier     // an execution
	TierMemory = engine.TierMemory // this process
	TierStore  = engine.TierStore  // the store
)
