// Package redisstore keeps entries in Redis 6.2 or later, or Valkey: one
// server, one behind Sentinel, or a cluster. It is for caches that many
// machines share.
//
// Every operation on an entry is one Lua script, atomic in Redis, and all times
// are the server's. On one server a script covers the whole operation. In a
// cluster an operation that takes a sequence number has steps in two slots,
// whose order and safety docs/redis.md explains. Get takes one round trip; in a
// cluster two where the sequence number moved since this process last saw it.
//
// Entries spread over 256 hash slots by the first byte of their key. Bump,
// Count, List, Purge, Info and Sweep visit those in use; Count, Purge and
// orders of List other than ByKey look at every entry of the functions that the
// query selects.
//
// What Redis forgets in a failover or a restart without persistence is lost
// safely: numbers and fences continue above the lost ones by the server's
// clock, executions that were under way are refused, and readers are told to
// drop their copies. The bounds are in docs/redis.md.
package redisstore
