// Package pgstore keeps results in PostgreSQL: a shared store for where a
// database server already is.
//
// # How far it reaches
//
// A Store is safe for many goroutines, and one database for any number of
// processes and machines at once. It lives in a schema of its own beside the
// tables of an application. All times are the server's: clocks of clients do
// not matter.
//
// # Round trips
//
// A Get is one prepared statement. Every method that writes calls one function
// in the database, so it is one round trip too, and a client that stalls in
// the middle of it holds no lock.
//
// # Durability
//
// Clears, bumps, leases and what is published under a lease survive a crash of
// the server. A plain put may be lost by one, unless Options.Durability is
// Full. The schema and the reasons are in docs/postgres.md.
package pgstore
