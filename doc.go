// Package reprise remembers the results of expensive functions across
// goroutines, processes and machines, and never gives back a result that the
// code, the inputs or the caller's scope no longer justify.
//
//	cache, err := reprise.Open(ctx, "", nil) // the embedded store
//	stats, err := reprise.Wrap(cache, computeStats, nil)
//	s, err := stats.Call(ctx, Query{City: "Oslo"}) // computed once, then remembered
//
// # What a result is filed under
//
// A result is filed under everything that justifies it: the function's name,
// the version of its code, the structure of its input and output types, the
// dataset and the scopes of the caller, and the inputs themselves, canonically
// encoded. What cannot be keyed in full is not cached. Two calls share a result
// only if all of that is equal.
//
// # Where results live
//
// With the zero Options a result is kept in this process's memory and in the
// store ([Hybrid]). [Transient] leaves memory out, [Ephemeral] leaves the store
// out. The embedded store is a SQLite file that any number of processes on one
// host share.
//
// # What never happens
//
// A failing cache does not fail a call, unless [FailClosed] asks for that. A
// clear is not undone by work that began before it. A value that the codec
// cannot give back as it was is not stored. The library prints nothing, logs
// nothing unless [Config.Logger] is set, and starts no goroutine that
// [Cache.Close] does not end.
package reprise
