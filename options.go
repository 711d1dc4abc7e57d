package reprise

import (
	"context"
	"slices"
	"time"

	"github.com/reprise-go/reprise/codec"
	"github.com/reprise-go/reprise/version"
)

// Options say how one function is cached. Nil and the zero Options are the
// defaults; every field's zero value means what it says below. Wrap reads them
// once and never alters them.
type Options[In, Out any] struct {
	// Name is the store name: what the function's results are filed under.
	// Default: the function's qualified name. Closures, method values and
	// instances of generic functions have none that says enough: they need
	// one here. A name and version stand for one function in a Cache; what a
	// closure captures, and the receiver of a method value, are no part of the
	// key: functions that differ in these need names that differ.
	Name string

	// Version states the code's version. It wins over Policies, which then do
	// not run. Empty: the policies decide.
	Version string
	// Salt is one more thing that results depend on. It reaches every policy
	// and the key, also beside an explicit Version.
	Salt string
	// Policies derive the version when Wrap is called. Default: version.Auto.
	Policies []version.Policy
	// Params are what policies look at: container image, pod template.
	Params version.Params

	// IgnoredInputs are paths of fields of In that do not count, such as
	// "Query.Trace". An unknown path is an error of Wrap.
	IgnoredInputs []string
	// KeyFunc gives what is keyed instead of the inputs. Its error makes the
	// call run uncached. It is called at each call, and up to three times more
	// at a miss: it must be quick, and give the same for the same input.
	KeyFunc func(context.Context, In) (any, error)

	// Serialize lets one of many identical executions run, among all who share
	// the store; the rest wait and reuse its result. Within one process that
	// is always so.
	Serialize bool
	// LeaseTTL is how long an execution elsewhere may go on after its process
	// has died before another takes over; 0: 30 seconds. Needs Serialize.
	LeaseTTL time.Duration
	// MaxRun bounds one execution: its ctx is cancelled then; 0: unlimited.
	MaxRun time.Duration

	// Residency is where results live; default Hybrid.
	Residency Residency
	// MaxSize bounds the results in memory, in entries; 0: 1024. The least
	// recently used leaves first. Conflicts with Transient.
	MaxSize int

	// TTL is how long a result is valid, in every tier, from when it was
	// stored; 0: for ever.
	TTL time.Duration
	// TTLFunc decides per result: positive counts instead of TTL, 0 means TTL,
	// negative means do not keep this one.
	TTLFunc func(Out) time.Duration
	// Jitter takes a random part of itself off each TTL, so that results that
	// were stored together do not expire together. Must be less than TTL.
	Jitter time.Duration
	// RefreshAfter lets hits on results older than this begin a refresh behind
	// the caller's back, who gets the old result; 0: never. Must be less than
	// TTL where there is one.
	RefreshAfter time.Duration
	// StaleOnError is how long past its expiry a result may stand in for a
	// function that fails; 0: not at all.
	StaleOnError time.Duration
	// ErrorTTL is how long this process remembers an error instead of calling
	// again; nil, or 0 or less for an error: not at all. Errors stay in
	// memory, where they keep their identity, so it conflicts with Transient.
	ErrorTTL func(error) time.Duration

	// Scope separates results by who asks. A declared scope whose value the
	// ctx lacks fails closed: nothing is read or written.
	Scope Scope
	// Unlinked takes results out of the dataset of the ctx. Linked results,
	// the default, belong to one dataset and go when it is deleted.
	Unlinked bool
	// Collection separates results within a store; default
	// "execution_store". "reprise" is taken.
	Collection string

	// Codec serializes results; default codec.JSON. Ephemeral needs none.
	Codec codec.Codec[Out]
	// Tags gives labels by which Cache.InvalidateTag finds a result.
	Tags func(In, Out) []string
	// Shared hands out the result in memory itself, where each caller would
	// get a copy: callers promise not to modify it.
	Shared bool
	// OnStoreError says what a call does when the store fails; default
	// FailOpen.
	OnStoreError StoreErrorPolicy
}

