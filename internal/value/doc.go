// Package value knows what Go values are made of: it copies them deeply,
// compares them deeply and says where they differ, tells whether a copy could
// be changed behind one's back, and estimates how much memory they hold.
//
// Everything is compiled once per type into closures that work on memory, so
// that a comparison or a copy walks data and never types. The compiled forms
// are cached for the life of the process. All functions are safe for
// concurrent use, as long as nobody modifies the values meanwhile.
//
// # Equality
//
// Two values are equal where no program could tell a stored result from a
// computed one. That is reflect.DeepEqual with these differences: NaN equals
// NaN whatever its payload, and 0 differs from -0; a [time.Time] is compared by
// its instant, its offset from UTC and its location's name, without the
// monotonic reading; numbers of math/big are compared by what they mean. A
// time in [time.Local] equals another of the same instant and offset, for
// Local names the machine and not a place. Which pointers, slices and maps
// share memory is not compared.
//
// # Copies
//
// A clone shares no memory that can be modified with its original. Where the
// type can refer to itself, or holds interfaces, pointers, maps and slices
// that occur several times in the original are one again in the clone, so
// cycles survive. Elsewhere each occurrence becomes its own.
package value
