// Package sqlitestore keeps results in one SQLite database, and large values in
// files beside it: the embedded store that reprise uses by default.
//
// # How far it reaches
//
// A Store is safe for many goroutines, and one database for many processes of
// one host at once: SQLite's write-ahead log lets readers go on while one
// writer commits, and a writer waits for its turn up to Options.BusyTimeout.
// Network filesystems are refused, because their locks and shared memory
// cannot be trusted across machines.
//
// # Files
//
// For a database at path there are path, path-wal and path-shm while it is in
// use, and the directory path.values with one file for each large value, named
// by the SHA-256 of its content. Directories are made with mode 0700 and files
// with 0600. Delete or move all of them together. The schema is specified in
// docs/sqlite.md.
//
// # Durability
//
// Everything a method reported as done survives the death of the process. What
// a loss of power can take is Options.Durability's choice; it never leaves a
// damaged database.
package sqlitestore
