// Package memory is the memory tier: results of cached functions in this
// process, least recently used leaving first, exactly.
//
// A lookup is free of locks and allocations. The entries hang in a hash table
// that readers walk without a lock and writers change under one. A hit notes
// its place in the order of all uses with one atomic counter; only an eviction
// sorts, and only as far as it must to know the least recently used entry (see
// recency.go). ADR 0002 has the candidates and their figures.
//
// What is in memory can become obsolete in two ways. It can expire: deadlines
// are absolute, on a Clock that no setting of the wall clock turns back. And it
// can be cleared, here or by another process: Generations holds what this
// process knows of the store's sequence numbers, and an entry that a change has
// passed is never returned again.
package memory
