package reprise

import "github.com/reprise-go/reprise/internal/canon"

// File is an input that counts by the content of the file at its path. The
// path itself does not count: a function that tells by it what to do takes the
// path as a string beside the File.
type File = canon.File

// Dir is an input that counts by the relative paths, contents and executable
// bits of the files below its path. Include and Exclude select them by globs
// such as "**/*.go".
type Dir = canon.Dir

// CacheKeyer is implemented by input types that say themselves what of them
// counts. What CacheKey returns is encoded in their place.
type CacheKeyer = canon.CacheKeyer