const (
	defaultMaxSize    = 1024
	defaultLeaseTTL   = 30 * time.Second
	defaultCollection = "execution_store"
	ownCollection     = "reprise" // of the savings ledger
)

// complete returns a copy of o with defaults in place, or all that is wrong.
func (o *Options[In, Out]) complete() (Options[In, Out], error) {
	var c Options[In, Out]
	if o != nil {
		c = *o
	}
	if err := c.check(); err != nil {
		return c, err
	}
	c.IgnoredInputs = slices.Clone(c.IgnoredInputs)
	c.LeaseTTL = orDefault(c.LeaseTTL, defaultLeaseTTL)
	if c.MaxSize == 0 {
		c.MaxSize = defaultMaxSize
	}
	if c.Collection == "" {
		c.Collection = defaultCollection
	}
	if c.Codec == nil {
		c.Codec = codec.JSON[Out]()
	}
	if c.Version == "" && len(c.Policies) == 0 {
		c.Policies = []version.Policy{version.Auto()}
	}
	return c, nil
}

func (o *Options[In, Out]) check() error {
	return together(
		o.checkDurations(),
		refuse(o.Residency > Ephemeral, "option Residency: %d is none of Hybrid, Transient, Ephemeral", o.Residency),
		refuse(o.Scope&^allScopes != 0, "option Scope: %#x has bits that are no scope", uint8(o.Scope)),
		refuse(o.OnStoreError > FailClosed, "option OnStoreError: %d is neither FailOpen nor FailClosed", o.OnStoreError),
		refuse(o.MaxSize < 0, "option MaxSize: %d is negative; use 0 for the default of %d", o.MaxSize, defaultMaxSize),
		refuse(o.MaxSize > 0 && o.Residency == Transient, "option MaxSize bounds memory, and Transient keeps nothing there; drop one of the two"),
		refuse(o.ErrorTTL != nil && o.Residency == Transient, "option ErrorTTL keeps errors in memory, and Transient keeps nothing there; drop one of the two"),
		refuse(o.Shared && o.Residency == Transient, "option Shared is about values in memory, and Transient keeps none there; drop one of the two"),
		refuse(o.LeaseTTL != 0 && !o.Serialize, "option LeaseTTL needs Serialize"),
		refuse(o.Serialize && o.Residency == Ephemeral, "option Serialize needs a store, and Ephemeral uses none; within a process identical calls share one execution anyway"),
		refuse(o.OnStoreError == FailClosed && o.Residency == Ephemeral, "option OnStoreError: FailClosed is about the store, and Ephemeral uses none"),
		refuse(o.Collection == ownCollection, "option Collection: %q is for reprise's own entries; choose another name", o.Collection),
		refuse(o.KeyFunc != nil && len(o.IgnoredInputs) > 0, "option IgnoredInputs has no effect beside KeyFunc; leave the inputs out of what KeyFunc returns"),
	)
}

func (o *Options[In, Out]) checkDurations() error {
	negative := func(name string, d time.Duration) error {
		return refuse(d < 0, "option %s: %v is negative; use 0 for the default", name, d)
	}
	return together(
		negative("TTL", o.TTL), negative("Jitter", o.Jitter), negative("RefreshAfter", o.RefreshAfter),
		negative("StaleOnError", o.StaleOnError), negative("LeaseTTL", o.LeaseTTL), negative("MaxRun", o.MaxRun),
		refuse(o.Jitter > 0 && o.TTL == 0 && o.TTLFunc == nil, "option Jitter: %v needs a TTL to take it from", o.Jitter),
		refuse(o.Jitter > 0 && o.TTL > 0 && o.Jitter >= o.TTL, "option Jitter: %v must be less than TTL %v", o.Jitter, o.TTL),
		refuse(o.RefreshAfter > 0 && o.TTL > 0 && o.RefreshAfter >= o.TTL, "option RefreshAfter: %v must be less than TTL %v", o.RefreshAfter, o.TTL),
		refuse(o.StaleOnError > 0 && o.TTL == 0 && o.TTLFunc == nil, "option StaleOnError: %v has no effect without a TTL", o.StaleOnError),
	)
}
