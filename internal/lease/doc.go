// Package lease lets one execution of a key run among all who share a store.
//
//	l, err := c.Acquire(ctx, key, 0, ready)
//	if err != nil { … }                    // the store failed, or ctx ended
//	if l == nil { … }                      // ready said yes: the result is there
//	defer l.Release(ctx, true)             // no-op after Publish
//	run, cancel := l.Context(ctx)
//	defer cancel()
//	v, err := fn(run)                      // run is cancelled if the lease is lost
//	stamp, err := l.Publish(ctx, rec, store.PutPublish)
//
// # States
//
// Of one Acquire, and of the lease that it returns:
//
//	          ┌────────────── pause, wake ──────────────┐
//	          ▼                                         │
//	Acquire: ask ── held by another, or cooling ──▶ wait ── ready ──▶ (nil, nil)
//	          │
//	          │ granted
//	          ▼
//	       re-check ── ready ──▶ release, no cool-down ──▶ (nil, nil)
//	          │
//	          │ not ready
//	          ▼        renewed
//	Lease:  held ◀──────────────┐
//	          │ └── heartbeat ──┘
//	          │
//	          ├── Publish accepted ───────────────────▶ published
//	          ├── Publish failed, Release, Close ─────▶ released [cool-down]
//	          ├── the store says it is not ours ──────▶ lost
//	          └── trust window over ──▶ distrusted ──┬▶ lost
//	                                                 └▶ published, where the
//	                                                    store accepts it after all
//
// A waiter first subscribes to wakes, then reads again, and then pauses, so
// that no publish falls between. Wakes only shorten pauses: with every one of
// them dropped, a waiter still sees a result within two pauses. Whoever was
// granted the lease reads once more, since the result may have been published
// between its last look and the grant.
//
// # Time
//
// With T the TTL, M = T/10 the margin and s the start of the last attempt to
// acquire or renew that succeeded, on the holder's monotonic clock:
//
//	heartbeat at     s + T/3, and every T/30 where one fails
//	holder trusts    until s + T - M
//	store grants     until e + T, e being when the attempt took effect: e ≥ s
//	next owner       by e + T + one pause + jitter
//
// So the holder is told to stop at least M before the store lets another
// start, as long as the clocks of both drift apart by less than a tenth. No
// wall clock and no comparison of two machines' clocks takes part. The
// monotonic clock counts while the process is stopped; on some systems not
// while the machine sleeps.
//
// A pause after the n-th look lasts up to min(PollMax, PollMin·2ⁿ), half of it
// at random, and at most until the lease in the way ends. After a failed
// execution the store grants nobody the lease for the cool-down, which gives
//
//	failing executions in time t ≤ 1 + t/cool-down
//
// however many wait.
//
// # What is promised
//
// Executions ≤ 1 + lost leases, and at most one accepted publish per fence. A
// holder that was stopped may still be running when the next one starts: no
// store can prevent that. Its publish is refused, and its fence is lower, so
// that the systems it writes to can refuse it too (see Fence).
//
// A heartbeat proves that a process lives, not that its work gets on: callers
// bound one execution themselves.
package lease
