// Package engine carries a call from its key to its result: join identical
// calls, look up the store, run the function once, publish, remember. It deals
// in bytes and any, knows no driver and no user type, and decides nothing about
// keys; the façade gives it those.
//
// # The attempt
//
//	Join ─ leader? ──no──> wait ───────────────────────────────> Joined
//	          │yes
//	       lookup ──hit──> finish ─────────────────────────────> HitStore, HitStale
//	          │miss, with the sequence number at which it missed (begun)
//	       lease (Serialize) ──published meanwhile──────────────> Waited
//	          │
//	        run ──error──> stale-on-error or the error ────────> HitStale, Failed
//	          │
//	      publish under begun, remember ───────────────────────> Populated, Refreshed, PutFailed
//
// Everything that an execution leaves behind, in memory or in the store, is
// filed under begun. A clear takes a higher number, so whatever began before
// it stays invisible, however late it is written.
package engine
