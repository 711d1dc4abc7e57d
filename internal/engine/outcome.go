package engine

// Outcome says what became of one call. The set is closed: results, logs,
// metrics, the command line and the console all use these and no others.
type Outcome uint8

// The outcomes.
const (
	// HitMemory answered from this process's memory.
	HitMemory Outcome = iota + 1
	// HitStore answered from the store.
	HitStore
	// HitStale answered with a value past RefreshAfter while a refresh runs,
	// or with an expired value because the function failed.
	HitStale
	// Joined shared the execution of an identical call in this process.
	Joined
	// Waited shared the execution of an identical call elsewhere.
	Waited
	// Populated ran the function and stored the result.
	Populated
	// Refreshed ran the function although there was a value, and replaced it.
	Refreshed
	// LookupFailed ran the function uncached because the store did not answer.
	LookupFailed
	// PutFailed ran the function and could not store the result.
	PutFailed
	// Skipped ran the function uncached because the call has no sound key.
	Skipped
	// Bypassed ran the function uncached, or without storing, as asked.
	Bypassed
	// Failed returned the function's error, or the store's under FailClosed.
	Failed

	outcomes
)

var outcomeNames = [outcomes]string{
	"none", "hit-memory", "hit-store", "hit-stale", "joined", "waited", "populated",
	"refreshed", "lookup-failed", "put-failed", "skipped", "bypassed", "failed",
}

// String is the name used in logs and metrics, such as "hit-memory".
func (o Outcome) String() string {
	if o < outcomes {
		return outcomeNames[o]
	}
	return "invalid"
}

// Hit reports whether the answer came from a cache rather than from an
// execution that this call began or joined.
func (o Outcome) Hit() bool { return o >= HitMemory && o <= HitStale }

// Outcomes lists all of them, in order.
func Outcomes() []Outcome {
	all := make([]Outcome, 0, outcomes-1)
	for o := HitMemory; o < outcomes; o++ {
		all = append(all, o)
	}
	return all
}

// Reason says why a call missed, was skipped, or was not stored.
type Reason uint8

// The reasons.
const (
	// NoReason goes with plain hits.
	NoReason Reason = iota
	// Absent: no entry under the key.
	Absent
	// Expired: an entry past its time to live.
	Expired
	// Cleared: an entry from before a clear, a dataset delete or a tag's
	// invalidation.
	Cleared
	// Corrupt: bytes that fail their checks, or a value that is gone.
	Corrupt
	// Undecodable: intact bytes that the codec refuses.
	Undecodable
	// StoreError: the store failed, or has failed so often that it is left in
	// peace for a while.
	StoreError
	// RefreshAsked: the mode asked to run.
	RefreshAsked
	// RefreshDue: the value passed RefreshAfter.
	RefreshDue
	// FunctionFailed: an expired value stands in for a failing function.
	FunctionFailed
	// ModeOff: the mode asked for no cache.
	ModeOff
	// ModeReadOnly: the mode asked to store nothing.
	ModeReadOnly
	// ScopeMissing: a declared scope, or the dataset, has no value.
	ScopeMissing
	// KeyError: the key cannot be computed.
	KeyError
	// NotSerializable: the result would not come back as it went.
	NotSerializable
	// Superseded: a clear or a newer result came while the function ran.
	Superseded
	// InputsChanged: a file input changed while the function ran.
	InputsChanged
	// NotKept: TTLFunc asked not to keep the value.
	NotKept
	// TooLarge: the value is over the store's limit.
	TooLarge
	// NoRoom: the medium or the quota has no room for the value.
	NoRoom

	reasons
)

var reasonNames = [reasons]string{
	"", "absent", "expired", "cleared", "corrupt", "undecodable", "store-error",
	"refresh-asked", "refresh-due", "function-failed", "mode-off", "mode-read-only",
	"scope-missing", "key-error", "not-serializable", "superseded", "inputs-changed", "not-kept",
	"too-large", "no-room",
}

// String is the name used in logs and metrics, such as "expired".
func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return "invalid"
}

// Tier says where an answer came from.
type Tier uint8

// The tiers.
const (
	// NoTier: from an execution.
	NoTier Tier = iota
	// TierMemory is this process.
	TierMemory
	// TierStore is the store.
	TierStore
)

// String is the tier's name, "" for an execution.
func (t Tier) String() string { return [...]string{"", "memory", "store"}[min(t, TierStore)] }
