// Package archtest holds the rules of the house as tests: which package may
// import which (table_test.go), that every exported identifier is documented,
// how long a file may be, what a package may not be called, and what a library
// does not do. It has no code of its own.
//
// The tests read every Go file of the module, for every platform and build
// tag, so an arrow that only exists on Windows is found on Linux.
package archtest
