// Package store is the port between reprise and the places where results are
// kept. A driver stores sealed bytes under a 32-byte key and knows nothing of
// functions, policies or Go types; the comments here are the contract that
// every driver meets and that package storetest checks.
//
// # Generations
//
// A store keeps one sequence number, which only grows. Everything that makes
// results obsolete takes the next number: Bump hides all entries that carry a
// label, Clear hides one entry, a Put with PutSet or PutRefresh changes one.
// Every record notes the sequence that was current when its execution began
// (Record.Begun). A record is visible while no label of it was bumped, and its
// key was not cleared, after that. So clearing a million entries is one write,
// and work that began before a clear can never undo it.
//
// A fresh store's number is at least 1. Changes since 0 tells of no keys, so a
// caller that had noted 0 would miss the first clear.
//
// # Time
//
// Expiry is absolute and in the store's own clock: the driver stamps it when
// it accepts a record, and each lookup says what the store's clock shows.
package store
